// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// acquire leases a server of b and connects to it, with as many retries as the backend allows.
// server is the first one to try; if empty, the policy picks it.
func (c *connection) acquire(b *balancer.Backend, server string) (*claim, *ending) {
	k := c.claimOf(b, server, &claim{session: new(session)}, time.Now())
	return k, c.whileClientStays(k, c.acquireAndDial)
}

// whileClientStays runs attempts for a claim and watches the client where they wait. If the client
// leaves, it gives up the claim.
func (c *connection) whileClientStays(k *claim, attempts func(*claim) *ending) *ending {
	c.watch = &k.watch
	end := attempts(k)
	k.watch.stop()
	c.watch = nil
	if gone := c.goneErr(); gone != nil {
		end = c.abandon(k, gone)
	}
	return end
}

// claimOf sets up k, which has nothing but a session, as a claim on a backend, and returns it. It
// does not block.
func (c *connection) claimOf(b *balancer.Backend, server string, k *claim, now time.Time) *claim {
	k.began, k.Backend, k.Pauser = now, b, k
	k.session.id = c.id
	k.Request.Began = now
	k.Request.Server, k.Request.Persistent, k.Request.Forced = server, b.Persist, c.forced
	k.Request.NextLease = &k.session.lease
	k.Request.Source, k.Request.Connection = c.sourceForHash(), c
	k.Request.Priority = pool.Priority{Class: int(c.input.priority.Class), Offset: time.Duration(c.input.priority.Offset) * time.Millisecond}
	k.watch.Context, k.watch.c, k.watch.untilFin = context.Background(), c, b.AbortOnClose
	c.claim = k
	c.record.Server, c.record.Address = "", ""
	c.reach(tcplog.KilledQueue)
	c.record.Retries, c.record.Redispatched, c.record.Moved = 0, false, 0
	return k
}

// acquireAndDial leases a server and connects to it, and retries until that succeeds, no retry is
// left, or the client has left.
func (c *connection) acquireAndDial(k *claim) *ending {
	lease, err := k.Acquire(&k.watch)
	return c.dialAttempts(k, lease, err)
}

// dialAttempts continues acquireAndDial with the first lease, or with the error in its place.
func (c *connection) dialAttempts(k *claim, lease *pool.Lease, err error) *ending {
	for err == nil {
		c.granted(k, lease)
		if c.goneErr() != nil {
			return nil
		}
		end := c.dial(k)
		if end == nil || c.goneErr() != nil {
			return nil
		}
		var over *ending
		if lease, over, err = c.next(k, end); over != nil {
			return over
		}
	}
	c.noteQueue(&k.Request.Queued)
	return c.notServed(err, &k.Request.Queued)
}

// retry makes the attempts that follow one that has failed.
func (c *connection) retry(k *claim, failed *ending) *ending {
	lease, over, err := c.next(k, failed)
	if over != nil {
		return over
	}
	return c.dialAttempts(k, lease, err)
}

// granted stores the lease of an attempt and notes the time in the queue.
func (c *connection) granted(k *claim, l *pool.Lease) {
	k.setLease(l)
	c.noteQueue(&k.Request.Queued)
}

// next returns the lease for the attempt after a failed one, or the connection's ending, or the
// error of the acquisition. The lease may be the same one. A new one is stored in a new session,
// since the old one may still be released.
func (c *connection) next(k *claim, failed *ending) (l *pool.Lease, over *ending, err error) {
	f := balancer.Failure{Outcome: outcomeOf(failed.end), TimedOut: failed.end == tcplog.ConnectTimeout}
	if over := c.checkRetry(k, failed, f.Outcome); over != nil {
		return nil, over, nil
	}
	s := &session{id: c.id}
	k.Request.NextLease = &s.lease
	if l, err = k.Next(&k.watch, k.handOverLease(), f); l == &s.lease {
		k.session = s
	}
	return l, nil, err
}

// checkRetry returns the ending of a connection that gets no further attempt, and releases its
// lease. It returns nil if another attempt may be made.
func (c *connection) checkRetry(k *claim, end *ending, o pool.Outcome) *ending {
	if cut := evictionEnding(k.lease.Evicted()); cut != nil {
		cut.err = end.err
		k.release(pool.ConnectFailed)
		return cut
	}
	if end.end == tcplog.NoAddress { // a retry would find none either
		k.release(pool.NotTried)
		return end
	}
	err := k.Retry()
	if err == nil {
		c.record.Retries = k.Retries
		return nil
	}
	if errors.Is(err, balancer.ErrNoBudget) {
		end.err = fmt.Errorf("%w; %w", end.err, err)
	}
	k.release(o)
	return end
}

// abandon releases the claim of a client that has left.
func (c *connection) abandon(k *claim, why error) *ending {
	k.release(pool.NotTried)
	c.noteQueue(&k.Request.Queued)
	end := tcplog.ClientLeftConnect
	if c.endIfKilled != tcplog.KilledConnect {
		end = tcplog.ClientLeftQueue
		c.noteWaitedFor(&k.Request.Queued)
	}
	if errors.Is(why, errClientReset) {
		end = tcplog.ClientReset
	}
	return &ending{end: end, by: relay.Client, err: why}
}

// notServed returns the ending of a connection that got no server.
func (c *connection) notServed(err error, q *pool.Queued) *ending {
	end := tcplog.NoServer
	switch {
	case errors.Is(err, pool.ErrQueueTimeout):
		end = tcplog.QueueTimeout
	case errors.Is(err, pool.ErrQueueFull):
		end = tcplog.QueueFull
	}
	if end == tcplog.QueueFull || end == tcplog.NoServer && c.record.Server == "" {
		c.record.Queue = tcplog.NotReached // there was neither a queue nor a server
	}
	if end != tcplog.NoServer {
		c.noteWaitedFor(q)
	}
	return &ending{end: end, by: relay.Proxy, err: err, unserved: true}
}

// noteQueue records the connection's time and position in the queues.
func (c *connection) noteQueue(q *pool.Queued) {
	c.record.Queue, c.record.ServerQueue, c.record.BackendQueue = q.Time, q.Server, q.Backend
	c.record.Redispatched = c.record.Redispatched || q.Moved
}

// noteWaitedFor records the server whose queue the connection was in last, if it was in one, and
// that server's sessions.
func (c *connection) noteWaitedFor(q *pool.Queued) {
	c.record.Server, c.record.Address = "", ""
	if q.For != nil {
		c.record.Server, c.record.Address, c.record.SrvConn = q.For.Name, q.For.Address, q.For.Sessions()
	}
}

// Placeholders fills in a policy's template.
func (c *connection) Placeholders(template string) string {
	c.readForTemplate(template)
	return c.connForMatchers().Replacer().ReplaceAll(template, "")
}

// readForTemplate reads what the client has sent so far, if a template needs the ClientHello.
func (c *connection) readForTemplate(template string) {
	if asksHello(template) {
		_ = c.readForBackend() // a client that has left is noticed later
	}
}

// Sample evaluates an expression for a policy. Bytes that the client has sent are on their way to
// the server by then, so the expression does not see them, as in HAProxy.
func (c *connection) Sample(e *sample.Expression) (sample.Value, bool) {
	in := c.rulesView(true).Input
	in.Hello = nil
	v, verdict := e.Eval(&in)
	return v, verdict == sample.Pass
}
