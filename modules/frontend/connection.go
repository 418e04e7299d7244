// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/content"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// connection is one client on its way from the hello to the log line. What it
// takes on the way, end gives back.
type connection struct {
	f *Frontend
	client
	view  *layer4.Connection // see matching; nil until a matcher needs it
	seen  content.View       // see look
	hello *clienthello.Inspection
	input reading

	deciding *content.Config // the rules that are being looked at

	terms      *terms
	backend    *balancer.Backend // of terms
	session    *session          // what it will become
	forced     bool              // see balancer.PersistRule
	lease      *pool.Lease
	server     net.Conn
	record     tcplog.Record
	handedOver bool // to a session, what is above belongs to it

	broken bool // the client is to see a reset or nothing

	stage tcplog.End // what it is if it is ended from outside now

	presence  *presence     // while it waits for a server
	gone      chan struct{} // closed when the client has left or is made to; see depart
	departing sync.Once
	departed  error // set before gone is closed
}

func newConnection(f *Frontend, from client) *connection {
	c := &connection{f: f, client: from, hello: clienthello.NewInspection(f.MaxHello)}
	c.record = tcplog.New(f.Name, c.RemoteAddr(), c.LocalAddr())
	c.record.Accepted = c.accepted
	c.stage, c.gone = tcplog.KilledHello, make(chan struct{})
	f.conns.Add(1)
	present.arrive(c)
	return c
}

func (c *connection) serve() {
	backend := c.choose()
	if backend == nil || c.pass(backend) {
		return
	}
	standIn := c.refuse(NoServer)
	if standIn == nil || standIn != backend && c.pass(standIn) {
		return
	}
	c.alert(alertInternalError)
}

// pass has the connection served by a backend, or refused by its rules. False
// means that none of its servers could be reached.
func (c *connection) pass(b *balancer.Backend) bool {
	c.enter(b)
	if !c.forces(b) {
		return true
	}
	if b.Content != nil && !c.admitted(b.Content, true) {
		return true
	}
	if b.Site != "" {
		return c.toSite(b)
	}
	server, ok := c.assigned(b)
	if !ok {
		return true
	}
	if !c.connect(b, server) {
		return false
	}
	if c.server != nil {
		c.relay()
	}
	return true
}

// assigned is the server that the backend's rules name for the connection; empty: its
// policy picks one. False means that the connection is over.
func (c *connection) assigned(b *balancer.Backend) (server string, ok bool) {
	if len(b.UseServer) == 0 {
		return "", true
	}
	if b.AssignsByRequest() && !c.readOnce() {
		return "", false
	}
	server, err := b.Assigned(c.look(true), c.forced)
	if err != nil {
		c.fail(err)
	}
	return server, err == nil
}

// forces notes whether the backend's rules force the connection onto the server that
// use_server names. False means that the connection is over.
func (c *connection) forces(b *balancer.Backend) bool {
	c.forced = false
	if len(b.PersistRules) == 0 {
		return true
	}
	if b.ForcesByRequest() && !c.readOnce() {
		return false
	}
	var err error
	if c.forced, err = b.ForcesPersistence(c.look(true)); err != nil {
		c.fail(err)
	}
	return err == nil
}

// readOnce reads what the client has sent, unless that has been done. False means that
// the connection is over.
func (c *connection) readOnce() bool {
	if c.input.tried {
		return true
	}
	if !c.attempt() {
		return false
	}
	c.noteHello()
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

// choose waits for what is asked and picks the backend: nil where there is none,
// after the client has been told as configured.
func (c *connection) choose() *balancer.Backend {
	for _, rules := range [...]*content.Config{c.f.Connection, c.f.Session} {
		if rules != nil && len(rules.Rules) > 0 && !c.admitted(rules, false) {
			return nil
		}
	}
	if c.f.Content == nil {
		return c.chooseByHello()
	}
	c.takeReadAhead()
	if !c.admitted(c.f.Content, true) || c.f.Router.needsRequest() && !c.attempt() {
		return nil
	}
	return c.route()
}

// chooseByHello waits for the hello, and for that alone.
func (c *connection) chooseByHello() *balancer.Backend {
	c.input.tried, c.record.Uninspected = true, false
	c.record.Outcome = c.inspect()
	c.record.HelloWait = time.Since(c.accepted)
	switch c.record.Outcome {
	case clienthello.Found:
		return c.route()
	case clienthello.ClientLeft:
		c.record.End, c.record.EndedBy = tcplog.ClientLeft, relay.Client
		return nil
	default:
		if err := c.hello.Err(); err != nil {
			c.record.Error = err.Error()
		}
		return c.refuse(reasonOf[c.record.Outcome])
	}
}

// inspect reads until there is a verdict, the delay is over or the client has
// gone.
func (c *connection) inspect() clienthello.Outcome {
	deadline := c.accepted.Add(c.f.InspectDelay)
	if err := c.SetReadDeadline(deadline); err != nil {
		return c.hello.Leave()
	}
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	for c.hello.Outcome() == clienthello.Pending {
		n, err := c.Read(c.hello.Space())
		switch outcome := c.hello.Commit(n); {
		case outcome != clienthello.Pending || err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return c.hello.Expire()
		default:
			return c.hello.Leave()
		}
	}
	c.takeReadAhead()
	return c.hello.Outcome()
}

// takeReadAhead takes what matchers of the route have read: it belongs to the
// server, too.
func (c *connection) takeReadAhead() {
	for rest := c.readAhead(); len(rest) > 0; rest = c.readAhead() {
		p := make([]byte, len(rest))
		n, _ := c.Read(p)
		c.hello.Feed(p[:n])
		c.view = nil // it holds less
	}
}

func (c *connection) route() *balancer.Backend {
	c.noteHello()
	backend, by, err := c.f.Router.Route(c.look(true))
	if err != nil {
		c.fail(err)
		return nil
	}
	if by != nil {
		c.record.End, c.record.EndedBy = tcplog.Refused, relay.Proxy
		c.record.Error = fmt.Sprintf("rule %d: %s", by.number, by.Target.verb)
		c.turnAway(by.Target.verb, alertAccessDenied)
		return nil
	}
	if backend == nil {
		c.record.Error = "no rule matches and there is no default backend"
		return c.refuse(NoMatch)
	}
	return backend
}

// noteHello notes for the log what has been found out.
func (c *connection) noteHello() {
	switch c.record.Outcome = c.hello.Outcome(); {
	case c.record.Outcome != clienthello.Pending:
	case c.input.finished:
		c.record.Outcome = clienthello.ClientLeft
	case c.input.expired:
		c.record.Outcome = clienthello.Timeout
	}
	c.record.Uninspected = !c.input.tried
	if hello := c.hello.Hello(); hello != nil && c.record.Version == 0 {
		c.record.Hello(hello)
	}
	c.record.HelloWait = time.Since(c.accepted)
}

// fail ends a connection of which nobody knows what is to become of it.
func (c *connection) fail(err error) {
	c.record.End, c.record.Error = tcplog.InspectionFailed, err.Error()
	c.alert(alertInternalError)
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

// relay passes the hello on, then everything else. Where the session can do
// without this goroutine, that is not waited for.
func (c *connection) relay() {
	s := c.session
	s.begin(c)
	if !present.stay(c, s) {
		<-c.gone // or soon will be
		return
	}
	c.lease, c.handedOver = nil, true
	s.lease.OnCut(func(pool.Cut) { s.End("") })
	run := s.Start(c.Conn, c.hold(), c.hello.Bytes(), &s.options, s)
	c.forget()
	if run != nil {
		run()
	}
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

// end ends a connection that has not become a session.
func (c *connection) end() {
	p := recover()
	if p != nil {
		c.f.Logger.Error("panic", zap.Any("value", p), zap.ByteString("stack", debug.Stack()))
	}
	c.forget()
	if c.handedOver {
		return
	}
	defer present.leave(c)
	defer c.f.conns.Add(-1)
	c.leaveBackend()
	c.record.FEConn = c.f.conns.Load()
	switch {
	case p != nil:
		c.record.Panicked(p)
	case c.wasKilled():
		c.record.End, c.record.EndedBy, c.record.Error = c.stage, relay.Proxy, reasonExit
	}
	if c.server != nil {
		_ = c.server.Close()
	}
	if !c.broken && c.whyGone() == nil {
		c.closeInOrder()
	}
	ended(c.f.log, c.lease, pool.Served, &c.record, c.accepted)
}
