// SPDX-License-Identifier: Apache-2.0

package pool

// Policy decides which server gets the next connection. HAProxy's keyword is
// balance.
//
// Pick returns a server of v, or nil where none suits: then the connection waits
// for whichever server has room first. A policy that allows the connection one
// server alone returns that one whether it has room (see Server.CanServe) or not:
// the connection waits for it, until the view changes and Pick is asked again. A
// server that r avoids must not be returned, unless r is lenient.
//
// For a request that asks TryAcquire first, and then has to wait for one server
// alone, Pick is called twice: a Pick that returns a server without room should not
// change what the next one returns.
//
// A pool calls its policy, with everything below, from one goroutine at a time,
// and v is always the view that Rebuild was called with last.
type Policy interface {
	Pick(v View, r *Request) *Server
}

// Rebuilder is implemented by policies that prepare for a view. Rebuild is called
// before the first Pick, and whenever the usable servers or their weights have
// changed.
type Rebuilder interface {
	Rebuild(v View)
}

// LoadTracker is implemented by policies that go by the servers' load. Taken is
// called when a server has one connection more, served or waiting for it, and
// Dropped when it has one less. Servers that are not in the view are told of,
// too; what happens before a Rebuild may not be.
type LoadTracker interface {
	Taken(s *Server)
	Dropped(s *Server)
}

// StateAdopter is implemented by policies that have a position to keep over a reload.
// Adopt is called at most once, before the first Rebuild, with the policy that
// served the backend until now; old may be of another kind. Adopt must not keep
// old: sessions do not keep the policies of their configurations in memory either.
type StateAdopter interface {
	Adopt(old Policy)
}

// Hasher is implemented by policies that choose by something that takes a while to
// find out. Hash is called by the request's goroutine, with nothing locked, once
// for each request; Pick asks Request.Hash for what it returned.
type Hasher interface {
	Hash(r *Request) (hash uint32, ok bool)
}

// NonBlocking is implemented by policies that never wait, whatever they are asked: a goroutine
// that many connections share may ask them.
type NonBlocking interface {
	NonBlocking()
}

// Sticky is implemented by policies that give one key always the same server.
// HAProxy tries such a server again where it would leave another one at once.
type Sticky interface {
	Sticky() bool
}
