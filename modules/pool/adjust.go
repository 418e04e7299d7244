// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"cmp"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
)

// ErrNotAdjustable means that the configuration has nothing that the adjustment could change.
var ErrNotAdjustable = errors.New("only the address can be changed here")

// Adjustment holds addresses of a server that were set at run time, in place of its configuration.
// Empty fields are as configured.
type Adjustment struct {
	// Address is the server's.
	Address string
	// CheckAddress and CheckPort are where checks connect to, AgentAddress and AgentPort where the
	// agent is.
	CheckAddress, AgentAddress string
	CheckPort, AgentPort       int
	// AgentSend is the text that the agent gets first.
	AgentSend *string
}

// change applies a change.
func (a Adjustment) change(c *Change, s *Server) Adjustment {
	if c.Address != "" || c.Port != nil {
		a.Address = c.address(s.Address)
	}
	a.CheckAddress = cmp.Or(c.CheckAddress, a.CheckAddress)
	a.AgentAddress = cmp.Or(c.AgentAddress, a.AgentAddress)
	if c.CheckPort != nil {
		a.CheckPort = *c.CheckPort
	}
	if c.AgentPort != nil {
		a.AgentPort = *c.AgentPort
	}
	if c.AgentSend != nil {
		a.AgentSend = c.AgentSend
	}
	if conf := s.configured(); a.Address == conf.Address {
		a.Address = ""
	}
	return a
}

// address returns the address that the change makes of another.
func (c *Change) address(now string) string {
	host, port, _ := net.SplitHostPort(now)
	if h, p, err := net.SplitHostPort(c.Address); err == nil {
		host, port = h, p
	} else if c.Address != "" {
		host = strings.Trim(c.Address, "[]")
	}
	if c.Port != nil {
		port = strconv.Itoa(*c.Port)
	}
	if port == "" || strings.HasPrefix(c.Address, "unix/") || strings.HasPrefix(c.Address, "abns/") {
		return c.Address
	}
	return net.JoinHostPort(host, port)
}

// configured returns the configuration of the server with its resolution, without other changes at
// run time.
func (s *Server) configured() *ServerConfig {
	if s.base != nil {
		return s.base
	}
	return &s.ServerConfig
}

// adjusted returns the configuration of the server with an adjustment.
func (p *Pool) adjusted(s *Server, a Adjustment) (c ServerConfig, err error) {
	conf := *s.configured()
	switch {
	case a == Adjustment{}:
		return conf, nil
	case p.adjust != nil:
		if r := s.state.resolution; a.Address == "" && conf.Resolvable && r != nil {
			a.Address = r.Address
		}
		if c, err = p.adjust(s.Name, a); err != nil {
			return c, err
		}
		c.ID, c.Weight, c.Resolvable, c.Awaits = conf.ID, conf.Weight, conf.Resolvable, conf.Awaits
		c.limits()
		return c, nil
	case a != Adjustment{Address: a.Address}:
		return c, ErrNotAdjustable
	}
	conf.Address = a.Address
	return conf, nil
}

// replace puts a server with an adjusted configuration in the place of s, for leases from now on.
// The caller rebuilds the view.
func (b *backend) replace(s *Server, c ServerConfig) *Server {
	return b.exchange(s, &Server{ServerConfig: c, base: s.configured()})
}

// exchange puts n in the place of s. The caller rebuilds the view.
func (b *backend) exchange(s, n *Server) *Server {
	n.Index, n.pool, n.state = s.Index, s.pool, s.state
	list := slices.Clone(s.pool.Servers())
	list[s.Index] = n
	s.pool.servers.Store(&list)
	if s.state.server == s {
		s.state.server = n
	}
	return n
}

// readjust applies the adjustment to a server whose pool begins to serve, or drops it if it does
// not fit the configuration.
func (b *backend) readjust(s *Server) *Server {
	state := s.state
	if state.adjustment == (Adjustment{}) && s.base == nil {
		return s
	}
	c, err := s.pool.adjusted(s, state.adjustment)
	if err != nil {
		state.adjustment = Adjustment{}
		c = *s.configured()
	}
	return b.replace(s, c)
}

// targets are the parts of a configuration that an Adjustment replaces.
type targets struct {
	address, send string
	check, agent  Target
}

func targetsOf(c *ServerConfig) targets {
	t := targets{address: c.Address}
	if c.Check != nil {
		t.check = c.Check.Target
	}
	if c.Agent != nil {
		t.agent, t.send = c.Agent.Target, c.Agent.Send
	}
	return t
}

// keepAdjustment drops adjustments of values that the configuration has changed.
func (s *state) keepAdjustment(now targets) {
	a, before := &s.adjustment, s.targets
	if before.address != now.address {
		a.Address = ""
	}
	if before.check != now.check {
		a.CheckAddress, a.CheckPort = "", 0
	}
	if before.agent != now.agent || before.send != now.send {
		a.AgentAddress, a.AgentPort, a.AgentSend = "", 0, nil
	}
}
