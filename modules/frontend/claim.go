// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// claim holds what a connection has taken of a backend before it becomes a session: the lease and
// the connection to the server. Until the session takes them over, the claim is their only owner
// and releases each once.
type claim struct {
	balancer.Attempts
	watch clientWatch

	began   time.Time
	session *session     // that the connection is to become; the lease is stored in it
	lease   *pool.Lease  // nil: none, or handed over
	server  *pool.Server // of the last lease; nil before the first
	conn    net.Conn     // to the server; nil before it is connected
	first   []byte       // what the server gets first, see firstBytes
	header  int
}

// setLease makes l the claim's lease.
func (k *claim) setLease(l *pool.Lease) { k.lease, k.server = l, l.Server }

// handOverLease returns the lease, which the caller owns from then on.
func (k *claim) handOverLease() *pool.Lease {
	l := k.lease
	k.lease = nil
	return l
}

// release closes the server's connection and releases the lease, if the claim has them.
func (k *claim) release(o pool.Outcome) {
	if k.conn != nil {
		_ = k.conn.Close()
		k.conn = nil
	}
	if l := k.handOverLease(); l != nil {
		l.Release(o)
	}
}

// close releases the claim at the end of a connection and returns the last server, which may be
// nil.
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
