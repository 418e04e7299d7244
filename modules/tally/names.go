// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"maps"
	"sync"
	"sync/atomic"
)

// roomFor is the number of names without a counter that are watched, for each name with one.
const roomFor = 4

// Names counts names, of which there may be any number, by a bounded number of counters: one for
// each of the most frequent names, and one for all others. Each counter only rises as long as it is
// there, and what counters that have gone had counted goes to the others: so the sum of all is the
// number of names counted. A name that becomes one of the most frequent begins at zero: its earlier
// count stays with the others. The zero value counts nothing; see Limit. It is safe for concurrent
// use.
type Names struct {
	limit  atomic.Int64
	shown  atomic.Pointer[map[uint64]*named] // replaced, never modified
	others Split[others]

	reading sync.Mutex // of All; locked before a lane
	mu      sync.Mutex // of changes of shown; locked after a lane, never before one
	retired uint64     // counted of names that were shown
	leaving []*named   // names that the last call of All has retired: a lane may still count one
}

// named is a name with a counter of its own.
type named struct {
	name   string
	count  atomic.Uint64
	before uint64 // counted before it had the counter
}

// others holds the counts of a lane for names without a counter. Those of names that get one later
// stay.
type others struct {
	count    uint64
	frequent Frequent
}

// Limit sets the number of names with a counter of their own; 0: nothing is counted from now on.
func (n *Names) Limit(most int) { n.limit.Store(int64(most)) }

// Counts reports whether anything is counted.
func (n *Names) Counts() bool { return n.limit.Load() > 0 }

// Add counts a name. It does not keep it.
func (n *Names) Add(l *Lane, name string) {
	limit := n.limit.Load()
	if limit == 0 {
		return
	}
	hash, shown := hashOf(name), n.shown.Load()
	if shown != nil {
		if known := (*shown)[hash]; known != nil {
			known.count.Add(1)
			return
		}
	}
	if (shown == nil || len(*shown) < int(limit)) && n.show(hash, name, int(limit)) {
		return
	}
	o := n.others.In(l)
	o.count++
	o.frequent.add(hash, name, 1, int(limit)*roomFor)
}

// show gives a name its counter, which begins at 1, if there is room.
func (n *Names) show(hash uint64, name string, limit int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := n.copy()
	known := next[hash]
	if known == nil {
		if len(next) >= limit {
			return false
		}
		known = &named{name: string(append([]byte(nil), cut(name)...))}
		next[hash] = known
		n.shown.Store(&next)
	}
	known.count.Add(1)
	return true
}

// copy returns a copy of shown. The caller holds mu.
func (n *Names) copy() map[uint64]*named {
	next := make(map[uint64]*named)
	if shown := n.shown.Load(); shown != nil {
		maps.Copy(next, *shown)
	}
	return next
}

// All returns the counts by name, and that of all other names. It gives counters to names that have
// become frequent, in place of others that have become rare.
func (n *Names) All() (counts map[string]uint64, other uint64) {
	n.reading.Lock()
	defer n.reading.Unlock()
	sums, other := n.unshown()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.leaving {
		n.retired += s.count.Load()
	}
	n.leaving = nil
	n.choose(sums)
	counts = make(map[string]uint64)
	for _, s := range n.copy() {
		counts[s.name] += s.count.Load()
	}
	for _, s := range n.leaving {
		other += s.count.Load()
	}
	return counts, other + n.retired
}

// unshown returns the most frequent names without a counter, and the number of all that were
// counted without one.
func (n *Names) unshown() (sums map[uint64]*Counted, other uint64) {
	limit := int(n.limit.Load())
	sums = make(map[uint64]*Counted)
	var floor uint64
	n.others.Each(func(o *others) {
		other += o.count
		floor += o.frequent.appendTo(sums, limit*roomFor)
	})
	for _, c := range sums {
		c.Count += floor
		c.Error += floor
	}
	return sums, other
}

// choose makes the most frequent names those with a counter, where it is certain that they are. The
// caller holds mu.
func (n *Names) choose(sums map[uint64]*Counted) {
	limit := int(n.limit.Load())
	next, changed := n.copy(), false
	for _, c := range sorted(sums) {
		hash := hashOf(c.Name)
		if next[hash] != nil {
			continue
		}
		if len(next) >= limit {
			least, count := leastFrequent(next)
			// A name that is only a little more frequent must wait, so that names do not take
			// turns.
			if limit == 0 || count+count/4 >= c.Count-c.Error {
				break
			}
			n.leaving = append(n.leaving, next[least])
			delete(next, least)
		}
		next[hash], changed = &named{name: c.Name, before: c.Count - c.Error}, true
	}
	if changed {
		n.shown.Store(&next)
	}
}

// leastFrequent returns the hash of the name with a counter that has been counted least, and how
// often.
func leastFrequent(shown map[uint64]*named) (least, count uint64) {
	found := false
	for hash, s := range shown {
		if n := s.before + s.count.Load(); !found || n < count {
			found, least, count = true, hash, n
		}
	}
	return least, count
}
