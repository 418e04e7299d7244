// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// maxNumber is the highest count in a Caddyfile, as in HAProxy.
const maxNumber = 1<<31 - 1

func (b *Backend) parseServer(d *caddyfile.Dispenser) error {
	s := new(Server)
	if !d.NextArg() {
		return d.Errf("expected server NAME ADDRESS")
	}
	s.Name = d.Val()
	if d.NextArg() {
		s.Address = d.Val()
	}
	if err := validateServerName(s.Name, s.Address); err != nil {
		return options.Wrap(d, wrapAbout("server", err))
	}
	if slices.ContainsFunc(b.Servers, func(o *Server) bool { return o.Name == s.Name }) {
		return d.Errf("another server of this backend is named %q already", s.Name)
	}
	if err := s.validate(); err != nil {
		return d.Errf("server %q: %w", s.Name, err)
	}
	b.Servers = append(b.Servers, s)
	if err := s.table(d.Line()).With(advice(&advised.server)).ParseLine(d); err != nil {
		return err
	}
	if err := s.validate(); err != nil {
		return d.Errf("server %q: %w", s.Name, err)
	}
	return nil
}

// ParseAddress adds a server for the address that d is on. It is named after the address where that
// is a valid name, else after its position: s1, s2.
func (b *Backend) ParseAddress(d *caddyfile.Dispenser) error {
	s := &Server{Name: d.Val(), Address: d.Val()}
	if ValidateName(s.Name) != nil {
		s.Name = fmt.Sprintf("s%d", len(b.Servers)+1)
	}
	if slices.ContainsFunc(b.Servers, func(o *Server) bool { return o.Name == s.Name }) {
		return d.Errf("server %q is given twice", s.Name)
	}
	if err := s.validate(); err != nil {
		return options.Wrap(d, err)
	}
	b.NoteLine("server", d)
	b.Servers = append(b.Servers, s)
	return nil
}

// table returns the options of a server whose definition begins on line.
func (s *Server) table(line int) options.Table {
	table := s.ProxyHeader.headerTable()
	maps.Copy(table, options.Table{
		"id":             options.Int(&s.ID, 1, maxNumber),
		"weight":         options.Optional(&s.Weight, func(n *int) options.Option { return options.Int(n, 0, MaxWeight) }),
		"backup":         options.Flag(&s.Backup),
		"non_stick":      options.Flag(&s.NonStick),
		"disabled":       options.Flag(&s.Disabled),
		"maxconn":        options.Int(&s.MaxConn, 1, maxNumber),
		"minconn":        options.Int(&s.MinConn, 1, maxNumber),
		"maxqueue":       options.Int(&s.MaxQueue, 1, maxNumber),
		"slowstart":      options.Duration(&s.SlowStart),
		"check":          options.Once(func(d *caddyfile.Dispenser) error { return parseCheck(d, &s.Check, d.Line() != line) }),
		"agent":          options.Once(func(d *caddyfile.Dispenser) error { return parseAgent(d, &s.Agent, d.Line() != line) }),
		"no_check":       options.Flag(&s.NoCheck),
		"track":          options.Text(&s.Track),
		"init_state":     options.OneOf(&s.InitState, wordsOf(initStates)),
		"on_marked_down": options.OneOf(&s.OnMarkedDown, downActions),
		"on_marked_up":   options.OneOf(&s.OnMarkedUp, upActions),
		"observe":        options.OneOf(&s.Observe, wordsOf(observed)),
		"error_limit":    options.Int(&s.ErrorLimit, 1, maxNumber),
		"on_error":       options.OneOf(&s.OnError, wordsOf(errorActions)),
	})
	maps.Copy(table, s.SocketOptions.table())
	maps.Copy(table, s.NameOptions.table())
	return table
}

// parseCheck parses [CHECKER] and, if block is set, a block that may also hold the checker's
// options.
func parseCheck(d *caddyfile.Dispenser, p **Check, block bool) error {
	c, name := new(Check), "tcp"
	*p = c
	named := d.NextArg()
	if named {
		name = d.Val()
		known := slices.Contains(knownCheckers(), name)
		switch {
		case !known && block:
			return d.Errf("check: %w", unknownChecker(name))
		case !known: // the server's next option
			d.Prev()
			name, named = "tcp", false
		}
	}
	checker, err := newChecker(name)
	if err != nil {
		return d.Errf("check: %w", err)
	}
	if block {
		table := c.table()
		maps.Copy(table, optionsOf(checker))
		if err := table.With(advice(&advised.check)).ParseBlock(d); err != nil {
			return err
		}
	}
	if named {
		c.CheckerRaw = caddyconfig.JSONModuleObject(checker, "module", name, nil)
	}
	return options.Wrap(d, wrapAbout("check", c.validate()))
}

// optionsOf returns the options of a checker.
func optionsOf(checker pool.Checker) options.Table {
	if with, ok := checker.(interface{ CheckOptions() options.Table }); ok {
		return with.CheckOptions()
	}
	return nil
}

// table returns the options of a check, without those of its checker.
func (c *Check) table() options.Table {
	return options.Table{
		"interval":      options.Duration(&c.Interval),
		"fast_interval": options.Duration(&c.FastInterval),
		"down_interval": options.Duration(&c.DownInterval),
		"rise":          options.Int(&c.Rise, 1, maxNumber),
		"fall":          options.Int(&c.Fall, 1, maxNumber),
		"timeout":       options.Duration(&c.Timeout),
		"spread":        options.Int(&c.Spread, 0, maxSpread),
		"address":       options.Text(&c.Address),
		"port":          options.Int(&c.Port, 1, maxPort),
		"source":        options.Text(&c.Source),
		"send_proxy":    options.OneOf(&c.SendProxy, headerVersions),
		"log":           options.Flag(&c.Log),
	}
}

// parseAgent parses PORT and, if block is set, a block.
func parseAgent(d *caddyfile.Dispenser, p **Agent, block bool) error {
	a := new(Agent)
	*p = a
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	if a.Port, err = strconv.Atoi(word); err != nil || a.Port < 1 || a.Port > maxPort {
		return d.Errf("agent: %q: expected a port from 1 to %d", word, maxPort)
	}
	if !block {
		return nil
	}
	table := options.Table{
		"address":  options.Text(&a.Address),
		"interval": options.Duration(&a.Interval),
		"send":     options.Escaped(&a.Send),
	}
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	return options.Wrap(d, wrapAbout("agent", a.validate()))
}
