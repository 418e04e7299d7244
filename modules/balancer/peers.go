// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peering"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peers"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// provisionPeers opens the sections of peers.
func (a *App) provisionPeers() error {
	for _, name := range slices.Sorted(maps.Keys(a.Peers)) {
		s := a.Peers[name]
		if s == nil {
			return fmt.Errorf("peers %q: expected an object with peers and bind", name)
		}
		if err := cmp.Or(ValidateName(name), s.Provision(name)); err != nil {
			return fmt.Errorf("peers %q: %w", name, err)
		}
	}
	return nil
}

// validatePeers returns an error for a table that names an unknown section of peers.
func (a *App) validatePeers(t *stick.Table) error {
	if t.Peers == "" || a.Peers[t.Peers] != nil {
		return nil
	}
	return fmt.Errorf("peers %q is not defined%s", t.Peers, options.Suggest(t.Peers, slices.Collect(maps.Keys(a.Peers))))
}

// openPeers opens the listeners of all sections, or none.
func (a *App) openPeers() error {
	for _, name := range slices.Sorted(maps.Keys(a.Peers)) {
		if err := a.Peers[name].Listen(a.ctx); err != nil {
			a.closePeers()
			return err
		}
	}
	return nil
}

func (a *App) closePeers() {
	for _, s := range a.Peers {
		s.StopListening()
	}
}

// activatePeers makes the sections of the process like those of this configuration.
func (a *App) activatePeers() {
	for section, s := range a.Peers {
		var all []peers.Table
		for _, name := range slices.Sorted(maps.Keys(a.StickTables)) {
			if t := a.StickTables[name]; t.Peers == section {
				all = append(all, peers.Table{Name: s.TableName(name), Table: t.Table(), ReceiveOnly: t.ReceiveOnly})
			}
		}
		s.Activate(all)
	}
}

// peerAddresses adds the addresses of the sections to those of Listening.
func (a *App) peerAddresses(all map[string][]durable.Listening) {
	for name, s := range a.Peers {
		all["peers "+name] = s.Addresses()
	}
}

// parsePeers parses "peers <name> { … }". Its tables are named SECTION/TABLE.
func (a *App) parsePeers(d *caddyfile.Dispenser) error {
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	if err := ValidateWrittenName(name); err != nil {
		return d.Errf("peers: %w", err)
	}
	if a.Peers[name] != nil {
		return d.Errf("peers %q is defined twice", name)
	}
	if a.Peers == nil {
		a.Peers = make(map[string]*peering.Section)
	}
	s := new(peering.Section)
	a.Peers[name] = s
	begin := *d
	table := s.Options()
	table["table"] = options.Repeatable(func(d *caddyfile.Dispenser) error { return a.parsePeersTable(d, name) })
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	if err := s.ValidateWritten(); err != nil {
		return begin.Errf("peers %q: %w", name, err)
	}
	return nil
}

// parsePeersTable parses a table of a section.
func (a *App) parsePeersTable(d *caddyfile.Dispenser, section string) error {
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	if err := ValidateWrittenName(name); err != nil {
		return d.Errf("table: %w", err)
	}
	t := &stick.Table{Peers: section}
	name = section + "/" + name
	if a.StickTables[name] != nil {
		return d.Errf("table %q is defined twice", name)
	}
	if a.StickTables == nil {
		a.StickTables = make(map[string]*stick.Table)
	}
	a.StickTables[name] = t
	return t.UnmarshalCaddyfile(d)
}
