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
	ErrNoAgent      = errors.New("the server has no agent")
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

// Change is a change of a server at run time. Fields that are nil or empty change nothing. A
// weight, a limit or an administrative state lasts until the configured value changes; health,
// until checks find otherwise.
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
}

// Changed is a value of a server that a Change has changed.
type Changed struct{ Key, From, To string }

// Change changes a server of the configuration that serves, and returns the values that have
// changed. It is HAProxy's set server. The error is ErrNoBackend, ErrNoSuchServer, ErrTracks, ErrNoAgent, or describes an invalid value; on error
// nothing changes.
func (r *Registry) Change(backend, server string, c Change) ([]Changed, error) {
	b := r.find(backend)
	if b == nil {
		return nil, ErrNoBackend
	}
	defer b.unlock()
	if b.pool == nil {
		return nil, ErrNoBackend
	}
	for _, s := range b.pool.servers {
		if s.Name == server {
			return b.change(s, c)
		}
	}
	return nil, ErrNoSuchServer
}

func (b *backend) change(s *Server, c Change) ([]Changed, error) {
	if err := c.validate(s); err != nil {
		return nil, err
	}
	before := s.values()
	why := cause{Result: Result{Code: CodeManual}}
	b.update(s, func() cause {
		if c.Weight != "" {
			s.state.run.weight, _ = ParseWeight(c.Weight, s.Weight)
		}
		if c.MaxConn != nil {
			s.state.run.maxconn = *c.MaxConn
		}
		if c.Admin != nil {
			s.state.run.admin = *c.Admin
		}
		return why
	})
	if c.Health != nil || c.Agent != nil {
		b.update(s, func() cause {
			s.state.health.change(c)
			return why
		})
	}
	return Differences(before, s.values()), nil
}

// values returns what a Change may change, with the names of Changed.
func (s *Server) values() []Changed {
	run, h := s.state.run, &s.state.health
	return []Changed{
		{Key: "admin", To: run.admin.String()},
		{Key: "weight", To: strconv.Itoa(run.weight)},
		{Key: "maxconn", To: strconv.Itoa(run.maxconn)},
		{Key: "health", To: h.shown()},
		{Key: "agent", To: upOrDown(h.agent.up())},
	}
}

// Differences returns the values that differ, of two lists with the same keys whose values are To.
func Differences(before, after []Changed) (changed []Changed) {
	for i, now := range after {
		if was := before[i].To; was != now.To {
			changed = append(changed, Changed{now.Key, was, now.To})
		}
	}
	return changed
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// validate returns the error of a change of a server.
func (c *Change) validate(s *Server) error {
	switch {
	case c.MaxConn != nil && *c.MaxConn < 0:
		return fmt.Errorf("maxconn %d: expected a whole number, zero or more", *c.MaxConn)
	case c.Health != nil && s.Track != (Ref{}):
		return ErrTracks
	case c.Agent != nil && s.Agent == nil:
		return ErrNoAgent
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
