// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// Policy decides which server gets the next connection. HAProxy's keyword is balance.
//
// Pick returns a server of v, or nil if none suits: then the connection waits for the first server
// with a free slot. A policy that allows only one server for the connection returns that server
// even if it is full (see Server.CanServe): the connection is queued for it, and Pick is called
// again when the view changes. Pick must not return a server that r avoids, unless r is lenient.
//
// For a request that calls TryAcquire first and then has to wait for one server, Pick is called
// twice: a Pick that returns a full server should not change what the next call returns.
//
// A pool calls its policy, including the optional interfaces below, from one goroutine at a time. v
// is always the view of the last Rebuild.
type Policy interface {
	Pick(v View, r *Request) *Server
}

// Rebuilder is implemented by policies that prepare for a view. Rebuild is called before the first
// Pick, and whenever the usable servers or their weights change.
type Rebuilder interface {
	Rebuild(v View)
}

// LoadTracker is implemented by policies that balance by load. Taken is called when a server gets
// one more connection, served or queued, and Dropped when it has one less. Both are also called for
// servers that are not in the view. Changes before the first Rebuild may not be reported.
type LoadTracker interface {
	Taken(s *Server)
	Dropped(s *Server)
}

// StateAdopter is implemented by policies that keep a position across reloads. Adopt is called at
// most once, before the first Rebuild, with the policy that served the backend until then; old may
// be of another type. Adopt must not keep a reference to old: it would keep the policies of all
// earlier configurations in memory.
type StateAdopter interface {
	Adopt(old Policy)
}

// Hasher is implemented by policies that choose by a value that takes time to compute. Hash is
// called once per request, by the request's goroutine and without a lock; Pick gets its result from
// Request.Hash.
type Hasher interface {
	Hash(r *Request) (hash uint32, ok bool)
}

// ResponseTracker is implemented by policies that balance by how fast servers respond. Responded is
// called for each event of a connection to a server of the configuration, also if the server is not
// in the view.
type ResponseTracker interface {
	Responded(s *Server, r Response)
}

// Response is an event of a connection to a server.
type Response struct {
	Event ResponseEvent
	// After is the time since the connection got the server.
	After time.Duration
}

// ResponseEvent is the kind of a Response.
type ResponseEvent uint8

// The events of a connection: Connected and then Answered, or Failed.
const (
	Connected ResponseEvent = iota
	Answered                // the first bytes have come
	Failed                  // the connect failed, or the server reset the connection first
)

// NonBlocking is implemented by policies whose methods never block. A goroutine that many
// connections share may call them.
type NonBlocking interface {
	NonBlocking()
}

// Sticky is implemented by policies that always send one key to the same server. HAProxy retries on
// such a server, where with other policies it would go to another one at once.
type Sticky interface {
	Sticky() bool
}
