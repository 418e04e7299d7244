// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// present are the connections of the process, whatever configuration they came by.
var present = crowd{early: make(map[*connection]struct{})}

func init() {
	lifecycle.AddCrowd(lifecycle.Crowd{Left: present.left, Arrived: present.arrived.Load, Cut: present.cut})
}

// crowd holds connections from their beginning until the log has their record.
type crowd struct {
	mu       sync.Mutex
	early    map[*connection]struct{} // that a goroutine serves
	sessions *session                 // the first of a list; those that arrive are in it, too
	count    int                      // of sessions
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
func (p *crowd) stay(c *connection, s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	delete(p.early, c)
	p.add(s)
	return true
}

// enter adds a session that arrives. False means that it is to be cut.
func (p *crowd) enter(s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived.Add(1)
	p.add(s)
	return !p.closed
}

// leaveShard makes a session that arrives a connection that a goroutine serves.
func (p *crowd) leaveShard(s *session, c *connection) {
	p.mu.Lock()
	p.remove(s)
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
	p.remove(s)
	p.tally()
}

// add puts a session into the list. The caller holds the lock, as for what follows.
func (p *crowd) add(s *session) {
	if s.next = p.sessions; s.next != nil {
		s.next.prev = s
	}
	p.sessions = s
	p.count++
	p.tally()
}

// remove takes it out again.
func (p *crowd) remove(s *session) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		p.sessions = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
	p.count--
}

// tally counts for left.
func (p *crowd) tally() { p.all.Store(int64(len(p.early) + p.count)) }

// left is how many there are. A listener asks before each connection, so it takes no
// lock.
func (p *crowd) left() int { return int(p.all.Load()) }

// cut ends all of them, and who comes later.
func (p *crowd) cut() {
	p.mu.Lock()
	p.closed = true
	early := make([]*connection, 0, len(p.early))
	for c := range p.early {
		early = append(early, c)
	}
	sessions := make([]*session, 0, p.count)
	for s := p.sessions; s != nil; s = s.next {
		sessions = append(sessions, s)
	}
	p.mu.Unlock()
	for _, c := range early {
		c.kill()
	}
	for _, s := range sessions {
		s.End(errExit.Error())
	}
}

// kill ends a connection that is no session yet.
func (c *connection) kill() {
	c.depart(errKilled)
	_ = c.Conn.Close() // what is read from it fails, now and later
}

func (c *connection) wasKilled() bool { return errors.Is(c.whyGone(), errKilled) }
