// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// adjust returns the pool's configuration of a server with an adjustment, validated as if it had
// been configured.
func (b *Backend) adjust(server string, a pool.Adjustment) (c pool.ServerConfig, err error) {
	found := b.serverNamed(server)
	if found == nil {
		return c, pool.ErrNoSuchServer
	}
	s := *found
	if a.Address != "" {
		s.Address = a.Address
		if DependsOnClient(s.Address) {
			return c, fmt.Errorf("address %q: expected one that does not depend on the client", s.Address)
		}
	}
	if err := b.adjustCheck(&s, a); err != nil {
		return c, err
	}
	if err := b.adjustAgent(&s, a); err != nil {
		return c, err
	}
	if err := cmp.Or(s.validateAddress(), s.HealthOptions.validate(), s.validateSocket(), b.validateHealth(&s)); err != nil {
		return c, err
	}
	c = s.config()
	c.HealthConfig = b.healthConfig(&s)
	return c, nil
}

// serverNamed returns the server of that name, of the configuration or added; or nil.
func (b *Backend) serverNamed(name string) *Server {
	if a := b.added(name); a != nil {
		return a.server
	}
	for _, s := range b.Servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// adjustCheck gives the server an adjusted copy of its check.
func (b *Backend) adjustCheck(s *Server, a pool.Adjustment) error {
	if a.CheckAddress == "" && a.CheckPort == 0 {
		return nil
	}
	of := b.checkOf(s)
	if of == nil {
		return pool.ErrNoCheck
	}
	check := *of
	check.Address, check.Port = cmp.Or(a.CheckAddress, check.Address), cmp.Or(a.CheckPort, check.Port)
	s.Check = &check
	return nil
}

// detachedContext returns a context for modules that are loaded at run time: that of a
// configuration may only be used while it is loaded.
func detachedContext() caddy.Context {
	ctx, _ := caddy.NewContext(caddy.Context{Context: context.Background()})
	return ctx
}

// adjustAgent gives the server an adjusted copy of its agent.
func (b *Backend) adjustAgent(s *Server, a pool.Adjustment) error {
	if a.AgentAddress == "" && a.AgentPort == 0 && a.AgentSend == nil {
		return nil
	}
	of := b.agentOf(s)
	if of == nil {
		return pool.ErrNoAgent
	}
	agent := *of
	agent.Address, agent.Port = cmp.Or(a.AgentAddress, agent.Address), cmp.Or(a.AgentPort, agent.Port)
	if a.AgentSend != nil {
		agent.Send = *a.AgentSend
		if err := agent.provision(detachedContext()); err != nil {
			return err
		}
	}
	s.Agent = &agent
	return nil
}
