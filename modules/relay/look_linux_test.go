// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"testing"
)

// noWatcher is a slot's content that is no session.
type noWatcher struct{ watcher }

// TestSessionsFromChunks collects sessions from more slots than a chunk has.
func TestSessionsFromChunks(t *testing.T) {
	sh := &shard{slots: make([]watcher, 1)}
	const n = 2*visitChunk + 10
	for i := range n {
		if i%2 == 0 {
			sh.slots = append(sh.slots, new(Session))
		} else {
			sh.slots = append(sh.slots, noWatcher{})
		}
	}
	found, chunks := 0, 0
	for from, more := 0, true; more; from += visitChunk {
		var list []*Session
		list, more = sh.sessionsFrom(from, nil)
		found += len(list)
		chunks++
	}
	if found != n/2 || chunks != 3 {
		t.Errorf("%d sessions in %d chunks", found, chunks)
	}
	if list, more := sh.sessionsFrom(10*visitChunk, nil); len(list) != 0 || more {
		t.Errorf("%d sessions after the last slot, more: %v", len(list), more)
	}
}

// TestReadShards reads the numbers of shards that have served sessions.
func TestReadShards(t *testing.T) {
	if _, err := nextShard(); err != nil {
		t.Fatal(err)
	}
	all := ReadShards()
	if len(all) == 0 {
		t.Fatal("there are no shards")
	}
	for _, s := range all {
		if s.Slots < 0 || s.Events > 0 && s.Rounds == 0 {
			t.Errorf("a shard: %+v", s)
		}
	}
}
