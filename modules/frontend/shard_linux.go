// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"errors"
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// shardConn is a connection on the fast way: it passes the stations that walk passes on a
// goroutine, but on that of a shard of package relay, called for each thing that happens.
// As soon as something has to be waited for that is not the client or one server, it goes
// on in a goroutine, from the station that it has got to.
type shardConn struct {
	active   *activeFrontend
	f        *Frontend     // nil while the client is waited for: which it is turns out then
	socket   *relay.Socket // nil: it is the session's
	accepted time.Duration // since epoch
	session  *session      // what it is to become

	pooled *pooledConn // nil: the client is waited for, or it is the session's
	kept   *keptInput  // nil: the client has not sent anything yet
	ending *ending     // once it is closed
}

// ServeOnShard takes a client's connection from its first byte to its end. It is called on the
// goroutine of the shard that is to watch the socket, waits for nothing, and needs no
// goroutine of its own until something else than the client has to be waited for. It is to
// be called for what durable.TakeBy gives.
func (f *Frontend) ServeOnShard(socket *relay.Socket) {
	accepted := time.Now()
	if !f.nonBlocking {
		go f.Serve(socket, accepted)
		return
	}
	f.setActive() // or it would get no connection from durable
	a := &shardConn{active: f.active, f: f, socket: socket, accepted: accepted.Sub(epoch), session: new(session)}
	f.conns.Add(1)
	liveConns.addSession()
	if err := a.session.Arrive(socket, a); err != nil { // no shard can watch it
		liveConns.removeSession(a.session)
		f.conns.Add(-1)
		go f.Serve(socket, accepted)
		return
	}
	liveConns.started(a.session, false)
}

// Inline reports whether Arrive needs no goroutine.
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
	if step.Do == relay.Await {
		a.releaseBuffers()
	}
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
		case !a.f.nonBlocking: // another configuration than that by which it arrived
			a.conn().commitRead(news.N)
			return a.toGoroutine(a.conn().inspectAndRoute)
		case a.f.Content != nil:
			return a.onContentEvent(news)
		default:
			return a.onHelloEvent(news)
		}
	}
}

// onAccepted screens the connection, and begins to wait for what the client sends.
func (a *shardConn) onAccepted() relay.Step {
	if a.f.hasEarlyRules() {
		if end := a.conn().screen(); end != nil {
			return a.end(end)
		}
	}
	if a.f.Content == nil {
		return relay.Step{Until: epoch.Add(a.accepted + a.f.InspectDelay)}
	}
	if a.f.reads && a.f.Content.InspectDelay == 0 { // what has come until now counts
		return a.toGoroutine(a.conn().inspectAndRoute)
	}
	return a.tryRules()
}

// onHelloEvent takes what has happened while the hello is waited for: the fast way of awaitHello.
func (a *shardConn) onHelloEvent(news relay.News) relay.Step {
	c := a.conn()
	var outcome clienthello.Outcome
	switch news.Event {
	case relay.Received:
		outcome = c.hello.Commit(news.N)
	case relay.Expired:
		if due := epoch.Add(a.accepted + a.f.InspectDelay); time.Now().Before(due) {
			return relay.Step{Until: due}
		}
		outcome = c.hello.Expire()
	default:
		outcome = c.hello.Leave()
	}
	if outcome == clienthello.Pending {
		return relay.Step{}
	}
	if end := c.inspected(outcome); end != nil {
		return a.end(end)
	}
	return a.route()
}

// onContentEvent takes what has happened while rules of content wait: the fast way of the station
// admit.
func (a *shardConn) onContentEvent(news relay.News) relay.Step {
	c := a.conn()
	switch news.Event {
	case relay.Received:
		c.commitRead(news.N)
	case relay.Finished:
		c.input.clientFinished = true
	case relay.Expired:
		switch deadline, silent := c.waitDeadline(); {
		case time.Now().Before(deadline): // it has been moved
			return relay.Step{Until: deadline}
		case silent:
			return a.end(c.clientLeft(a.f.Content, tcplog.ClientTimeoutHello, nil))
		}
		c.input.delayExpired = true
	default:
		return a.end(c.clientLeft(a.f.Content, tcplog.ClientLeft, a.readError(news.Err)))
	}
	return a.tryRules()
}

// tryRules tries the rules of content.
func (a *shardConn) tryRules() relay.Step {
	c, ruleset := a.conn(), a.f.Content
	wait, end := c.tryRules(ruleset, ruleset.InspectDelay == 0 || c.input.delayExpired, true)
	switch {
	case wait:
		c.startDelay(ruleset)
		c.input.read = true
		deadline, _ := c.waitDeadline()
		return relay.Step{Until: deadline}
	case end != nil:
		return a.end(end)
	case a.f.reads && !c.input.read: // what has come until now counts
		return a.toGoroutine(c.inspectAndRoute)
	}
	c.input.delayEnds = time.Time{}
	return a.route()
}

// route passes the connection to a backend.
func (a *shardConn) route() relay.Step {
	backend, end := a.conn().route()
	if end != nil {
		return a.end(end)
	}
	return a.pass(backend)
}

// pass takes a server of a backend that is free, and connects to it.
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
	a.pooled.claimStorage.session = a.session
	k := c.claimOf(b, server, &a.pooled.claimStorage)
	lease := k.TryAcquire()
	if lease == nil {
		return a.passOnGoroutine(b)
	}
	c.granted(k, lease)
	if !balancer.IsTemplate(k.server.Address) {
		if to, err := c.nextDestination(k); err == nil && to.at.IsValid() {
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

func (a *shardConn) connect(k *claim, to destination) relay.Step {
	return relay.Step{
		Do: relay.Connect, To: to.at, First: a.conn().hello.Bytes(),
		Timeout:      max(0, time.Duration(k.Backend.Timeouts.Connect)),
		KeepAlive:    a.conn().shared.options.NeedsKeepAlive(),
		AbortOnClose: k.Backend.AbortOnClose,
	}
}

// onConnected makes the connection a session.
func (a *shardConn) onConnected() relay.Step {
	c, s := a.conn(), a.session
	if end := c.noteDialResult(c.claim, nil); end != nil {
		return a.end(end)
	}
	s.begin(c)
	c.ended, a.socket = true, nil
	c.claim.handOverLease().OnEvict(s)
	c.forget()
	a.recycle()
	return relay.Step{Do: relay.Relay, Options: &s.options, Owner: s}
}

// onConnectFailed has another attempt made, if there may be one.
func (a *shardConn) onConnectFailed(err error) relay.Step {
	c := a.conn()
	end := c.noteDialResult(c.claim, err)
	return a.attemptOnGoroutine(c.claim, func(k *claim) *ending { return c.retry(k, end) })
}

// onClientLeft gives up the server that is waited for: the client has left.
func (a *shardConn) onClientLeft(err error) relay.Step {
	why := errClientFin
	if err != nil {
		why = errClientReset
	}
	c := a.conn()
	c.gone = make(chan struct{})
	c.setGone(why)
	return a.end(c.abandon(c.claim, why))
}

// attemptOnGoroutine goes on in a goroutine, with what there is of a claim.
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

// toGoroutine goes on in a goroutine: the general way.
func (a *shardConn) toGoroutine(way func() *ending) relay.Step {
	c := a.conn()
	if _, _, ok := a.session.Detach(); !ok {
		return relay.Step{} // it has been ended from outside
	}
	a.pooled = nil // it is the goroutine's
	c.gone = make(chan struct{})
	liveConns.toGoroutine(c)
	go func() {
		defer c.Conn.Close()
		c.run(way)
	}()
	return relay.Step{}
}

// end closes the connection in the way of its ending. Ended does the rest.
func (a *shardConn) end(e *ending) relay.Step {
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

// Answered implements relay.Owner. It is the session's to be told that.
func (a *shardConn) Answered() {}

// Ended ends a connection that has not become a session.
func (a *shardConn) Ended(r relay.Result) {
	a.useActiveFrontend()
	if crash, ok := errors.AsType[*relay.PanicError](r.Err); ok {
		a.f.logPanic(crash.Value, crash.Stack)
	}
	if a.socket == nil { // it was ended from outside just then
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
		end = &ending{end: c.endIfKilled, by: relay.Proxy, err: errShutdown}
	}
	end.clientClosed = true
	c.end(end)
	a.recycle()
}

// readError is an error of reading, as package net says it.
func (a *shardConn) readError(err error) error {
	return &net.OpError{Op: "read", Net: a.socket.RemoteAddr().Network(), Source: a.socket.LocalAddr(), Addr: a.socket.RemoteAddr(), Err: err}
}

// Interface guards
var _ relay.Handler = (*shardConn)(nil)
