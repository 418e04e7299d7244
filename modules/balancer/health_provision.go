// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Defaults of checks, as in HAProxy.
const (
	DefaultInterval   = 2 * time.Second
	DefaultRise       = 2
	DefaultFall       = 3
	DefaultErrorLimit = 10
)

// checks is the namespace of the checker modules. agentModule is in it, too, but is an Agent and
// not a Checker.
const (
	checks      = "passthrough.checks"
	agentModule = checks + ".agent"
)

func knownCheckers() (names []string) {
	for _, m := range caddy.GetModules(checks) {
		if _, ok := m.New().(pool.Checker); ok {
			names = append(names, m.ID.Name())
		}
	}
	return names
}

func unknownChecker(name string) error {
	return fmt.Errorf("unknown checker %q%s", name, options.Suggest(name, knownCheckers()))
}

// newChecker returns a checker without options.
func newChecker(name string) (pool.Checker, error) {
	info, err := caddy.GetModule(checks + "." + name)
	if err != nil {
		return nil, unknownChecker(name)
	}
	checker, ok := info.New().(pool.Checker)
	if !ok {
		return nil, unknownChecker(name)
	}
	return checker, nil
}

// provision loads the checker. c may be nil.
func (c *Check) provision(ctx caddy.Context) error {
	if c == nil {
		return nil
	}
	if c.CheckerRaw == nil {
		c.CheckerRaw = caddyconfig.JSONModuleObject(struct{}{}, "module", "tcp", nil)
	}
	var inline struct {
		Module string `json:"module"`
	}
	if err := json.Unmarshal(c.CheckerRaw, &inline); err != nil {
		return fmt.Errorf("checker: expected an object such as {\"module\": \"tcp\"}: %w", err)
	}
	if inline.Module == "" {
		return errors.New("checker: it has no module: expected an object such as {\"module\": \"tcp\"}")
	}
	if _, err := newChecker(inline.Module); err != nil {
		return fmt.Errorf("checker: %w", err)
	}
	mod, err := ctx.LoadModule(c, "CheckerRaw")
	if err != nil {
		return fmt.Errorf("loading checker %q: %w", inline.Module, err)
	}
	c.checker = mod.(pool.Checker) // newChecker has checked the type
	return nil
}

// provision loads the agent module. a may be nil.
func (a *Agent) provision(ctx caddy.Context) error {
	if a == nil {
		return nil
	}
	mod, err := ctx.LoadModuleByID(agentModule, caddyconfig.JSON(map[string]string{"send": a.Send}, nil))
	if err != nil {
		return fmt.Errorf("loading %s: %w", agentModule, err)
	}
	agent, ok := mod.(pool.Agent)
	if !ok {
		return fmt.Errorf("%s (%T) does not implement pool.Agent", agentModule, mod)
	}
	a.agent = agent
	return nil
}

// provisionChecks loads the checkers and agents of the backend and its servers.
func (b *Backend) provisionChecks(ctx caddy.Context) error {
	if err := b.at("check", 0, wrapAbout("check", b.Check.provision(ctx))); err != nil {
		return err
	}
	if err := b.at("agent", 0, wrapAbout("agent", b.Agent.provision(ctx))); err != nil {
		return err
	}
	for i, s := range b.Servers {
		if err := errors.Join(wrapAbout("check", s.Check.provision(ctx)), wrapAbout("agent", s.Agent.provision(ctx))); err != nil {
			return b.at("server", i, fmt.Errorf("server %d %q: %w", i+1, s.Name, err))
		}
	}
	return nil
}

// wrapAbout adds the subject to an error.
func wrapAbout(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// checkOf returns the check that applies to a server, or nil.
func (b *Backend) checkOf(s *Server) *Check {
	if s.Check != nil || s.NoCheck || s.Track != "" {
		return s.Check
	}
	return b.Check
}

// agentOf returns the agent that applies to a server, or nil.
func (b *Backend) agentOf(s *Server) *Agent {
	if s.Agent != nil || s.Track != "" {
		return s.Agent
	}
	return b.Agent
}

// validateHealth validates the health options of a server in the context of its backend.
func (b *Backend) validateHealth(s *Server) error {
	check, agent := b.checkOf(s), b.agentOf(s)
	switch {
	case check == nil && s.Observe != "":
		return fmt.Errorf("it has observe %s and no check: errors take a server down, and only a check brings it up again: expected a check", s.Observe)
	case check == nil && s.InitState != "":
		return fmt.Errorf("it has init_state %s and no check: expected a check", s.InitState)
	case check != nil && check.Address == "" && IsTemplate(s.Address):
		return fmt.Errorf("it has a check, and address %q depends on each connection: expected an address in check, or no_check", s.Address)
	case check != nil && check.Port == 0 && !hasPort(check.Address) && HasRelativePort(s.Address):
		return fmt.Errorf("it has a check, and the port of address %q is relative to that of each connection: expected port in check, or no_check", s.Address)
	case agent != nil && agent.Address == "" && (IsTemplate(s.Address) || isUnix(s.Address)):
		return fmt.Errorf("it has an agent, and address %q has no fixed host: expected an address in agent", s.Address)
	}
	return nil
}

// hasPort reports whether the address of a check has a port.
func hasPort(address string) bool {
	_, to := SplitAddress(address)
	_, _, err := net.SplitHostPort(to)
	return err == nil
}

// healthConfig returns the pool's configuration of a server's health.
func (b *Backend) healthConfig(s *Server) pool.HealthConfig {
	c := pool.HealthConfig{
		Init: initStates[s.InitState], Observe: observed[s.Observe], OnError: errorActions[s.OnError],
		ErrorLimit: cmp.Or(s.ErrorLimit, DefaultErrorLimit), Track: s.tracked(b.name),
		Passive: b.Passive.passive(), EvictOnDown: s.OnMarkedDown != "", EvictBackupsOnUp: s.OnMarkedUp != "",
	}
	if check := b.checkOf(s); check != nil {
		interval := cmp.Or(time.Duration(check.Interval), DefaultInterval)
		c.Check = &pool.Check{
			Checker: check.checker, Target: b.target(s, check, interval), Spread: check.Spread,
			Interval: interval, FastInterval: time.Duration(check.FastInterval), DownInterval: time.Duration(check.DownInterval),
			Rise: cmp.Or(check.Rise, DefaultRise), Fall: cmp.Or(check.Fall, DefaultFall),
		}
	}
	if agent := b.agentOf(s); agent != nil {
		interval := cmp.Or(time.Duration(agent.Interval), DefaultInterval)
		c.Agent = &pool.AgentCheck{Agent: agent.agent, Interval: interval, Target: b.withTimeouts(agentTarget(s, agent), interval)}
	}
	return c
}

// target returns the target of a server's check.
func (b *Backend) target(s *Server, c *Check, interval time.Duration) pool.Target {
	t := pool.Target{SendProxy: 1 + slices.Index(proxyVersions, c.SendProxy)}
	t.Source, _ = netip.ParseAddr(c.Source)
	t.Network, t.Address = SplitAddress(s.Address)
	t.ResolvePrefer = s.ResolvePrefer
	host, port, _ := net.SplitHostPort(t.Address)
	if c.Address != "" {
		t.Network, host = SplitAddress(c.Address)
		if h, p, err := net.SplitHostPort(host); err == nil {
			host, port = h, p
		}
	}
	if c.Port != 0 {
		port = strconv.Itoa(c.Port)
	}
	if t.Network != "unix" {
		t.Address = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	if c.Timeout > 0 {
		t.Timeout = time.Duration(c.Timeout)
		return t
	}
	return b.withTimeouts(t, interval)
}

// agentTarget returns the target of an agent, without timeouts.
func agentTarget(s *Server, a *Agent) (t pool.Target) {
	t.ResolvePrefer = s.ResolvePrefer
	if a.Address == "" {
		t.Network, t.Address = SplitAddress(s.Address)
		t.Address, _, _ = net.SplitHostPort(t.Address)
	} else {
		t.Network, t.Address = SplitAddress(a.Address)
	}
	t.Address = net.JoinHostPort(t.Address, strconv.Itoa(a.Port))
	return t
}

// withTimeouts adds HAProxy's timeouts to a target: a check may take one interval in all, or
// timeouts.check from the connect on.
func (b *Backend) withTimeouts(t pool.Target, interval time.Duration) pool.Target {
	t.Timeout = interval
	if timeout := time.Duration(b.Timeouts.Check); timeout > 0 {
		t.ConnectTimeout, t.Timeout = interval, timeout
		if connect := time.Duration(b.Timeouts.Connect); connect > 0 {
			t.ConnectTimeout = min(interval, connect)
		}
	}
	return t
}

// tracked returns the server that s, a server of the backend, tracks.
func (s *Server) tracked(backend string) pool.Ref {
	if s.Track == "" {
		return pool.Ref{}
	}
	if other, server, both := strings.Cut(s.Track, "/"); both {
		return pool.Ref{Backend: other, Server: server}
	}
	return pool.Ref{Backend: backend, Server: s.Track}
}

// validateTracks reports servers that track a missing server, or themselves.
func (a *App) validateTracks(b *Backend) error {
	for i, s := range b.Servers {
		if s.Track == "" {
			continue
		}
		if err := a.validateTracking(b, s); err != nil {
			return b.at("server", i, fmt.Errorf("backend %q: server %d %q: track %s: %w", b.name, i+1, s.Name, s.Track, err))
		}
	}
	return nil
}

func (a *App) validateTracking(b *Backend, s *Server) error {
	for seen := make(map[pool.Ref]bool); s.Track != ""; {
		to := s.tracked(b.name)
		if seen[to] {
			return errors.New("tracking is circular")
		}
		seen[to] = true
		if to.Backend != b.name {
			other, err := a.Backend(to.Backend)
			if err != nil {
				return err
			}
			b = other
		}
		i := slices.IndexFunc(b.Servers, func(o *Server) bool { return o.Name == to.Server })
		if i < 0 {
			var known []string
			for _, o := range b.Servers {
				known = append(known, o.Name)
			}
			return fmt.Errorf("backend %q has no server %q%s", b.name, to.Server, options.Suggest(to.Server, known))
		}
		s = b.Servers[i]
	}
	if b.checkOf(s) == nil && b.agentOf(s) == nil {
		return fmt.Errorf("server %s/%s has neither check nor agent", b.name, s.Name)
	}
	return nil
}
