// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// shared is a table as one peer gets it. It outlives connections: changes between two of them are
// sent over the second one. Fields that are not atomic belong to the writer of the current
// connection.
type shared struct {
	Table
	feed    *tables.Feed
	lastID  uint32 // of the updates sent
	unacked []sentUpdate

	sent, received, acked atomic.Uint64 // updates
}

// sentUpdate is an update that the peer has not acknowledged.
type sentUpdate struct {
	id  uint32
	key []byte
}

// acknowledge forgets the updates up to an ID.
func (s *shared) acknowledge(id uint32) {
	n := 0
	for n < len(s.unacked) && int32(s.unacked[n].id-id) <= 0 {
		n++
	}
	s.acked.Add(uint64(n))
	clear(s.unacked[:n])
	if s.unacked = s.unacked[n:]; len(s.unacked) == 0 {
		s.unacked = nil
	}
}

// giveBack returns updates to the feed that the peer has not acknowledged when a connection ended.
func (s *shared) giveBack() {
	keys := make([][]byte, 0, len(s.unacked))
	for _, u := range s.unacked {
		keys = append(keys, u.key)
	}
	s.unacked = nil
	s.feed.Return(keys)
}
