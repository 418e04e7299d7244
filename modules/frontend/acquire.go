// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// claim is what a connection has of a backend on its way to a session, and the one owner
// of the lease until the session has it.
type claim struct {
	balancer.Attempts
	watch clientWatch

	began   time.Time
	session *session     // what the connection will become: it has the lease
	lease   *pool.Lease  // nil: none, or given away
	server  *pool.Server // of the last lease; nil: there was none
	conn    net.Conn     // to the server; nil: it is not connected to
}

// setLease owns a lease.
func (k *claim) setLease(l *pool.Lease) { k.lease, k.server = l, l.Server }

// handOverLease hands the lease over.
func (k *claim) handOverLease() *pool.Lease {
	l := k.lease
	k.lease = nil
	return l
}

// release gives back what there is of a server.
func (k *claim) release(o pool.Outcome) {
	if k.conn != nil {
		_ = k.conn.Close()
		k.conn = nil
	}
	if l := k.handOverLease(); l != nil {
		l.Release(o)
	}
}

// close gives back what the end of a connection finds, and returns the last server.
func (k *claim) close() *pool.Server {
	if k == nil {
		return nil
	}
	k.release(pool.Served)
	return k.server
}

// Pause waits until d is over or the client has left.
func (k *claim) Pause(d time.Duration) {
	k.watch.start()
	select {
	case <-time.After(d):
	case <-k.watch.c.gone:
	}
}

// acquire takes a server of b and connects to it, and tries again as the backend allows.
// The server is the one to begin with; empty: the policy's.
func (c *connection) acquire(b *balancer.Backend, server string) (*claim, *ending) {
	k := c.claimOf(b, server, &claim{session: new(session)})
	return k, c.whileClientStays(k, c.acquireAndDial)
}

// whileClientStays has attempts made for a claim, for as long as the client is there.
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

// claimOf makes k, which has nothing but a session, a claim on a backend, and returns it. It
// waits for nothing.
func (c *connection) claimOf(b *balancer.Backend, server string, k *claim) *claim {
	k.began, k.Backend, k.Pauser = time.Now(), b, k
	k.Request.Server, k.Request.Persistent, k.Request.Forced = server, b.Persist, c.forced
	k.Request.NextLease = &k.session.lease
	k.Request.Source, k.Request.Connection = sourceForHash(c.Conn, c.rulesView(true).Source.Addr()), c
	k.watch.Context, k.watch.c, k.watch.untilFin = context.Background(), c, b.AbortOnClose
	c.claim, c.endIfKilled = k, tcplog.KilledQueue
	c.record.Server, c.record.Address = "", ""
	c.record.Retries, c.record.Redispatched = 0, false
	return k
}

// acquireAndDial makes attempts until one succeeds, or no more are to be made, or the client is
// not to be served any more.
func (c *connection) acquireAndDial(k *claim) *ending {
	lease, err := k.Acquire(&k.watch)
	return c.dialAttempts(k, lease, err)
}

// dialAttempts makes them with a lease to begin with, or the error that there is none.
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

// retry makes those that come after one that has failed.
func (c *connection) retry(k *claim, failed *ending) *ending {
	lease, over, err := c.next(k, failed)
	if over != nil {
		return over
	}
	return c.dialAttempts(k, lease, err)
}

// granted notes the lease of an attempt.
func (c *connection) granted(k *claim, l *pool.Lease) {
	k.setLease(l)
	c.noteQueue(&k.Request.Queued)
}

// next returns the lease for the attempt after one that has failed, or how the connection
// ends, or the error that there is none. It is the same lease, or a new one, which goes
// into a new session: the old one may still be released.
func (c *connection) next(k *claim, failed *ending) (l *pool.Lease, over *ending, err error) {
	f := balancer.Failure{Outcome: outcomeOf(failed.end), TimedOut: failed.end == tcplog.ConnectTimeout}
	if over := c.checkRetry(k, failed, f.Outcome); over != nil {
		return nil, over, nil
	}
	s := new(session)
	k.Request.NextLease = &s.lease
	if l, err = k.Next(&k.watch, k.handOverLease(), f); l == &s.lease {
		k.session = s
	}
	return l, nil, err
}

// checkRetry says whether a connection whose attempt has failed is over. Then the lease has been
// given back.
func (c *connection) checkRetry(k *claim, end *ending, o pool.Outcome) *ending {
	if cut := evictionEnding(k.lease.Evicted()); cut != nil {
		cut.err = end.err
		k.release(pool.ConnectFailed)
		return cut
	}
	if end.end == tcplog.NoAddress { // another attempt cannot mend it
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

// abandon gives up a connection that nobody waits for any more, and what it has of a
// server.
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

// notServed returns the ending of a connection that no server was to be had for.
func (c *connection) notServed(err error, q *pool.Queued) *ending {
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
	return &ending{end: end, by: relay.Proxy, err: err, unserved: true}
}

// noteQueue notes for the log where the connection has had to wait.
func (c *connection) noteQueue(q *pool.Queued) {
	c.record.Queue, c.record.ServerQueue, c.record.BackendQueue = q.Time, q.Server, q.Backend
	c.record.Redispatched = c.record.Redispatched || q.Moved
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
	c.readForTemplate(template)
	return c.connForMatchers().Replacer().ReplaceAll(template, "")
}

// readForTemplate reads what the client has sent, if a template asks for it.
func (c *connection) readForTemplate(template string) {
	if asksHello(template) {
		_ = c.readForBackend() // that the client has gone will be noticed soon enough
	}
}

// Sample computes an expression for a policy. What the client has sent is on its
// way to the server then, as in HAProxy.
func (c *connection) Sample(e *sample.Expression) (sample.Value, bool) {
	in := c.rulesView(true).Input
	in.Hello = nil
	v, verdict := e.Eval(&in)
	return v, verdict == sample.Pass
}
