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

// liveConns are the connections of the process, whatever configuration they came by.
var liveConns = connRegistry{onGoroutine: make(map[*connection]struct{}), copiedSessions: make(map[*session]struct{})}

func init() {
	lifecycle.AddDrainer(lifecycle.Drainer{Remaining: liveConns.count, Total: liveConns.arrived.Load, CloseAll: liveConns.closeAll})
}

// connRegistry holds connections from their beginning until the log has their record.
type connRegistry struct {
	mu             sync.Mutex
	onGoroutine    map[*connection]struct{} // that a goroutine serves
	sessions       int                      // in relay, including those that wait for their clients
	copiedSessions map[*session]struct{}    // those that relay has not
	total          atomic.Int64
	arrived        atomic.Int64 // in all
	closed         bool         // who comes is cut
}

// add adds a connection.
func (p *connRegistry) add(c *connection) {
	p.mu.Lock()
	p.onGoroutine[c] = struct{}{}
	p.arrived.Add(1)
	p.updateTotal()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		c.kill()
	}
}

// remove takes away a connection that has not become a session.
func (p *connRegistry) remove(c *connection) {
	p.mu.Lock()
	delete(p.onGoroutine, c)
	p.updateTotal()
	p.mu.Unlock()
}

// toSession makes a connection a session. False means that it has been cut.
func (p *connRegistry) toSession(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	delete(p.onGoroutine, c)
	p.sessions++
	p.updateTotal()
	return true
}

// addSession counts a session that will arrive.
func (p *connRegistry) addSession() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived.Add(1)
	p.sessions++
	p.updateTotal()
}

// started notes that relay has the session, or, if it is copied, that relay never will. closeAll
// finds a session only from then on.
func (p *connRegistry) started(s *session, copied bool) {
	p.mu.Lock()
	if copied {
		p.copiedSessions[s] = struct{}{}
	}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		s.End(errShutdown.Error())
	}
}

// toGoroutine makes a session that arrives a connection that a goroutine serves.
func (p *connRegistry) toGoroutine(c *connection) {
	p.mu.Lock()
	p.sessions--
	p.onGoroutine[c] = struct{}{}
	p.updateTotal()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		c.kill()
	}
}

// removeSession takes away a session.
func (p *connRegistry) removeSession(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.copiedSessions, s)
	p.sessions--
	p.updateTotal()
}

// updateTotal counts for left. The caller holds the lock.
func (p *connRegistry) updateTotal() { p.total.Store(int64(len(p.onGoroutine) + p.sessions)) }

// count is how many there are. A listener asks before each connection, so it takes no
// lock.
func (p *connRegistry) count() int { return int(p.total.Load()) }

// closeAll ends all of them, and who comes later.
func (p *connRegistry) closeAll() {
	p.mu.Lock()
	p.closed = true
	early := slices.Collect(maps.Keys(p.onGoroutine))
	copied := slices.Collect(maps.Keys(p.copiedSessions))
	p.mu.Unlock()
	for _, c := range early {
		c.kill()
	}
	for _, s := range copied {
		s.End(errShutdown.Error())
	}
	relay.EndAll(errShutdown.Error())
}

// kill ends a connection that is no session yet.
func (c *connection) kill() {
	c.setGone(errKilled)
	_ = c.Conn.Close() // what is read from it fails, now and later
}

func (c *connection) wasKilled() bool { return errors.Is(c.goneErr(), errKilled) }
