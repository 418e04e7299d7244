// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// fed returns a table of numbers with one shard, and a feed of it.
func fed(t *testing.T) (*Table, *Feed) {
	table := newTable(Config{Type: Integer, Size: 10_000, Expire: time.Hour, Store: store(t, "conn_cnt", "conn_cur", "conn_rate(10s)")}, 1)
	f := table.Watch()
	t.Cleanup(f.Close)
	return table, f
}

func numbered(n int) []byte { return []byte{0, 0, byte(n >> 8), byte(n)} }

// taken returns the numbers that a feed yields.
func taken(f *Feed, limit int) (all []int) {
	for _, k := range f.Take(limit) {
		all = append(all, int(k[2])<<8|int(k[3]))
	}
	return all
}

func isReady(f *Feed) bool {
	select {
	case <-f.Ready():
		return true
	default:
		return false
	}
}

func TestFeed(t *testing.T) {
	t.Parallel()
	table, f := fed(t)
	count := func(r Row) { r.Add(ConnCount, 0, 1) }
	for _, step := range []struct {
		name string
		do   func()
		want []int
	}{
		{"nothing", func() {}, nil},
		{"an update", func() { table.Update(numbered(1), count) }, []int{1}},
		{"updates of one", func() { table.Update(numbered(1), count); table.Update(numbered(1), count) }, []int{1}},
		{"updates in order", func() {
			table.Update(numbered(3), count)
			table.Update(numbered(2), count)
			table.Update(numbered(3), count)
		}, []int{3, 2}},
		{"a look", func() { table.View(numbered(1), func(Row) {}) }, nil},
		{"a change in a view", func() { table.View(numbered(1), count) }, []int{1}},
		{"a touch", func() { table.Touch(numbered(1), func(Row) {}) }, []int{1}},
		{"what is learned", func() { table.Learn(numbered(4), count) }, nil},
		{"a drop", func() { table.Update(numbered(2), count); table.Clear(numbered(2)) }, nil},
	} {
		step.do()
		if ready := isReady(f); !ready && step.want != nil {
			t.Errorf("%s: not ready", step.name)
		}
		if got := taken(f, 10); !slices.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}
}

// A tracked entry is yielded after it was tracked, changed and released.
func TestFeedOfRefs(t *testing.T) {
	t.Parallel()
	table, f := fed(t)
	ref, _ := table.Track(numbered(7))
	for name, do := range map[string]func(){
		"changed": func() { ref.Do(func(r Row) { r.Add(ConnRate, 0, 1) }) },
		"set":     func() { ref.Do(func(r Row) { r.Set(ConnCurrent, 0, 1) }) },
	} {
		f.Take(10)
		do()
		if got := taken(f, 10); !slices.Equal(got, []int{7}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	ref.Do(func(r Row) { r.Get(ConnCurrent, 0) })
	if got := taken(f, 10); got != nil {
		t.Errorf("read: %v", got)
	}
	ref.Release()
	if got := taken(f, 10); !slices.Equal(got, []int{7}) {
		t.Errorf("released: %v", got)
	}
}

// A feed that yields a part is ready for the rest.
func TestFeedInParts(t *testing.T) {
	t.Parallel()
	table := New(Config{Type: Integer, Size: 100_000})
	f := table.Watch()
	defer f.Close()
	const n = 1000
	for i := range n {
		table.Update(numbered(i), func(Row) {})
	}
	seen := make(map[int]bool)
	for isReady(f) {
		for _, k := range taken(f, 7) {
			seen[k] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%d keys, want %d", len(seen), n)
	}
}

// Feeds do not affect each other, and one that is closed yields nothing.
func TestFeeds(t *testing.T) {
	t.Parallel()
	table, f := fed(t)
	other := table.Watch()
	table.Update(numbered(1), func(Row) {})
	other.Close()
	if got := taken(other, 10); got != nil {
		t.Errorf("closed: %v", got)
	}
	if got := taken(f, 10); !slices.Equal(got, []int{1}) {
		t.Errorf("open: %v", got)
	}
}

// The queue of a feed that is read while entries change stays as small as the table.
func TestFeedIsBounded(t *testing.T) {
	t.Parallel()
	table, f := fed(t)
	for i := range 100_000 {
		table.Update(numbered(i%100), func(Row) {})
		if i%3 == 0 {
			f.Take(1)
		}
	}
	if n := cap(table.shards[0].marks[0].queue); n > 1000 {
		t.Errorf("room for %d slots", n)
	}
}

// No change is lost while others read.
func TestFeedConcurrently(t *testing.T) {
	t.Parallel()
	table := New(Config{Type: Integer, Size: 20_000, Store: store(t, "conn_cnt")})
	f := table.Watch()
	defer f.Close()
	const writers, each = 4, 500
	seen := make(map[string]int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for len(seen) < writers*each {
			<-f.Ready()
			for _, k := range f.Take(10) {
				table.View(k, func(r Row) { seen[string(k)], _ = r.Get(ConnCount, 0) })
			}
		}
	}()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				table.Update(numbered(w*each+i), func(r Row) { r.Add(ConnCount, 0, 1) })
			}
		})
	}
	all.Wait()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("changes are missing")
	}
}

// Entries that are learned with less time left expire in the order of these times.
func TestLearnFor(t *testing.T) {
	t.Parallel()
	table := newTable(Config{Type: Integer, Size: 100, Expire: time.Hour}, 1)
	for i, minutes := range []int{40, 20, 60, 30, 90, 10} {
		table.LearnFor(numbered(i), time.Duration(minutes)*time.Minute, func(Row) {})
	}
	var order []string
	for i := range 6 {
		table.View(numbered(i), func(r Row) { order = append(order, r.Expires().Round(time.Minute).String()) })
	}
	if got, want := fmt.Sprint(order), "[40m0s 20m0s 1h0m0s 30m0s 1h0m0s 10m0s]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var dropped []int
	for table.Len() > 0 {
		oldest := table.shards[0].oldest
		k := table.shards[0].row(oldest, 0).Key()
		dropped = append(dropped, int(k[3]))
		table.Clear(k)
	}
	if want := []int{5, 1, 3, 0, 2, 4}; !slices.Equal(dropped, want) {
		t.Errorf("%v are dropped, want %v", dropped, want)
	}
}
