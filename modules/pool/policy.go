// SPDX-License-Identifier: Apache-2.0

package pool

import "slices"

// Policy decides which server gets the next connection. HAProxy's keyword is
// balance.
//
// Pick returns a server of v that r does not avoid, or nil where none suits. It
// is called once per connection and attempt, from many goroutines at once.
type Policy interface {
	Pick(v View, r *Request) *Server
}

// Keeper is implemented by policies that have a position to keep over a reload.
// Adopt is called at most once, before the first Pick, with the policy that
// served the backend until now; old may be of another kind and still in use.
type Keeper interface {
	Adopt(old Policy)
}

// View is what a policy chooses from: the servers that may be given connections
// now (those with a weight above zero), in the order of the configuration. It
// is never changed once made; a change of the servers makes a new one.
type View struct {
	Servers []*Server
}

// Request is one client connection that needs a server. It belongs to that
// connection's goroutine. The zero value is ready to use.
type Request struct {
	avoid []*Server
}

// Avoid keeps s from being picked again for this connection: it has just failed.
func (r *Request) Avoid(s *Server) { r.avoid = append(r.avoid, s) }

// Avoids reports whether s is to be left out.
func (r *Request) Avoids(s *Server) bool { return slices.Contains(r.avoid, s) }

// Forgive lets every server be picked again: all of them have failed, and the
// connection has waited before it tries once more.
func (r *Request) Forgive() { r.avoid = r.avoid[:0] }
