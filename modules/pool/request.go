// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"net/netip"
	"slices"
	"time"
)

// Request is one client connection that needs a server. It belongs to that connection's goroutine.
// The zero value is ready to use; it must not be copied after use.
type Request struct {
	// Source is the client's address; the zero value if it has none. An IPv4 client of a dual-stack
	// listener has the mapped address ::ffff:A.B.C.D.
	Source netip.Addr
	// Connection is the frontend's connection, for policies that need more than Source. They use type
	// assertions to find out what it can provide.
	Connection any
	// Server names the one server that the request is meant for. The request gets it or is queued for
	// it instead of asking the policy, whatever the server's weight. The pool clears the field, so
	// that the policy picks, if the server is down, in maintenance or avoided, or if its queue is full
	// and Config.Redispatch is set. It is HAProxy's use-server.
	Server string
	// Persistent keeps Server even if the server is down or in maintenance. It is HAProxy's option
	// persist.
	Persistent bool
	// Forced does the same, and ignores Config.Redispatch. It is HAProxy's force-persist.
	Forced bool
	// Began is when the request was made, or zero. TryAcquire then looks at no clock.
	Began time.Time
	// Priority is the request's place in the queues. It must not change while the request is queued.
	Priority Priority
	// NextLease is the memory for the next lease. If it is nil, the first lease is stored in the
	// request, which then stays in memory as long as the lease. It is reset to nil after use: an old
	// lease may still be released.
	NextLease *Lease
	// Queued describes the waits of the request so far.
	Queued Queued

	avoid           []*Server
	lenient         bool
	othersQueued    bool
	backendSessions int
	hash            hashed

	waiter waiter
	lease  Lease
	leased bool // lease is, or was, in use
}

// Queued describes the waits of a request. Server and Backend are its places in the queues, from 1;
// 0: it did not wait there. A place is the number of requests that were served from that queue
// until it was this one's turn, as in HAProxy's %sq and %bq.
type Queued struct {
	Server, Backend int
	Time            time.Duration
	// For is the server that the request waits for, or waited for last; nil: any server.
	For *Server
	// Moved reports that the request was moved to another server because its own was gone.
	Moved bool
}

// Avoid excludes s from further picks for this connection: it has just failed.
func (r *Request) Avoid(s *Server) { r.avoid = append(r.avoid, s) }

// AvoidLast prefers any other server with a free slot over s, and falls back to s. It replaces what
// was avoided before. It is HAProxy's redispatch.
func (r *Request) AvoidLast(s *Server) {
	r.avoid = append(r.avoid[:0], s)
	r.lenient = true
}

// Avoids reports whether s is excluded.
func (r *Request) Avoids(s *Server) bool {
	// By name, too: s may belong to another configuration.
	return slices.ContainsFunc(r.avoid, func(a *Server) bool { return a == s || a.Name == s.Name })
}

// Lenient reports whether an avoided server may serve if no other can.
func (r *Request) Lenient() bool { return r.lenient }

// OthersQueued reports whether other requests are queued for any server: then all servers are full.
// HAProxy's roundrobin, static-rr and first do not look for a server in that case.
func (r *Request) OthersQueued() bool { return r.othersQueued }

// BackendSessions returns the number of connections of the backend that have a server.
func (r *Request) BackendSessions() int { return r.backendSessions }

// hashed is the result of a Hasher for this request.
type hashed struct {
	by    Hasher
	value uint32
	ok    bool
}

// Hash returns the result of the policy's Hash method.
func (r *Request) Hash() (hash uint32, ok bool) { return r.hash.value, r.hash.ok }

// hashFor calls the policy's Hash method, if it has one and has not been called yet.
func (r *Request) hashFor(p Policy) {
	if h, ok := p.(Hasher); ok && r.hash.by != h {
		value, ok := h.Hash(r)
		r.hash = hashed{h, value, ok}
	}
}

// ClearAvoided allows all servers again: every one has failed, and the connection has paused before
// it tries again.
func (r *Request) ClearAvoided() { r.avoid, r.lenient = r.avoid[:0], false }

// Reset prepares the request for another connection. Its leases must have been released, and are no
// longer valid.
func (r *Request) Reset() {
	*r = Request{avoid: r.avoid[:0]}
}

// avoidsAll reports whether the request avoids all servers of a view.
func (r *Request) avoidsAll(v View) bool {
	if len(r.avoid) == 0 || r.lenient {
		return false
	}
	return !slices.ContainsFunc(v.Servers, func(s *Server) bool { return !r.Avoids(s) })
}

// newLease returns NextLease, or the request's own lease the first time, so that most connections
// allocate none.
func (r *Request) newLease() (l *Lease) {
	switch {
	case r.NextLease != nil:
		l, r.NextLease = r.NextLease, nil
	case r.leased:
		l = new(Lease)
	default:
		l = &r.lease
	}
	r.leased = true
	return l
}
