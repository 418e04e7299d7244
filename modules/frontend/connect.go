// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// connect takes a lease and connects to its server, and tries again as the
// backend allows. The server is the one to begin with; empty: the policy's. False means that no server could be reached: the record says
// why. True without a server means that the connection is over.
func (c *connection) connect(b *balancer.Backend, server string) bool {
	a := new(attempts)
	a.Backend, a.Pauser = b, a
	a.Request.Server, a.Request.Persistent, a.Request.Forced = server, b.Persist, c.forced
	a.client.Context, a.client.c, a.client.untilFin = context.Background(), c, b.AbortOnClose
	c.presence = &a.client
	connected := c.try(a)
	a.client.end()
	c.presence = nil
	if gone := c.whyGone(); gone != nil {
		c.abandon(gone, &a.Request.Queued)
		return true
	}
	return connected
}

// abandon gives up a connection that nobody waits for any more, and what it has of a
// server.
func (c *connection) abandon(why error, q *pool.Queued) {
	if c.server != nil {
		_ = c.server.Close()
		c.server = nil
	}
	if c.lease != nil {
		c.lease.Release(pool.NotTried)
	}
	c.noteQueue(q)
	end := tcplog.ClientLeftConnect
	if c.stage != tcplog.KilledConnect {
		end = tcplog.ClientLeftQueue
		c.noteWaitedFor(q)
	}
	switch {
	case errors.Is(why, errKilled):
		return // the end of the connection says more
	case errors.Is(why, errClientReset):
		end = tcplog.ClientReset
	}
	c.record.End, c.record.EndedBy, c.record.Error = end, relay.Client, why.Error()
}

// try makes attempts until one succeeds, or no more are to be made.
func (c *connection) try(a *attempts) bool {
	b := a.Backend
	c.session = new(session)
	a.Request.Into = &c.session.first
	a.Request.Source, a.Request.Connection = mapped(c.Conn, c.look(true).Source.Addr()), c
	began := time.Now()
	c.stage = tcplog.KilledQueue
	c.record.Backend, c.record.Server, c.record.Address = b.Name(), "", ""
	c.record.Retries, c.record.Redispatched = 0, false
	lease, err := a.acquire()
	for ; err == nil; lease, err = a.next(lease, c.record.End) {
		c.lease = lease
		c.noteQueue(&a.Request.Queued)
		if c.whyGone() != nil {
			return true
		}
		if c.dial(a, lease) {
			lease.Reached()
			c.record.Connect = time.Since(began) - c.record.Queue
			return true
		}
		if c.whyGone() != nil {
			return true
		}
		if noteCut(&c.record, lease.Cut()) {
			lease.Release(pool.ConnectFailed)
			return true
		}
		if c.record.End == tcplog.NoAddress {
			lease.Release(pool.NotTried)
			return false
		}
		if !a.retry(&c.record) {
			lease.Release(outcomeOf(c.record.End))
			return false
		}
	}
	c.noteQueue(&a.Request.Queued)
	c.notServed(err, &a.Request.Queued)
	return false
}

// noteCut notes why the connection has been ended from outside, if it has.
func noteCut(r *tcplog.Record, why pool.Cut) bool {
	switch why {
	case pool.NotCut:
		return false
	case pool.MarkedDown:
		r.End = tcplog.ServerDown
	case pool.BackupSpare:
		r.End = tcplog.BackupSpare
	case pool.ServerRemoved:
		r.End = tcplog.ServerRemoved
	}
	r.EndedBy = relay.Proxy
	return true
}

// noteQueue notes for the log where the connection has had to wait.
func (c *connection) noteQueue(q *pool.Queued) {
	c.record.Queue, c.record.ServerQueue, c.record.BackendQueue = q.Time, q.Server, q.Backend
	c.record.Redispatched = c.record.Redispatched || q.Moved
}

// notServed notes why no server was to be had.
func (c *connection) notServed(err error, q *pool.Queued) {
	end := tcplog.NoServer
	switch {
	case errors.Is(err, pool.ErrQueueTimeout):
		end = tcplog.QueueTimeout
	case errors.Is(err, pool.ErrQueueFull):
		end = tcplog.QueueFull
	}
	if end != tcplog.NoServer {
		c.noteWaitedFor(q)
	}
	c.record.End, c.record.EndedBy, c.record.Error = end, relay.Proxy, err.Error()
}

// noteWaitedFor notes the server that the connection has waited for last, if it was
// one.
func (c *connection) noteWaitedFor(q *pool.Queued) {
	c.record.Server, c.record.Address = "", ""
	if q.For != nil {
		c.record.Server, c.record.Address = q.For.Name, q.For.Address
	}
}

// Placeholders fills in a template for a policy.
func (c *connection) Placeholders(template string) string {
	if asksHello(template) && !c.input.tried {
		_ = c.attempt() // that the client has gone will be noticed soon enough
		c.noteHello()
	}
	return c.matching().Replacer().ReplaceAll(template, "")
}

// Sample computes an expression for a policy. What the client has sent is on its
// way to the server then, as in HAProxy.
func (c *connection) Sample(e *sample.Expression) (sample.Value, bool) {
	in := c.look(true).Input
	in.Hello = nil
	v, verdict := e.Eval(&in)
	return v, verdict == sample.Pass
}

// dial connects to the server of a lease and notes how that went.
func (c *connection) dial(a *attempts, l *pool.Lease) bool {
	s := l.Server
	c.stage = tcplog.KilledConnect
	c.record.Redispatched = c.record.Redispatched || c.record.Server != "" && c.record.Server != s.Name
	c.record.Server, c.record.Address = s.Name, s.Address
	conn, err := c.dialServer(a.Backend, s, relay.DialOptions{
		Timeout:   max(0, time.Duration(a.Backend.Timeouts.Connect)),
		KeepAlive: c.terms.options.Patient(),
		Client:    c.Conn,
		Cancel:    c.gone,
		Slow:      a.client.begin,
	})
	if err != nil {
		c.record.End, c.record.EndedBy = connectEnd(err)
		c.record.Error = err.Error()
		return false
	}
	c.server, c.record.Error = conn, ""
	return true
}

// outcomeOf returns what a failed attempt says of the server: nothing, where it did not
// come to the server.
func outcomeOf(end tcplog.End) pool.Outcome {
	switch end {
	case tcplog.Unresolved, tcplog.NoResources:
		return pool.NotTried
	default:
		return pool.ConnectFailed
	}
}

// connectEnd returns how a connection ends that could not be made, and by whom.
func connectEnd(err error) (tcplog.End, relay.Side) {
	var timeout net.Error
	switch {
	case errors.Is(err, errNoAddress):
		return tcplog.NoAddress, relay.Proxy
	case isUnresolved(err):
		return tcplog.Unresolved, relay.Proxy
	case errors.As(err, &timeout) && timeout.Timeout():
		return tcplog.ConnectTimeout, relay.Server
	case relay.IsShortage(err):
		return tcplog.NoResources, relay.Proxy
	default:
		return tcplog.ConnectFailed, relay.Server
	}
}
