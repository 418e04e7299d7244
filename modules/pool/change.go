// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Errors of Registry.Change.
var (
	ErrNoBackend    = errors.New("no such backend")
	ErrNoSuchServer = errors.New("no such server")
	ErrTracks       = errors.New("the server tracks another server: change the health of that one")
	ErrNoAgent      = errors.New("the server has no agent, or it is disabled")
	ErrNoCheck      = errors.New("the server has no health check")
)

// Health is a state of health that the operator sets.
type Health uint8

// The states, as in HAProxy.
const (
	HealthUp Health = iota
	// HealthStopping servers get no new connections, as if a check had asked for that.
	HealthStopping
	HealthDown
)

var healthNames = [...]string{HealthUp: "up", HealthStopping: "stopping", HealthDown: "down"}

// String returns up, stopping or down.
func (h Health) String() string { return healthNames[h] }

// Change is a change of a server at run time. Fields that are nil or empty change nothing. What
// it sets lasts until the configured value changes; health, until checks find otherwise.
type Change struct {
	Admin *Admin
	// Weight is as for ParseWeight.
	Weight string
	// MaxConn is the new limit; 0: no limit.
	MaxConn *int
	// Health sets the health of the server, as if checks had found it so.
	Health *Health
	// Agent sets the health of the server, up or down, as if its agent had reported it.
	Agent *Health
	// Address is the new address, HOST:PORT or a host alone, whose port stays; Port the new port. New
	// connections and checks go there. Health goes on from where it is, as in HAProxy.
	Address string
	Port    *int
	// CheckAddress and CheckPort are where checks connect to, AgentAddress and AgentPort where the
	// agent is, and AgentSend is the text that it gets.
	CheckAddress, AgentAddress string
	CheckPort, AgentPort       *int
	AgentSend                  *string
	// Checks and AgentChecks say whether the server is checked, and whether its agent is asked. Its
	// health stays as it is meanwhile.
	Checks, AgentChecks *bool
	// By says where the change comes from.
	By string
}

// Changed is a value of a server that a Change has changed.
type Changed struct{ Key, From, To string }

// Change changes a server of the configuration that serves, and returns the changed values. It is
// HAProxy's set server. The error is ErrNoBackend, ErrNoSuchServer, ErrTracks, ErrNoAgent,
// ErrNoCheck, or describes an invalid value; on error nothing changes.
func (r *Registry) Change(backend, server string, c Change) ([]Changed, error) {
	b, s, err := r.locked(Ref{backend, server})
	if err != nil {
		return nil, err
	}
	defer b.unlock()
	return b.change(s, c)
}

// locked returns a server that serves, with its backend locked.
func (r *Registry) locked(ref Ref) (*backend, *Server, error) {
	b := r.find(ref.Backend)
	if b == nil {
		return nil, nil, ErrNoBackend
	}
	err := ErrNoBackend
	if b.pool != nil {
		if s := b.pool.server(ref.Server); s != nil {
			return b, s, nil
		}
		err = ErrNoSuchServer
	}
	b.unlock()
	return nil, nil, err
}

func (b *backend) change(s *Server, c Change) ([]Changed, error) {
	if err := c.validate(s); err != nil {
		return nil, err
	}
	run := s.state.run
	if c.Weight != "" {
		run.weight, _ = ParseWeight(c.Weight, s.Weight)
	}
	if c.MaxConn != nil {
		run.maxconn = *c.MaxConn
	}
	if c.Admin != nil {
		run.admin = *c.Admin
	}
	if c.Checks != nil {
		run.noChecks = !*c.Checks
	}
	if c.AgentChecks != nil {
		run.noAgent = !*c.AgentChecks
	}
	changed, err := b.set(s, run, s.state.adjustment.change(&c, s), &c)
	if err == nil {
		s.state.mark(changed, c.By)
	}
	return changed, err
}

// set sets values of a server, and its health as c says unless that is nil. It returns the
// changed values.
func (b *backend) set(s *Server, run setting, a Adjustment, c *Change) ([]Changed, error) {
	before, state, replaced := s.values(), s.state, a != s.state.adjustment
	if replaced {
		conf, err := s.pool.adjusted(s, a)
		if err != nil {
			return nil, err
		}
		state.adjustment = a
		s = b.replace(s, conf)
	}
	why := cause{Result: Result{Code: CodeManual}}
	loops := run.noChecks != state.run.noChecks || run.noAgent != state.run.noAgent
	b.update(s, func() cause {
		state.run = run
		return why
	})
	if replaced {
		b.rebuild(why) // the view has the server before
	}
	if loops && len(b.running) > 0 {
		b.updateLoops()
	}
	if c != nil && (c.Health != nil || c.Agent != nil) {
		b.update(s, func() cause {
			state.health.change(*c)
			return why
		})
	}
	return Differences(before, s.values()), nil
}

// validate returns the error of a change of a server.
func (c *Change) validate(s *Server) error {
	switch {
	case c.MaxConn != nil && *c.MaxConn < 0:
		return fmt.Errorf("maxconn %d: expected a whole number, zero or more", *c.MaxConn)
	case c.Health != nil && s.Track != (Ref{}):
		return ErrTracks
	case s.Agent == nil && (c.AgentAddress != "" || c.AgentPort != nil || c.AgentSend != nil || c.AgentChecks != nil),
		c.Agent != nil && (s.Agent == nil || s.state.run.noAgent):
		return ErrNoAgent
	case s.Check == nil && (c.CheckAddress != "" || c.CheckPort != nil || c.Checks != nil):
		return ErrNoCheck
	case c.Weight == "":
		return nil
	}
	_, err := ParseWeight(c.Weight, s.Weight)
	return err
}

// ParseWeight parses a weight from 0 to MaxWeight, or a percentage of the configured weight
// ("50%"), rounded down: anything below 100% of weight 1 is 0. It is HAProxy's set server weight.
func ParseWeight(text string, configured int) (int, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil || n < 0:
	case percent:
		return min(MaxWeight, min(n, 100*MaxWeight)*configured/100), nil
	case n <= MaxWeight:
		return n, nil
	}
	return 0, fmt.Errorf("weight %q: expected a whole number from 0 to %d, or a percentage such as 50%%", text, MaxWeight)
}

// SetWeight changes a server's weight until the configuration changes it. It is HAProxy's set
// server weight.
func (p *Pool) SetWeight(server string, weight int) error {
	return p.change(server, Change{Weight: strconv.Itoa(weight)})
}

// SetAdmin changes a server's administrative state until the configuration changes it. It is
// HAProxy's set server state.
func (p *Pool) SetAdmin(server string, a Admin) error {
	return p.change(server, Change{Admin: &a})
}

// SetHealth marks a server as up or down until a check finds otherwise. It is HAProxy's set server
// health.
func (p *Pool) SetHealth(server string, up bool) error {
	h := HealthDown
	if up {
		h = HealthUp
	}
	return p.change(server, Change{Health: &h})
}

func (p *Pool) change(server string, c Change) error {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
	if s := b.pool.server(server); s != nil {
		_, err := b.change(s, c)
		return err
	}
	return fmt.Errorf("%w: %q in backend %q", ErrNoSuchServer, server, p.name)
}
