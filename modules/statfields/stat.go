// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"iter"
	"runtime"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Kind is the kind of object that a row is about, with HAProxy's number.
type Kind uint8

// The kinds.
const (
	Frontend Kind = iota
	Backend
	Server
	Listener
)

// objects are HAProxy's names of the kinds.
var objects = []string{"Frontend", "Backend", "Server", "Listener"}

// Mask selects kinds: 1 frontends, 2 backends, 4 servers, 8 listeners. It is the type of show stat.
type Mask int

// All selects all kinds.
const All Mask = -1

func (m Mask) has(k Kind) bool { return m&(1<<k) != 0 }

// Row holds the fields of a frontend, listener, server or backend, in the order of StatFields.
type Row struct {
	Kind Kind
	// Proxy and ID are the numbers of the section, and of the server or listener in it.
	Proxy, ID int
	// Values is valid until the next row.
	Values []Value
}

// Query selects rows. The zero value selects none.
type Query struct {
	// Proxy is the number of a section; 0 or less: all.
	Proxy int
	// Kinds selects the kinds. Listeners are not among All, as in HAProxy without option socket-stats.
	Kinds Mask
	// ID is the number of a server or listener, 0 for a frontend or backend; below 0: all.
	ID int
	// NoMaint leaves out servers in maintenance, Up those that are not up.
	NoMaint, Up bool
	// Shows reports whether to show the section of a name; nil: all.
	Shows func(name string) bool
	// Addresses includes addresses and policies, which HAProxy shows from level operator.
	Addresses bool
}

// section is a frontend, a backend, or both of one name: HAProxy's listen.
type section struct {
	name     string
	id       int
	frontend *control.Frontend
	backend  *control.Backend
}

// sections returns the frontends and backends, numbered as HAProxy numbers the sections of a file
// with a stats socket: from 2. They are in the order of their names.
func sections() []section { return merge(control.Frontends(), control.Backends()) }

// merge joins two lists that are sorted by name.
func merge(frontends []control.Frontend, backends []control.Backend) (all []section) {
	for len(frontends)+len(backends) > 0 {
		s := section{id: len(all) + 2}
		if len(backends) == 0 || len(frontends) > 0 && frontends[0].Name <= backends[0].Name {
			s.frontend, s.name = &frontends[0], frontends[0].Name
			frontends = frontends[1:]
		}
		if len(backends) > 0 && (s.frontend == nil || backends[0].Name == s.name) {
			s.backend, s.name = &backends[0], backends[0].Name
			backends = backends[1:]
		}
		all = append(all, s)
	}
	return all
}

// ProxyIDs returns the numbers of the sections by name.
func ProxyIDs() map[string]int {
	ids := make(map[string]int)
	for _, s := range sections() {
		ids[s.name] = s.id
	}
	return ids
}

// source holds everything that fields are computed from. Members for other kinds are nil.
type source struct {
	*section
	Query
	listener *frontend.ListenerMetrics
	server   *pool.ServerStatus
	checked  *pool.ServerStatus // the server, or the one that it tracks
	number   int                // of the server or listener
}

// Stat returns the rows of show stat. All are of the time when the first one is asked for.
func Stat(q Query) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		backends := control.Backends()
		all, servers := merge(control.Frontends(), backends), control.TrackedIn(backends)
		values, written := make([]Value, len(StatFields)), 0
		for i := range all {
			s := &all[i]
			if q.Proxy > 0 && s.id != q.Proxy || q.Shows != nil && !q.Shows(s.name) {
				continue
			}
			for k, of := range s.sources(q, servers) {
				of.fill(values, k)
				if !yield(Row{k, s.id, of.number, values}) {
					return
				}
				if written++; written%rowsAtOnce == 0 {
					runtime.Gosched() // connections must not wait for all rows
				}
			}
		}
	}
}

// rowsAtOnce is the number of rows that are made before other goroutines get the processor.
const rowsAtOnce = 64

// sources returns the objects of a section that a query selects.
func (s *section) sources(q Query, servers control.Tracked) iter.Seq2[Kind, *source] {
	return func(yield func(Kind, *source) bool) {
		for k, of := range s.all(q, servers) {
			if q.Kinds.has(k) && (q.ID < 0 || q.ID == of.number) && !yield(k, of) {
				return
			}
		}
	}
}

// all returns the objects of a section in HAProxy's order, without the servers that a query hides.
// One source serves for all servers.
func (s *section) all(q Query, servers control.Tracked) iter.Seq2[Kind, *source] {
	return func(yield func(Kind, *source) bool) {
		if s.frontend != nil && !s.ofFrontend(q, yield) || s.backend == nil {
			return
		}
		of := &source{section: s, Query: q}
		for i := range s.backend.Servers {
			of.server, of.number = &s.backend.Servers[i], numberOf(s.backend.Servers, i)
			of.checked = servers.Checked(of.server)
			if !q.hides(of.server) && !yield(Server, of) {
				return
			}
		}
		yield(Backend, &source{section: s, Query: q})
	}
}

// ofFrontend passes on a frontend and its listeners.
func (s *section) ofFrontend(q Query, yield func(Kind, *source) bool) bool {
	if !yield(Frontend, &source{section: s, Query: q}) {
		return false
	}
	for i := range s.frontend.Listeners {
		l := &s.frontend.Listeners[i]
		if q.Kinds != All && !yield(Listener, &source{section: s, Query: q, listener: l, number: l.Number}) {
			return false
		}
	}
	return true
}

// numberOf returns HAProxy's number of a server.
func numberOf(servers []pool.ServerStatus, i int) int {
	if id := servers[i].ID; id > 0 {
		return id
	}
	return i + 1
}

func (q *Query) hides(s *pool.ServerStatus) bool {
	maint := s.Admin == pool.Maint
	return q.NoMaint && maint || q.Up && (maint || s.Down)
}

// fill sets the values of all fields.
func (s *source) fill(values []Value, k Kind) {
	for i := range StatFields {
		values[i] = Value{}
		if f := StatFields[i].of[k]; f != nil {
			values[i] = f(s)
		}
	}
}
