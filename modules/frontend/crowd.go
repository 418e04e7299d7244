// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// present are the connections of the process, whatever configuration they came by.
var present = crowd{early: make(map[*connection]struct{}), copied: make(map[*session]struct{})}

func init() {
	lifecycle.AddDrainer(lifecycle.Drainer{Remaining: present.left, Total: present.arrived.Load, CloseAll: present.cut})
}

// crowd holds connections from their beginning until the log has their record.
type crowd struct {
	mu       sync.Mutex
	early    map[*connection]struct{} // that a goroutine serves
	sessions int                      // how many there are, those that arrive too; relay has them
	copied   map[*session]struct{}    // those that relay has not
	all      atomic.Int64
	arrived  atomic.Int64 // in all
	closed   bool         // who comes is cut
}

// arrive adds a connection.
func (p *crowd) arrive(c *connection) {
	p.mu.Lock()
	p.early[c] = struct{}{}
	p.arrived.Add(1)
	p.tally()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		c.kill()
	}
}

// leave takes away a connection that has not become a session.
func (p *crowd) leave(c *connection) {
	p.mu.Lock()
	delete(p.early, c)
	p.tally()
	p.mu.Unlock()
}

// stay makes a connection a session. False means that it has been cut.
func (p *crowd) stay(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	delete(p.early, c)
	p.sessions++
	p.tally()
	return true
}

// enter counts a session that will arrive.
func (p *crowd) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived.Add(1)
	p.sessions++
	p.tally()
}

// begun is called for a session once relay has it, or will not have it: it is copied. Only
// then would cut find it.
func (p *crowd) begun(s *session, copied bool) {
	p.mu.Lock()
	if copied {
		p.copied[s] = struct{}{}
	}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		s.End(errExit.Error())
	}
}

// leaveShard makes a session that arrives a connection that a goroutine serves.
func (p *crowd) leaveShard(c *connection) {
	p.mu.Lock()
	p.sessions--
	p.early[c] = struct{}{}
	p.tally()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		c.kill()
	}
}

// end takes away a session.
func (p *crowd) end(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.copied, s)
	p.sessions--
	p.tally()
}

// tally counts for left. The caller holds the lock.
func (p *crowd) tally() { p.all.Store(int64(len(p.early) + p.sessions)) }

// left is how many there are. A listener asks before each connection, so it takes no
// lock.
func (p *crowd) left() int { return int(p.all.Load()) }

// cut ends all of them, and who comes later.
func (p *crowd) cut() {
	p.mu.Lock()
	p.closed = true
	early := slices.Collect(maps.Keys(p.early))
	copied := slices.Collect(maps.Keys(p.copied))
	p.mu.Unlock()
	for _, c := range early {
		c.kill()
	}
	for _, s := range copied {
		s.End(errExit.Error())
	}
	relay.EndAll(errExit.Error())
}

// kill ends a connection that is no session yet.
func (c *connection) kill() {
	c.depart(errKilled)
	_ = c.Conn.Close() // what is read from it fails, now and later
}

func (c *connection) wasKilled() bool { return errors.Is(c.whyGone(), errKilled) }
