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
// now, in the order of the configuration. A server is usable if it is not
// disabled and has a weight above zero. Backups are in it only where no other
// server is usable: the first of them, or with Config.AllBackups all. It is
// never changed once made; a change of the servers makes a new one.
type View struct {
	Servers []*Server
}

func newView(servers []*Server, allBackups bool) View {
	var actives, backups []*Server
	for _, s := range servers {
		switch {
		case s.Disabled || s.Weight == 0:
		case s.Backup:
			backups = append(backups, s)
		default:
			actives = append(actives, s)
		}
	}
	switch {
	case len(actives) > 0 || len(backups) == 0:
		return View{actives}
	case allBackups:
		return View{backups}
	default:
		return View{backups[:1]}
	}
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
