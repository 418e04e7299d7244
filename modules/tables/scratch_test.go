// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"testing"
	"time"
)

// A scratch table has the values of the key's entry, and keeps changes to itself.
func TestScratch(t *testing.T) {
	t.Parallel()
	table := New(Config{Type: Integer, Size: 10, Expire: time.Hour, Store: []Store{{Data: ConnCount}, {Data: ConnRate, Period: time.Hour}, {Data: Server}}})
	key, other := []byte{0, 0, 0, 7}, []byte{0, 0, 0, 8}
	for _, k := range [][]byte{key, other} {
		table.Update(k, func(r Row) {
			r.Set(ConnCount, 0, 3)
			r.Add(ConnRate, 0, 2)
			r.SetServer("s1")
		})
	}
	scratch := table.Scratch(key)
	if n := scratch.Len(); n != 1 {
		t.Errorf("%d entries", n)
	}
	ref, ok := scratch.Track(key)
	if !ok {
		t.Fatal("not tracked")
	}
	ref.Do(func(r Row) {
		count, _ := r.Get(ConnCount, 0)
		rate, _ := r.Get(ConnRate, 0)
		if count != 3 || rate != 2 || r.Server() != "s1" {
			t.Errorf("count %d, rate %d, server %q", count, rate, r.Server())
		}
		r.Add(ConnCount, 0, 5)
	})
	table.View(key, func(r Row) {
		if count, _ := r.Get(ConnCount, 0); count != 3 {
			t.Errorf("the table has %d now", count)
		}
	})
	if scratch.sweeping.Load() {
		t.Error("a timer keeps the scratch table")
	}
	if n := table.Scratch([]byte{0, 0, 0, 9}).Len(); n != 0 {
		t.Errorf("%d entries of a key without one", n)
	}
}
