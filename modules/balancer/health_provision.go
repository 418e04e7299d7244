// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
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
			return b.atServer(i, fmt.Errorf("server %d %q: %w", i+1, s.Name, err))
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

// healthConfig returns the pool's configuration of a server's health.
func (b *Backend) healthConfig(s *Server) pool.HealthConfig {
	if a := b.added(s.Name); a != nil {
		return b.healthConfigWith(s, a.socket, a.header)
	}
	return b.healthConfigWith(s, b.sockets[s.Name], b.headers[s.Name])
}

// healthConfigWith returns the same of a server with the options of its sockets, and its header.
func (b *Backend) healthConfigWith(s *Server, socket *relay.SocketOptions, header *ProxyHeader) pool.HealthConfig {
	c := pool.HealthConfig{
		Init: initStates[s.InitState], Observe: observed[s.Observe], OnError: errorActions[s.OnError],
		ErrorLimit: cmp.Or(s.ErrorLimit, DefaultErrorLimit), Track: s.tracked(b.name),
		Passive: b.Passive.passive(), EvictOnDown: s.OnMarkedDown != "", EvictBackupsOnUp: s.OnMarkedUp != "",
	}
	if check := b.checkOf(s); check != nil {
		interval := cmp.Or(time.Duration(check.Interval), DefaultInterval)
		c.Check = &pool.Check{
			Checker: check.checker, Target: b.target(s, check, interval, socket, header), Spread: check.Spread,
			Interval: interval, FastInterval: time.Duration(check.FastInterval), DownInterval: time.Duration(check.DownInterval),
			Rise: cmp.Or(check.Rise, DefaultRise), Fall: cmp.Or(check.Fall, DefaultFall),
		}
	}
	if agent := b.agentOf(s); agent != nil {
		interval := cmp.Or(time.Duration(agent.Interval), DefaultInterval)
		c.Agent = &pool.AgentCheck{Agent: agent.agent, Send: agent.Send, Interval: interval, Target: b.withTimeouts(b.agentTarget(s, agent, socket), interval)}
	}
	return c
}

// target returns the target of a server's check.
func (b *Backend) target(s *Server, c *Check, interval time.Duration, socket *relay.SocketOptions, header *ProxyHeader) pool.Target {
	t := b.targetFrom(s, socket)
	t.SendProxy = headerOfCheck(c, header)
	if c.Source != "" {
		t.Source, _ = netip.ParseAddr(c.Source)
	}
	t.Network, t.Address = SplitAddress(s.Address)
	t.Naming = s.naming()
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

// targetFrom returns a target with the server's address and interface to connect from.
func (b *Backend) targetFrom(s *Server, socket *relay.SocketOptions) (t pool.Target) {
	o := b.socketOf(s)
	t.Interface = o.Interface
	if socket != nil && socket.Namespace != nil {
		t.Namespace = socket.Namespace
	}
	t.Source, _, _, _ = parseSource(o.Source) // it has been validated
	return t
}

// headerOfCheck returns the version of the PROXY header that a check sends, or 0: the check's own,
// or the server's unless the check has another address.
func headerOfCheck(c *Check, header *ProxyHeader) int {
	if c.SendProxy == "" && c.Address == "" && c.Port == 0 {
		return header.Version()
	}
	return headerVersion(c.SendProxy)
}

// agentTarget returns the target of an agent, without timeouts.
func (b *Backend) agentTarget(s *Server, a *Agent, socket *relay.SocketOptions) pool.Target {
	t := b.targetFrom(s, socket)
	t.Naming = s.naming()
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
