// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// Counts of all lanes add up, whatever goroutines count.
func TestSplit(t *testing.T) {
	t.Parallel()
	var s Split[int]
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 1000 {
				l := Enter()
				*s.In(l)++
				l.Leave()
			}
		})
	}
	all.Wait()
	sum := 0
	s.Each(func(n *int) { sum += *n })
	if sum != 20_000 {
		t.Errorf("the lanes have counted %d, want 20000", sum)
	}
}

// zipf returns names of which few are frequent, and how often each comes.
func zipf(n, names int) (stream []string, counts map[string]uint64) {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 1, uint64(names-1))
	counts = make(map[string]uint64)
	for range n {
		name := fmt.Sprintf("n%d.example", z.Uint64())
		stream = append(stream, name)
		counts[name]++
	}
	return stream, counts
}

// The error of each count is at most the number of names seen divided by the room, and each name
// above that has a slot.
func TestFrequentErrorBound(t *testing.T) {
	t.Parallel()
	const n, room = 100_000, 100
	stream, counts := zipf(n, 20_000)
	var f Frequent
	for _, name := range stream {
		f.add(hashOf(name), name, 1, room)
	}
	sums := make(map[uint64]*Counted)
	floor := f.appendTo(sums, room)
	if floor > n/room {
		t.Errorf("names without a slot may have been counted %d times, want at most %d", floor, n/room)
	}
	found := make(map[string]bool)
	for _, c := range sums {
		c.Count += floor
		c.Error += floor
		found[c.Name] = true
		if c.Count < counts[c.Name] || c.Count-c.Error > counts[c.Name] || c.Error > n/room {
			t.Errorf("%s came %d times, counted %d less at most %d", c.Name, counts[c.Name], c.Count, c.Error)
		}
	}
	for name, count := range counts {
		if count > n/room && !found[name] {
			t.Errorf("%s came %d times, and has no slot", name, count)
		}
	}
}

// However many names there are, the number of counters is bounded, none of them falls, and they add
// up to the number of all names. The most frequent names have one in the end.
func TestNames(t *testing.T) {
	t.Parallel()
	const limit = 10
	stream, _ := zipf(200_000, 100_000)
	var n Names
	n.Limit(limit)
	for i := range 1000 { // the first names are rare
		l := Enter()
		n.Add(l, fmt.Sprintf("early%d", i))
		l.Leave()
	}
	before, lastOther := make(map[string]uint64), uint64(0)
	for i, name := range stream {
		l := Enter()
		n.Add(l, name)
		l.Leave()
		if i%10_000 != 0 {
			continue
		}
		counts, other := n.All()
		sum := other
		for name, count := range counts {
			sum += count
			if count < before[name] {
				t.Errorf("the counter of %s falls from %d to %d", name, before[name], count)
			}
		}
		before = counts
		if len(counts) > limit || other < lastOther || sum != uint64(1001+i) {
			t.Fatalf("%d counters, others %d after %d, sum %d, want %d", len(counts), other, lastOther, sum, 1001+i)
		}
		lastOther = other
	}
	counts, _ := n.All()
	for _, name := range []string{"n0.example", "n1.example", "n2.example"} {
		if counts[name] == 0 {
			t.Errorf("%s has no counter: %v", name, counts)
		}
	}
}

// Names that never come again allocate nothing, however long they are.
func TestNamesAllocateNothing(t *testing.T) {
	var n Names
	n.Limit(10)
	names := make([]string, 20_000)
	for i := range names {
		names[i] = fmt.Sprintf("%0300d", i)
		names[i] = names[i][280:] + names[i]
	}
	at := 0
	add := func() {
		l := Enter()
		n.Add(l, names[at%len(names)])
		l.Leave()
		at++
	}
	for range len(names) {
		add()
	}
	if got := testing.AllocsPerRun(len(names), add); got != 0 {
		t.Errorf("%v allocations for a name", got)
	}
}

func BenchmarkNames(b *testing.B) {
	stream, _ := zipf(1<<16, 100_000)
	var n Names
	n.Limit(100)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			l := Enter()
			n.Add(l, stream[i&(1<<16-1)])
			l.Leave()
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	var s Split[Histogram]
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			l := Enter()
			s.In(l).Observe(&Seconds, float64(i&1023)/1000)
			l.Leave()
		}
	})
}

// TestNamesWhileRead counts names that get a counter at once while another goroutine reads them:
// each waits for the other's locks in one order only.
func TestNamesWhileRead(t *testing.T) {
	t.Parallel()
	for range 200 {
		var n Names
		n.Limit(50)
		const names = 50
		var all sync.WaitGroup
		all.Go(func() {
			for i := range names {
				l := Enter()
				n.Add(l, fmt.Sprint(i))
				l.Leave()
			}
		})
		all.Go(func() {
			for range names {
				n.All()
			}
		})
		all.Wait()
		counts, other := n.All()
		if sum := other + uint64(len(counts)); sum != names {
			t.Fatalf("%d names counted, want %d", sum, names)
		}
	}
}
