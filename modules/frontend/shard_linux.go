// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"errors"
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// shardConn is a connection on the fast path. It passes the same stages as walk, but on the
// goroutine of one of relay's shards, which calls it for each event. Once it has to wait for
// anything but the client or one server, it goes on in a goroutine from the stage that it has
// reached (toGoroutine). It must never block: all other connections of the shard would wait.
//
// One side owns it at any time. The shard does until Next returns Relay (then the session does),
// Close (then Ended follows) or toGoroutine has detached it (then the goroutine does).
type shardConn struct {
	active   *activeFrontend
	f        *Frontend     // nil while the client is waited for; see useActiveFrontend
	socket   *relay.Socket // nil once the session owns it
	accepted time.Duration // since epoch
	session  *session      // that it is to become
	entry    *EntryConfig
	header   *headerState // nil: the frontend takes no PROXY headers
	number   int64        // see nextNumber; a connection has one, however often it is put together

	pooled *pooledConn // nil while the client is waited for, and once it is a session
	kept   *keptInput  // nil before the client has sent anything
	ending *ending     // set when it is to be closed
}

// ServeOnShard serves a client's connection. It is called on the goroutine of the shard that is to
// watch the socket, and does not block. It starts a goroutine only if something else than the
// client has to be waited for. It is meant for durable.TakeBy.
func (e *Entry) ServeOnShard(socket *relay.Socket) {
	f, accepted := e.f, time.Now()
	if f.nonBlocking {
		f.setActive() // else durable would not pass connections to f
	}
	config := e.enterAtAccept(socket)
	if config == nil {
		return
	}
	if !f.nonBlocking || f.conns.line.length.Load() > 0 || !e.enter() {
		e.start(config, socket, accepted)
		return
	}
	a := &shardConn{active: f.active, f: f, socket: socket, accepted: accepted.Sub(epoch), session: new(session), entry: config}
	if e.Headers != nil {
		a.header = e.Headers.stateFor(socket.RemoteAddr())
	}
	liveConns.addSession(a.session)
	if err := a.session.Arrive(socket, a); err != nil { // no shard can watch it
		liveConns.removeSession(a.session)
		go e.serveEntered(config, socket, accepted)
		return
	}
	liveConns.started(a.session, false)
}

// Inline reports whether ServeOnShard needs no goroutine.
func (f *Frontend) Inline() bool { return f.nonBlocking }

// Buffer implements relay.Handler.
func (a *shardConn) Buffer() []byte {
	a.useActiveFrontend()
	return a.conn().readBuffer()
}

// Next implements relay.Handler.
func (a *shardConn) Next(news relay.News) relay.Step {
	a.useActiveFrontend()
	step := a.handle(news)
	if step.Do != relay.Await {
		return step
	}
	if p := a.pooled; p != nil && p.shared == nil && !p.keepHello(len(p.hello.Bytes())) {
		return a.end(p.overLimit(limits.UnfinishedHellos))
	}
	a.releaseBuffers()
	return step
}

func (a *shardConn) handle(news relay.News) relay.Step {
	switch news.Event {
	case relay.Arrived:
		return a.onAccepted()
	case relay.Connected:
		return a.onConnected()
	case relay.Refused:
		return a.onConnectFailed(news.Err)
	case relay.Left:
		return a.onClientLeft(news.Err)
	default:
		switch {
		case a.header.awaits():
			return a.onHeaderEvent(news)
		case !a.f.nonBlocking: // another configuration runs now
			a.conn().commitRead(news.N)
			return a.toGoroutine(a.conn().inspectAndRoute)
		case a.f.Content != nil:
			return a.onContentEvent(news)
		default:
			return a.onHelloEvent(news)
		}
	}
}

// route passes the connection to a backend.
func (a *shardConn) route() relay.Step {
	a.conn().keepHello(0)
	if end := a.conn().refuseHeader(); end != nil {
		return a.end(end)
	}
	backend, end := a.conn().route()
	if end != nil {
		return a.end(end)
	}
	return a.pass(backend)
}

// pass leases a free server of a backend and connects to it.
func (a *shardConn) pass(b *balancer.Backend) relay.Step {
	c := a.conn()
	if !c.picksServerWithoutBlocking(b) {
		return a.passOnGoroutine(b)
	}
	c.enter(b)
	if end := c.applyBackendRules(b); end != nil {
		return a.end(end)
	}
	server, end := c.assignedServer(b)
	if end != nil {
		return a.end(end)
	}
	if c.stores.Waits() {
		return a.passOnGoroutine(b)
	}
	a.pooled.claimStorage.session = a.session
	k := c.claimOf(b, server, &a.pooled.claimStorage, c.entered)
	lease := k.TryAcquire()
	if lease == nil {
		return a.passOnGoroutine(b)
	}
	c.granted(k, lease)
	if !balancer.DependsOnClient(k.server.Address) {
		if to, err := c.nextDestination(k); err == nil && to.at.IsValid() && !entersNamespace(k) {
			return a.connect(k, to)
		}
	}
	return a.attemptOnGoroutine(k, func(k *claim) *ending { return c.dialAttempts(k, lease, nil) })
}

// passOnGoroutine passes the connection to a backend in a goroutine.
func (a *shardConn) passOnGoroutine(b *balancer.Backend) relay.Step {
	c := a.conn()
	return a.toGoroutine(func() *ending { return c.withStandIn(b, c.serveBackend(b)) })
}

// entersNamespace reports whether connecting to the claim's server waits for a thread in another
// network namespace.
func entersNamespace(k *claim) bool {
	socket := k.Backend.Socket(k.server)
	return socket != nil && socket.Namespace != nil
}

func (a *shardConn) connect(k *claim, to destination) relay.Step {
	socket, client := a.conn().serverSocket(k)
	k.first, k.header = a.conn().firstBytes(k)
	ready, _ := k.Backend.TakeReady(k.server).(*relay.Socket)
	return relay.Step{
		Ready: ready,
		Do:    relay.Connect, To: to.at, First: k.first, Header: k.header,
		Timeout:      max(0, time.Duration(k.Backend.Timeouts.Connect)),
		KeepAlive:    a.conn().shared.options.NeedsKeepAlive(),
		Socket:       socket,
		ClientAddr:   client,
		AbortOnClose: k.Backend.AbortOnClose,
	}
}

// attemptOnGoroutine goes on with a claim in a goroutine.
func (a *shardConn) attemptOnGoroutine(k *claim, attempts func(*claim) *ending) relay.Step {
	c := a.conn()
	return a.toGoroutine(func() *ending {
		end := c.whileClientStays(k, attempts)
		if end == nil {
			end = c.relay(k)
		}
		return c.withStandIn(k.Backend, end)
	})
}

// toGoroutine goes on in a goroutine, by the general path.
func (a *shardConn) toGoroutine(way func() *ending) relay.Step {
	c := a.conn()
	if _, _, ok := a.session.Detach(); !ok {
		return relay.Step{} // it has been ended meanwhile
	}
	a.pooled = nil // the goroutine owns it now
	c.gone = make(chan struct{})
	c.publish()
	liveConns.toGoroutine(c)
	go c.run(way)
	return relay.Step{}
}

// end closes the connection as its ending demands, or passes it on. Ended does the rest.
func (a *shardConn) end(e *ending) relay.Step {
	if e.verb == Next {
		return a.passOn(e)
	}
	a.ending = e
	step := relay.Step{Do: relay.Close, Last: a.conn().finalAlert(e)}
	switch e.verb {
	case Reset:
		step.Manner = relay.Abruptly
	case Drop:
		step.Manner = relay.Silently
	default:
	}
	return step
}

// passOn takes the connection from the shard and passes it on.
func (a *shardConn) passOn(e *ending) relay.Step {
	if _, _, ok := a.session.Detach(); !ok {
		return relay.Step{} // it has been ended meanwhile
	}
	c := a.conn()
	liveConns.removeSession(a.session)
	c.end(e)
	a.recycle()
	return relay.Step{}
}

// Answered implements relay.Owner. Only the session's own is called with effect.
func (a *shardConn) Answered() {}

// Ended implements relay.Owner: it concludes a connection that has not become a session.
func (a *shardConn) Ended(r relay.Result) {
	a.useActiveFrontend()
	if crash, ok := errors.AsType[*relay.PanicError](r.Err); ok {
		a.f.logPanic(crash.Value, crash.Stack)
	}
	if a.socket == nil { // it became a session and was ended at once
		a.session.Ended(r)
		return
	}
	defer liveConns.removeSession(a.session)
	c, end := a.conn(), a.ending
	defer c.recovered()
	switch {
	case r.Cause == relay.Failed:
		end = &ending{end: tcplog.Failed, by: relay.Proxy, err: r.Err}
	case end == nil:
		if c.claim != nil {
			c.claim.release(pool.NotTried)
		}
		end = &ending{end: c.endIfKilled, by: relay.Proxy, err: errors.New(r.Reason)}
	}
	end.clientClosed = true
	c.end(end)
	a.recycle()
}

// readError returns an error of reading in the form of package net.
func (a *shardConn) readError(err error) error {
	return &net.OpError{Op: "read", Net: a.socket.RemoteAddr().Network(), Source: a.socket.LocalAddr(), Addr: a.socket.RemoteAddr(), Err: err}
}

// Interface guards
var _ relay.Handler = (*shardConn)(nil)
