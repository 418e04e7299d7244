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

// liveConns holds the connections of the process, whichever configuration accepted them.
var liveConns = connRegistry{onGoroutine: make(map[*connection]struct{}), copiedSessions: make(map[*session]*sessionConfig)}

func init() {
	lifecycle.AddDrainer(lifecycle.Drainer{Remaining: liveConns.count, Total: liveConns.arrived.Load, CloseAll: liveConns.closeAll})
}

// connRegistry holds connections from accept until their record is in the log, so that the end of
// the process can wait for them and cut them. A connection is served by a goroutine (onGoroutine)
// or counted as a session: toSession and toGoroutine move it between the two. Each must be counted
// in exactly one of them, else the end of the process waits too long or cuts too early.
type connRegistry struct {
	mu             sync.Mutex
	onGoroutine    map[*connection]struct{}    // before their session
	sessions       int                         // in relay, including those that wait for their clients
	copiedSessions map[*session]*sessionConfig // those that relay.EndAll does not reach
	total          atomic.Int64                // of onGoroutine and sessions
	highest        highest                     // that total was
	arrived        atomic.Int64                // since the start of the process; the last ID
	closed         atomic.Bool                 // new connections are cut
}

// add adds a connection that a goroutine serves, and gives it its ID.
func (p *connRegistry) add(c *connection) {
	c.id = uint64(p.arrived.Add(1))
	p.serve(c, 0)
}

// serve adds a connection that a goroutine serves, and n to the number of sessions.
func (p *connRegistry) serve(c *connection, n int) {
	p.mu.Lock()
	p.onGoroutine[c] = struct{}{}
	p.sessions += n
	p.updateTotal()
	p.mu.Unlock()
	if p.closed.Load() {
		c.kill(errShutdown)
	}
}

// remove removes a connection that has not become a session.
func (p *connRegistry) remove(c *connection) {
	p.mu.Lock()
	delete(p.onGoroutine, c)
	p.updateTotal()
	p.mu.Unlock()
}

// toSession turns a connection into a session. It returns false if the connection has been cut.
func (p *connRegistry) toSession(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() || c.wasKilled() {
		return false
	}
	delete(p.onGoroutine, c)
	p.sessions++
	p.updateTotal()
	return true
}

// addSession counts a session that is about to wait for its client on a shard, and gives it its ID.
func (p *connRegistry) addSession(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.id = uint64(p.arrived.Add(1))
	p.sessions++
	p.updateTotal()
}

// started notes that relay has the session, or, if it is copied, that relay never will. closeAll
// finds a session only from then on, so one that starts while closeAll runs is ended here.
func (p *connRegistry) started(s *session, copied bool) {
	if copied {
		p.mu.Lock()
		p.copiedSessions[s] = s.sessionConfig
		p.mu.Unlock()
	}
	if p.closed.Load() {
		s.End(errShutdown.Error())
	}
}

// toGoroutine turns a session that waits on a shard into a connection that a goroutine serves.
func (p *connRegistry) toGoroutine(c *connection) { p.serve(c, -1) }

// removeSession removes a session that has ended.
func (p *connRegistry) removeSession(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.copiedSessions, s)
	p.sessions--
	p.updateTotal()
}

// updateTotal sets the number that count returns. The caller holds the lock.
func (p *connRegistry) updateTotal() {
	n := len(p.onGoroutine) + p.sessions
	p.total.Store(int64(n))
	p.highest.note(n)
}

// HighestConnections returns the highest number of connections that the process has had.
func HighestConnections() int { return int(liveConns.highest.Load()) }

// count returns the number of connections. Listeners call it before each accept, so it takes no
// lock.
func (p *connRegistry) count() int { return int(p.total.Load()) }

// CountOnGoroutine returns the number of connections that a goroutine serves until they are
// sessions.
func CountOnGoroutine() int {
	liveConns.mu.Lock()
	defer liveConns.mu.Unlock()
	return len(liveConns.onGoroutine)
}

// closeAll ends all connections, including those that come later. It sets closed before it collects
// them: a connection that it does not find sees closed after it has registered, and ends itself.
func (p *connRegistry) closeAll() {
	p.closed.Store(true)
	p.mu.Lock()
	early := slices.Collect(maps.Keys(p.onGoroutine))
	copied := slices.Collect(maps.Keys(p.copiedSessions))
	p.mu.Unlock()
	for _, c := range early {
		c.kill(errShutdown)
	}
	for _, s := range copied {
		s.End(errShutdown.Error())
	}
	relay.EndAll(errShutdown.Error())
}

// kill ends a connection that has not become a session.
func (c *connection) kill(why error) {
	c.setGone(why)
	_ = c.Conn.Close() // reads fail, now and later
}

func (c *connection) wasKilled() bool {
	why := c.goneErr()
	return errors.Is(why, errShutdown) || errors.Is(why, ErrEnded)
}
