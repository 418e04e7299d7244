// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"net/netip"
	"slices"
	"time"
)

// Request is one client connection that needs a server. It belongs to that
// connection's goroutine. The zero value is ready to use; it must not be copied
// afterwards.
type Request struct {
	// Source is the client's address; the zero value if it has none. That of an IPv4
	// client of a listener for both versions of IP is the mapped one, ::ffff:A.B.C.D.
	Source netip.Addr
	// Connection is what the frontend offers to policies that look at more. They
	// ask by interfaces of their own whether it can tell what they need.
	Connection any
	// Server names the one server that the request is for, which it gets or waits for
	// in place of what the policy would pick, whatever the server's weight. It is
	// cleared, so that the policy picks, where the server is down, in maintenance,
	// avoided, or with Config.Redispatch has no room in its queue. It is HAProxy's
	// use-server.
	Server string
	// Persistent keeps Server where the server is down or in maintenance. It is
	// HAProxy's option persist.
	Persistent bool
	// Forced does the same, and Config.Redispatch does not matter to the request. It
	// is HAProxy's force-persist.
	Forced bool
	// NextLease is where the next lease goes; nil: the first goes into the request, which is
	// then kept in memory for as long as the lease. It is nil again once it is used: an
	// old lease may still be released.
	NextLease *Lease
	// Queued is where the request has had to wait until now.
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

// Queued is what a wait was like. Places count from 1; 0 is none. A place is
// how many have been served from that queue up to the request itself, as in
// HAProxy's %sq and %bq.
type Queued struct {
	Server, Backend int
	Time            time.Duration
	// For is the server that the request waits for, or waited for last; nil: any.
	For *Server
	// Moved says that the server that it waited for has gone, and another was found.
	Moved bool
}

// Avoid keeps s from being picked again for this connection: it has just failed.
func (r *Request) Avoid(s *Server) { r.avoid = append(r.avoid, s) }

// AvoidLast has another server than s be picked if one has room, and s if none
// has. What was avoided before is forgotten. It is HAProxy's redispatch.
func (r *Request) AvoidLast(s *Server) {
	r.avoid = append(r.avoid[:0], s)
	r.lenient = true
}

// Avoids reports whether s is to be left out.
func (r *Request) Avoids(s *Server) bool {
	return slices.ContainsFunc(r.avoid, func(a *Server) bool { return a == s || a.Name == s.Name }) // they may be of two configurations
}

// Lenient reports whether a server that is avoided may serve all the same.
func (r *Request) Lenient() bool { return r.lenient }

// OthersQueued reports whether others wait for whichever server has room: then none
// has. HAProxy's roundrobin, static-rr and first do not look for one then.
func (r *Request) OthersQueued() bool { return r.othersQueued }

// BackendSessions is how many connections of the backend have a server.
func (r *Request) BackendSessions() int { return r.backendSessions }

// hashed is what a policy has made of a request.
type hashed struct {
	by    Hasher
	value uint32
	ok    bool
}

// Hash is what the policy's own method Hash has returned.
func (r *Request) Hash() (hash uint32, ok bool) { return r.hash.value, r.hash.ok }

// hashFor has a policy that wants to hash the request, if it has not done so.
func (r *Request) hashFor(p Policy) {
	if h, ok := p.(Hasher); ok && r.hash.by != h {
		value, ok := h.Hash(r)
		r.hash = hashed{h, value, ok}
	}
}

// ClearAvoided lets every server be picked again: all of them have failed, and the
// connection has waited before it tries once more.
func (r *Request) ClearAvoided() { r.avoid, r.lenient = r.avoid[:0], false }

// Reset makes the request ready for another connection. Its leases must have
// been released, and are void.
func (r *Request) Reset() {
	*r = Request{avoid: r.avoid[:0]}
}

// avoidsAll reports whether there is nobody left for the request in a view.
func (r *Request) avoidsAll(v View) bool {
	if len(r.avoid) == 0 || r.lenient {
		return false
	}
	return !slices.ContainsFunc(v.Servers, func(s *Server) bool { return !r.Avoids(s) })
}

// newLease is Into, or the request's own, the first time, so that most connections
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
