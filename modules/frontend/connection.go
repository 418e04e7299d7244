// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sync"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// connection is one client on its way from accept to a session or to its end.
type connection struct {
	f *Frontend
	client
	hello        *clienthello.Inspection // nil: given back
	input        inputState
	matchersConn *layer4.Connection // see matching; nil until a matcher needs it
	viewState    rules.View         // see look
	hasAddresses bool               // seen has the addresses

	shared  *sessionConfig
	backend *balancer.Backend // of terms
	forced  bool              // see balancer.PersistRule
	claim   *claim            // nil: it has not tried to have a server

	record tcplog.Record
	ended  bool // it has ended, or is a session's

	endIfKilled tcplog.End    // what it is if it is ended from outside now
	watch       *clientWatch  // while it waits for a server
	gone        chan struct{} // closed when the client has left or is made to; see depart. nil: on a shard
	goneOnce    sync.Once
	goneCause   error // set before gone is closed
}

func newConnection(f *Frontend, from client) *connection {
	c := new(connection)
	c.begin(f, from)
	return c
}

// begin makes a connection of one that is new, or has been cleared.
func (c *connection) begin(f *Frontend, from client) {
	c.f, c.client, c.hello = f, from, clienthello.NewInspection(f.MaxHello)
	c.record = tcplog.New(f.Name, c.RemoteAddr(), c.LocalAddr())
	c.record.Accepted = c.accepted
	c.endIfKilled = tcplog.KilledHello
}

// clear forgets all but the functions of the view, which are the connection's own.
func (c *connection) clear() {
	state := rules.View{Connection: c.viewState.Connection}
	state.State, state.Var, state.SetVar = c.viewState.State, c.viewState.Var, c.viewState.SetVar
	*c = connection{viewState: state}
}

// isOutdated reports whether another configuration runs by now. Its frontend has the
// connection then.
func (c *connection) isOutdated() bool {
	latest := c.f.active.current()
	if latest == nil || latest.generation <= c.f.generation {
		return false
	}
	c.f = latest
	return true
}

// enter makes a connection one of a backend.
func (c *connection) enter(b *balancer.Backend) {
	c.leaveBackend()
	c.shared, c.backend, c.record.Backend = c.f.sessionConfigFor(b), b, b.Name()
	c.shared.beconn.Add(1)
}

// leaveBackend takes that back, if there is anything to take back, and notes for the
// log how many others there are.
func (c *connection) leaveBackend() {
	if c.shared != nil {
		c.record.BEConn = c.shared.beconn.Add(-1)
		c.shared, c.backend = nil, nil
	}
}

// connForMatchers is a connection for matchers of other kinds and for templates. It
// holds what has been read, and has the variables and placeholders of the real
// one. All rules share it, until more is read.
func (c *connection) connForMatchers() *layer4.Connection {
	if c.matchersConn != nil {
		return c.matchersConn
	}
	cx := c.layer4()
	c.show(c.hello)
	m := layer4.WrapConnection(c.Conn, c.hello.Bytes(), cx.Logger)
	m.Context = cx.Context
	m.Replacer().Map(cx.Replacer().Get)
	if vars, ok := cx.Context.Value(layer4.VarsCtxKey).(map[string]any); ok {
		for name, value := range vars {
			m.SetVar(name, value)
		}
	}
	c.matchersConn = m
	return m
}

// forget gives back what was read of the hello.
func (c *connection) forget() {
	if c.hello == nil {
		return
	}
	c.show(nil)
	c.hello.Release()
	c.hello = nil
}
