// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Group is a peers section at run time. It is safe for concurrent use.
type Group struct {
	notify    func(Event)
	accepting atomic.Int64 // connections that have not introduced themselves

	configuring sync.Mutex
	configured  chan struct{} // closed once Configure was called
	once        sync.Once

	mu      sync.Mutex
	name    string // of this process
	remotes []*remote
	resync
}

// What happens to a peer.
const (
	Up      = "up"      // a connection is established
	Down    = "down"    // a connection has ended
	Refused = "refused" // no connection could be established
)

// Event is something that happened to a peer.
type Event struct {
	Peer, What string
	Err        error
}

// New returns a group without peers, and calls notify for each event. Close must be called when it
// is no longer used.
func New(notify func(Event)) *Group { return &Group{notify: notify, configured: make(chan struct{})} }

func (g *Group) note(peer, what string, err error) { g.notify(Event{peer, what, err}) }

// local returns the name of this process.
func (g *Group) local() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.name
}

// Configure changes the section. Peers that do not change, with all tables, keep their
// connection; the others get later changes over their next one.
func (g *Group) Configure(c Config) {
	g.configuring.Lock()
	defer g.configuring.Unlock()
	g.mu.Lock()
	before, renamed := g.remotes, g.name != c.Local
	g.mu.Unlock()

	var after []*remote
	fresh := false // there are tables that no peer had
	for _, p := range c.Peers {
		old := find(before, p.Name)
		if old != nil && !renamed && old.isSame(p, c.Tables) {
			after = append(after, old)
			continue
		}
		if old != nil {
			old.stop()
		}
		next, isFresh := g.newRemote(p, c.Tables, old)
		fresh = fresh || isFresh
		after = append(after, next)
	}
	for _, old := range before {
		if !slices.Contains(after, old) {
			old.stop()
			old.closeFeeds()
		}
	}
	g.mu.Lock()
	g.name, g.remotes = c.Local, after
	if fresh {
		g.beginResync()
	}
	g.mu.Unlock()
	for _, p := range after {
		p.start()
	}
	g.once.Do(func() { close(g.configured) })
}

func find(all []*remote, name string) *remote {
	for _, p := range all {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Accept serves a connection until it ends.
func (g *Group) Accept(conn net.Conn) {
	if g.accepting.Add(1) > maxAccepted {
		g.accepting.Add(-1)
		_ = conn.Close()
		return
	}
	select {
	case <-g.configured: // a peer that is refused may not come again
	case <-time.After(handshakeTimeout):
	}
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	r := bufio.NewReaderSize(conn, maxMessage)
	h, err := receive(r, g.local())
	g.accepting.Add(-1)
	var p *remote
	if err == nil {
		g.mu.Lock()
		p = find(g.remotes, h.from)
		g.mu.Unlock()
		if p == nil {
			err = StatusError(statusRemoteName)
		}
	}
	if err != nil {
		if status := StatusError(0); errors.As(err, &status) {
			_, _ = fmt.Fprintf(conn, "%d\n", int(status))
			g.note(conn.RemoteAddr().String(), Refused, err)
		}
		_ = conn.Close()
		return
	}
	p.accept(conn, r, h)
}

// Close ends all connections.
func (g *Group) Close() {
	g.Configure(Config{})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.endResync("")
}

// newRemote returns a peer that is not started. It takes over the tables that it had.
func (g *Group) newRemote(p Peer, all []Table, old *remote) (next *remote, fresh bool) {
	next = &remote{Peer: p, group: g, ready: make(chan struct{}, 1), ended: make(chan struct{}, 1)}
	if old != nil {
		next.ready = old.ready
	}
	for _, t := range all {
		var s *shared
		if old != nil {
			s = old.take(t)
		}
		if s == nil {
			s = &shared{Table: t, feed: t.Table.WatchBy(next.ready)}
			fresh = true
		}
		next.shared = append(next.shared, s)
	}
	if old != nil {
		old.closeFeeds()
	}
	return next, fresh
}

// isSame reports whether a peer and its tables stay as they are.
func (p *remote) isSame(c Peer, all []Table) bool {
	return p.Address == c.Address && slices.EqualFunc(p.shared, all, func(s *shared, t Table) bool { return s.Table == t })
}

// take returns a table of a peer that is stopped, and removes it, or returns nil.
func (p *remote) take(t Table) *shared {
	i := slices.IndexFunc(p.shared, func(s *shared) bool { return s.Table == t })
	if i < 0 {
		return nil
	}
	s := p.shared[i]
	p.mu.Lock()
	p.shared = slices.Concat(p.shared[:i], p.shared[i+1:])
	p.mu.Unlock()
	return s
}

func (p *remote) closeFeeds() {
	for _, s := range p.shared {
		s.feed.Close()
	}
}

// start begins to connect to the peer. It is idempotent.
func (p *remote) start() {
	if p.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.all.Go(func() { p.connect(ctx) })
}
