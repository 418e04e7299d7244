// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net/netip"
	"sync"
	"time"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// connection is a client's connection from accept until it becomes a session or ends. It owns the
// inspection of the hello, its claim on a server and its log record; a session takes over the last
// two.
type connection struct {
	f  *Frontend
	id uint64 // see Live
	client
	hello        *clienthello.Inspection // nil once it is released
	input        inputState
	matchersConn *layer4.Connection // see connForMatchers; nil until a matcher needs it
	viewState    rules.View         // see rulesView
	hasAddresses bool               // viewState has the addresses
	hasUniqueID  bool               // see setUniqueID

	tracked *tracked // nil: nothing is tracked

	shared  *sessionConfig
	backend *balancer.Backend // that shared is for
	entered time.Time         // the backend
	forced  bool              // see balancer.PersistRule
	stores  stick.Pending     // in stick tables, once it has a server
	claim   *claim            // nil before the first attempt to get a server

	sendBuffer []byte // see firstBytes; kept for the next connection

	record   tcplog.Record
	ended    bool // it has ended, or has become a session
	passedOn bool // it belongs to EntryConfig.Next

	endIfKilled tcplog.End    // how it ends if it is killed now; see reach
	shown       shown         // while a goroutine serves it
	watch       *clientWatch  // runs while it waits for a server
	gone        chan struct{} // closed by setGone; nil on a shard
	goneOnce    sync.Once
	goneCause   error // set before gone is closed
}

func newConnection(f *Frontend, from client) *connection {
	c := new(connection)
	c.begin(f, from)
	c.record.Number = f.nextNumber()
	return c
}

// begin sets up a connection that is new or has been cleared.
func (c *connection) begin(f *Frontend, from client) {
	c.f, c.client, c.hello = f, from, clienthello.NewInspection(f.MaxHello)
	c.record = tcplog.New(f.Name, c.RemoteAddr(), c.LocalAddr())
	c.record.Accepted = c.accepted
	c.noteHeader()
	c.endIfKilled = tcplog.KilledHello
}

// clientAddr returns the address of the client, for servers that are to see it. It is not valid if
// the client has no IP address.
func (c *connection) clientAddr() netip.AddrPort { return c.rulesView(true).Source }

// maxKeptBuffer bounds the buffers that are kept for the next connection.
const maxKeptBuffer = 8 << 10

// clear resets the connection but keeps the view's functions, which are bound to it.
func (c *connection) clear() {
	state := rules.View{Connection: c.viewState.Connection, Tracker: c.viewState.Tracker, Resolver: c.viewState.Resolver}
	state.State, state.Var, state.SetVar, state.Tables = c.viewState.State, c.viewState.Var, c.viewState.SetVar, c.viewState.Tables
	*c = connection{viewState: state, sendBuffer: c.sendBuffer[:0], stores: c.stores}
	c.stores.Reset()
	if cap(c.sendBuffer) > maxKeptBuffer {
		c.sendBuffer = nil
	}
}

// isOutdated reports whether another configuration runs by now, and if so passes the connection to
// its frontend.
func (c *connection) isOutdated() bool {
	latest := c.f.active.current()
	if latest == nil || latest.generation <= c.f.generation {
		return false
	}
	c.f = latest
	return true
}

// enter counts the connection in a backend, in place of the one before.
func (c *connection) enter(b *balancer.Backend) {
	c.leaveBackend()
	c.shared, c.backend, c.record.Backend = c.f.sessionConfigFor(b, c.holds()), b, b.Name()
	c.setUniqueID()
	c.shared.beconn.enter()
	c.entered = time.Now()
	c.shared.beconn.rate.Count(c.entered)
	c.publish()
}

// leaveBackend undoes enter, if need be, and records the number of the backend's other
// connections. It returns where to count the connection for the backend, or nil.
func (c *connection) leaveBackend() (counts *tally.Split[pool.BackendTraffic]) {
	if c.shared != nil {
		counts, c.record.BEConn = c.shared.traffic, c.shared.beconn.Add(-1)
		c.shared, c.backend = nil, nil
	}
	return counts
}

// leaveFrontend gives up the connection's place in the counts.
func (c *connection) leaveFrontend() {
	c.f.conns.leave()
	if h := c.holds(); h != nil {
		h.release(c.record.Client.IP())
	}
}

// connForMatchers returns a connection for matchers of other plugins and for templates. It holds
// the bytes that have been read, and has the variables and placeholders of the real one. All rules
// share it until more is read.
func (c *connection) connForMatchers() *layer4.Connection {
	if c.matchersConn != nil {
		return c.matchersConn
	}
	cx := c.layer4()
	c.show(c.hello)
	m := layer4.WrapConnection(c.addressed(c.Conn), c.hello.Bytes(), cx.Logger)
	m.Context = cx.Context
	m.Replacer().Map(cx.Replacer().Get)
	if vars, ok := cx.Context.Value(layer4.VarsCtxKey).(map[string]any); ok {
		for name, value := range vars {
			m.SetVar(name, value)
		}
	}
	l4acl.Share(m, &c.rulesView(c.viewState.Final).Input)
	c.matchersConn = m
	return m
}

// forget releases the inspection of the hello. It may be called again.
func (c *connection) forget() {
	c.keepHello(0)
	if c.hello == nil {
		return
	}
	c.show(nil)
	c.hello.Release()
	c.hello = nil
}
