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
	// Down marks the server as down or up, as if checks had found it so.
	Down *bool
}

// Change changes a server of the configuration that serves. It is HAProxy's set server. The error
// is ErrNoBackend, ErrNoSuchServer, ErrTracks, or describes an invalid value; on error nothing
// changes.
func (r *Registry) Change(backend, server string, c Change) error {
	b := r.find(backend)
	if b == nil {
		return ErrNoBackend
	}
	defer b.unlock()
	if b.pool == nil {
		return ErrNoBackend
	}
	for _, s := range b.pool.servers {
		if s.Name == server {
			return b.change(s, c)
		}
	}
	return ErrNoSuchServer
}

func (b *backend) change(s *Server, c Change) error {
	weight := s.state.run.weight
	if c.Weight != "" {
		var err error
		if weight, err = ParseWeight(c.Weight, s.Weight); err != nil {
			return err
		}
	}
	if c.MaxConn != nil && *c.MaxConn < 0 {
		return fmt.Errorf("maxconn %d: expected a whole number, zero or more", *c.MaxConn)
	}
	if c.Down != nil && s.Track != (Ref{}) {
		return ErrTracks
	}
	why := cause{Result: Result{Code: CodeManual}}
	b.update(s, func() cause {
		s.state.run.weight = weight
		if c.MaxConn != nil {
			s.state.run.maxconn = *c.MaxConn
		}
		if c.Admin != nil {
			s.state.run.admin = *c.Admin
		}
		return why
	})
	if c.Down != nil {
		b.update(s, func() cause {
			s.state.health.set(*c.Down)
			return why
		})
	}
	return nil
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
	return p.change(server, Change{Down: new(!up)})
}

func (p *Pool) change(server string, c Change) error {
	b := p.lock()
	defer b.unlock()
	b.activate(p)
	if s := b.pool.server(server); s != nil {
		return b.change(s, c)
	}
	return fmt.Errorf("%w: %q in backend %q", ErrNoSuchServer, server, p.name)
}
