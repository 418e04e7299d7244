// SPDX-License-Identifier: Apache-2.0

package sharedtables

import (
	"syscall"
	"testing"
)

// found returns how many keys the nodes have found in Redis.
func (f *fleet) found() (n uint64) {
	f.t.Helper()
	for _, node := range f.nodes {
		for _, table := range node.tables() {
			if table.Share != nil {
				n += table.Share.Fetches["found"]
			}
		}
	}
	return n
}

// Nodes whose tables have no room for all clients look them up. When Redis stops to answer, few
// connections wait for it, for a short time.
func TestLookups(t *testing.T) {
	f := startFleet(t, "size 300") // of the 500 clients of each table
	before := f.arrive()
	for turn := 1; turn < len(f.nodes); turn++ {
		f.expectSame("at another node", before, f.visits(0, clients, f.nodeOf(turn)))
	}
	if n := f.found(); n < clients/4 {
		t.Errorf("%d lookups found an entry", n)
	}

	signal := func(s syscall.Signal) {
		t.Helper()
		if err := f.redis.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	f.visits(clients, clients+500, f.nodeOf(0))
	f.await("unreachable")
	signal(syscall.SIGCONT)
	f.await("connected")
	if n := f.slow.Load(); n > 0 {
		t.Errorf("%d visits took more than %v", n, bound)
	}
}
