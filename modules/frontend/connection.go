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
	hello *clienthello.Inspection // nil: given back
	input reading
	view  *layer4.Connection // see matching; nil until a matcher needs it
	seen  rules.View         // see look
	knows bool               // seen has the addresses

	terms   *terms
	backend *balancer.Backend // of terms
	forced  bool              // see balancer.PersistRule
	claim   *claim            // nil: it has not tried to have a server

	record tcplog.Record
	over   bool // it has ended, or is a session's

	stage     tcplog.End    // what it is if it is ended from outside now
	presence  *presence     // while it waits for a server
	gone      chan struct{} // closed when the client has left or is made to; see depart. nil: on a shard
	departing sync.Once
	departed  error // set before gone is closed
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
	c.stage = tcplog.KilledHello
}

// clear forgets all but the functions of the view, which are the connection's own.
func (c *connection) clear() {
	seen := rules.View{Connection: c.seen.Connection}
	seen.State, seen.Var, seen.SetVar = c.seen.State, c.seen.Var, c.seen.SetVar
	*c = connection{seen: seen}
}

// isOutdated reports whether another configuration runs by now. Its frontend has the
// connection then.
func (c *connection) isOutdated() bool {
	latest := c.f.place.decides()
	if latest == nil || latest.number <= c.f.number {
		return false
	}
	c.f = latest
	return true
}

// enter makes a connection one of a backend.
func (c *connection) enter(b *balancer.Backend) {
	c.leaveBackend()
	c.terms, c.backend, c.record.Backend = c.f.termsFor(b), b, b.Name()
	c.terms.beconn.Add(1)
}

// leaveBackend takes that back, if there is anything to take back, and notes for the
// log how many others there are.
func (c *connection) leaveBackend() {
	if c.terms != nil {
		c.record.BEConn = c.terms.beconn.Add(-1)
		c.terms, c.backend = nil, nil
	}
}

// matching is a connection for matchers of other kinds and for templates. It
// holds what has been read, and has the variables and placeholders of the real
// one. All rules share it, until more is read.
func (c *connection) matching() *layer4.Connection {
	if c.view != nil {
		return c.view
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
	c.view = m
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
