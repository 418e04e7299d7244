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

// arrival is a connection on the fast way: it passes the stations that walk passes on a
// goroutine, but on that of a shard of package relay, called for each thing that happens.
// As soon as something has to be waited for that is not the client or one server, it goes
// on in a goroutine, from the station that it has got to.
type arrival struct {
	place    *place
	f        *Frontend     // nil while the client is waited for: which it is turns out then
	socket   *relay.Socket // nil: it is the session's
	accepted time.Duration // since epoch
	session  *session      // what it is to become

	passing *passing // nil: the client is waited for, or it is the session's
	waiting *waiting // nil: the client has not sent anything yet
	ending  *ending  // once it is closed
}

// Arrive takes a client's connection from its first byte to its end. It is called on the
// goroutine of the shard that is to watch the socket, waits for nothing, and needs no
// goroutine of its own until something else than the client has to be waited for. It is to
// be called for what durable.TakeBy gives.
func (f *Frontend) Arrive(socket *relay.Socket) {
	accepted := time.Now()
	if !f.quick {
		go f.Serve(socket, accepted)
		return
	}
	f.runs() // or it would get no connection from durable
	a := &arrival{place: f.place, f: f, socket: socket, accepted: accepted.Sub(epoch), session: new(session)}
	f.conns.Add(1)
	present.enter()
	if err := a.session.Arrive(socket, a); err != nil { // no shard can watch it
		present.end(a.session)
		f.conns.Add(-1)
		go f.Serve(socket, accepted)
		return
	}
	present.begun(a.session, false)
}

// Inline reports whether Arrive needs no goroutine.
func (f *Frontend) Inline() bool { return f.quick }

// Buffer implements relay.Handler.
func (a *arrival) Buffer() []byte {
	a.decidedBy()
	return a.conn().room()
}

// Next implements relay.Handler.
func (a *arrival) Next(news relay.News) relay.Step {
	a.decidedBy()
	step := a.next(news)
	if step.Do == relay.Await {
		a.waits()
	}
	return step
}

func (a *arrival) next(news relay.News) relay.Step {
	switch news.Event {
	case relay.Arrived:
		return a.arrived()
	case relay.Connected:
		return a.connected()
	case relay.Refused:
		return a.refused(news.Err)
	case relay.Left:
		return a.left(news.Err)
	default:
		switch {
		case !a.f.quick: // another configuration than that by which it arrived
			a.conn().received(news.N)
			return a.goOn(a.conn().proceed)
		case a.f.Content != nil:
			return a.admit(news)
		default:
			return a.inspect(news)
		}
	}
}

// arrived screens the connection, and begins to wait for what the client sends.
func (a *arrival) arrived() relay.Step {
	if a.f.screens() {
		if end := a.conn().screen(); end != nil {
			return a.end(end)
		}
	}
	if a.f.Content == nil {
		return relay.Step{Until: epoch.Add(a.accepted + a.f.InspectDelay)}
	}
	if a.f.reads && a.f.Content.InspectDelay == 0 { // what has come until now counts
		return a.goOn(a.conn().proceed)
	}
	return a.decide()
}

// inspect takes what has happened while the hello is waited for: the fast way of awaitHello.
func (a *arrival) inspect(news relay.News) relay.Step {
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

// admit takes what has happened while rules of content wait: the fast way of the station
// admit.
func (a *arrival) admit(news relay.News) relay.Step {
	c := a.conn()
	switch news.Event {
	case relay.Received:
		c.received(news.N)
	case relay.Finished:
		c.input.finished = true
	case relay.Expired:
		switch deadline, silent := c.patience(); {
		case time.Now().Before(deadline): // it has been moved
			return relay.Step{Until: deadline}
		case silent:
			return a.end(c.left(a.f.Content, tcplog.ClientTimeoutHello, nil))
		}
		c.input.expired = true
	default:
		return a.end(c.left(a.f.Content, tcplog.ClientLeft, a.readError(news.Err)))
	}
	return a.decide()
}

// decide tries the rules of content.
func (a *arrival) decide() relay.Step {
	c, ruleset := a.conn(), a.f.Content
	wait, end := c.decide(ruleset, ruleset.InspectDelay == 0 || c.input.expired, true)
	switch {
	case wait:
		c.waits(ruleset)
		c.input.tried = true
		deadline, _ := c.patience()
		return relay.Step{Until: deadline}
	case end != nil:
		return a.end(end)
	case a.f.reads && !c.input.tried: // what has come until now counts
		return a.goOn(c.proceed)
	}
	c.input.due = time.Time{}
	return a.route()
}

// route passes the connection to a backend.
func (a *arrival) route() relay.Step {
	backend, end := a.conn().route()
	if end != nil {
		return a.end(end)
	}
	return a.pass(backend)
}

// pass takes a server of a backend that is free, and connects to it.
func (a *arrival) pass(b *balancer.Backend) relay.Step {
	c := a.conn()
	if !c.inlineTo(b) {
		return a.general(b)
	}
	c.enter(b)
	if end := c.admitTo(b); end != nil {
		return a.end(end)
	}
	server, end := c.assigned(b)
	if end != nil {
		return a.end(end)
	}
	a.passing.own.session = a.session
	k := c.claimOf(b, server, &a.passing.own)
	lease := k.TryAcquire()
	if lease == nil {
		return a.general(b)
	}
	c.granted(k, lease)
	if !balancer.IsTemplate(k.server.Address) {
		if to, err := c.heads(k); err == nil && to.at.IsValid() {
			return a.connect(k, to)
		}
	}
	return a.with(k, func(k *claim) *ending { return c.attempt(k, lease, nil) })
}

// general passes the connection to a backend in a goroutine.
func (a *arrival) general(b *balancer.Backend) relay.Step {
	c := a.conn()
	return a.goOn(func() *ending { return c.served(b, c.pass(b)) })
}

func (a *arrival) connect(k *claim, to destination) relay.Step {
	return relay.Step{
		Do: relay.Connect, To: to.at, First: a.conn().hello.Bytes(),
		Timeout:   max(0, time.Duration(k.Backend.Timeouts.Connect)),
		KeepAlive: a.conn().terms.options.NeedsKeepAlive(),
		AbortOnClose:  k.Backend.AbortOnClose,
	}
}

// connected makes the connection a session.
func (a *arrival) connected() relay.Step {
	c, s := a.conn(), a.session
	if end := c.dialled(c.claim, nil); end != nil {
		return a.end(end)
	}
	s.begin(c)
	c.over, a.socket = true, nil
	c.claim.give().OnEvict(s)
	c.forget()
	a.recycle()
	return relay.Step{Do: relay.Relay, Options: &s.options, Owner: s}
}

// refused has another attempt made, if there may be one.
func (a *arrival) refused(err error) relay.Step {
	c := a.conn()
	end := c.dialled(c.claim, err)
	return a.with(c.claim, func(k *claim) *ending { return c.retry(k, end) })
}

// left gives up the server that is waited for: the client has left.
func (a *arrival) left(err error) relay.Step {
	why := errClientFin
	if err != nil {
		why = errClientReset
	}
	c := a.conn()
	c.gone = make(chan struct{})
	c.depart(why)
	return a.end(c.abandon(c.claim, why))
}

// with goes on in a goroutine, with what there is of a claim.
func (a *arrival) with(k *claim, attempts func(*claim) *ending) relay.Step {
	c := a.conn()
	return a.goOn(func() *ending {
		end := c.pursue(k, attempts)
		if end == nil {
			end = c.relay(k)
		}
		return c.served(k.Backend, end)
	})
}

// goOn goes on in a goroutine: the general way.
func (a *arrival) goOn(way func() *ending) relay.Step {
	c := a.conn()
	if _, _, ok := a.session.Detach(); !ok {
		return relay.Step{} // it has been ended from outside
	}
	a.passing = nil // it is the goroutine's
	c.gone = make(chan struct{})
	present.leaveShard(c)
	go func() {
		defer c.Conn.Close()
		c.run(way)
	}()
	return relay.Step{}
}

// end closes the connection in the way of its ending. Ended does the rest.
func (a *arrival) end(e *ending) relay.Step {
	a.ending = e
	step := relay.Step{Do: relay.Close, Last: a.conn().lastWords(e)}
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
func (a *arrival) Answered() {}

// Ended ends a connection that has not become a session.
func (a *arrival) Ended(r relay.Result) {
	a.decidedBy()
	if crash, ok := errors.AsType[*relay.PanicError](r.Err); ok {
		a.f.logPanic(crash.Value, crash.Stack)
	}
	if a.socket == nil { // it was ended from outside just then
		a.session.Ended(r)
		return
	}
	defer present.end(a.session)
	c, end := a.conn(), a.ending
	defer c.recovered()
	switch {
	case r.Cause == relay.Failed:
		end = &ending{end: tcplog.Failed, by: relay.Proxy, err: r.Err}
	case end == nil:
		if c.claim != nil {
			c.claim.release(pool.NotTried)
		}
		end = &ending{end: c.stage, by: relay.Proxy, err: errExit}
	}
	end.told = true
	c.end(end)
	a.recycle()
}

// readError is an error of reading, as package net says it.
func (a *arrival) readError(err error) error {
	return &net.OpError{Op: "read", Net: a.socket.RemoteAddr().Network(), Source: a.socket.LocalAddr(), Addr: a.socket.RemoteAddr(), Err: err}
}

// Interface guards
var _ relay.Handler = (*arrival)(nil)
