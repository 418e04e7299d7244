// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// Store shares tables with other nodes. Stores are modules of the namespace
// passthrough.stick_stores.
type Store interface {
	// Share begins to share a table under its name. It does not block. What it returns outlives the
	// configuration.
	Share(name string, t *tables.Table) Share

	// Equal reports whether another store shares tables with the same nodes in the same way, so that
	// a reload need not end what Share has begun.
	Equal(other Store) bool
}

// Share connects a table with its store. It is safe for concurrent use.
type Share interface {
	// Fetches reports whether Fetch would ask the store for a key that the table lacks, and so may
	// block. It does not while the store is unreachable.
	Fetches(key []byte) bool

	// Fetch asks the store for the key, and puts its entry into the table. It waits for a limited
	// time.
	Fetch(key []byte)

	// Forget drops the entries of keys in the store and on other nodes. It does not block.
	Forget(keys [][]byte)

	// Status returns its state.
	Status() ShareStatus

	// Close ends the sharing. It does not block.
	Close()
}

// States of a [Share].
const (
	Connecting  = "connecting" // for the first time
	Connected   = "connected"
	Unreachable = "unreachable"
)

// ShareStates are all states.
var ShareStates = []string{Connecting, Connected, Unreachable}

// ShareStatus is the state of a [Share].
type ShareStatus struct {
	// Store is the name of the module, such as redis, and Node that of this process in it.
	Store, Node string
	// State is one of ShareStates.
	State string
	// Since is when the state began.
	Since time.Time
	// Error is the last reason for which the store was unreachable, or "".
	Error string
	// Nodes is the number of other nodes that share the table now.
	Nodes int
	// Pending is the number of changes that were taken from the table and not written yet.
	Pending int

	// Fetches counts what became of the keys that the store was asked for, by the result: found,
	// absent, failed, invalid.
	Fetches map[string]uint64
	// Writes counts entries that were written, by the result: written, failed.
	Writes map[string]uint64
	// Learned counts entries of other nodes, by the result: learned, invalid, full.
	Learned map[string]uint64
	// Outages counts how often the store became unreachable.
	Outages uint64
	// FetchSeconds are the times that Fetch took, in the layout tally.Seconds.
	FetchSeconds tally.Histogram
}

// sharing is a table's share in the registry.
type sharing struct {
	Share

	store Store
	table *tables.Table
	as    tables.Config
}

// share makes the table shared as the handle's configuration says. The registry's lock is held.
func (h *Handle) share() {
	s, table := h.shared, h.shared.current.Load()
	if old := s.sharing.Load(); old != nil {
		if h.store != nil && old.table == table && old.as.Equal(h.config) && old.store.Equal(h.store) {
			return
		}
		s.endSharing()
	}
	if h.store != nil {
		s.sharing.Store(&sharing{h.store.Share(h.name, table), h.store, table, h.config})
	}
}

// endSharing ends the sharing of a table, if it is shared.
func (s *shared) endSharing() {
	if old := s.sharing.Swap(nil); old != nil {
		old.Close()
	}
}

// Share returns what connects the table of that name with its store, or nil.
func (r *Registry) Share(name string) Share {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.shared[name]; s != nil {
		return s.share()
	}
	return nil
}

// share returns what connects the table with its store, or nil.
func (s *shared) share() Share {
	if sharing := s.sharing.Load(); sharing != nil {
		return sharing.Share
	}
	return nil
}
