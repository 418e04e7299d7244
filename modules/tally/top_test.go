// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"testing"
)

// Names with high sums are found among many, with at most the error that is given, and few names
// have no error.
func TestTop(t *testing.T) {
	t.Parallel()
	var top Top
	want := make(map[string]uint64)
	add := func(name string, weight uint64) {
		want[name] += weight
		l := Enter()
		defer l.Leave()
		top.Add(l, name, weight)
	}
	for i := range 10 {
		add(fmt.Sprintf("first%d", i), uint64(i))
	}
	few := top.Highest(3)
	if len(few) != 3 || few[0] != (Counted{"first9", 9, 0}) || few[2] != (Counted{"first7", 7, 0}) {
		t.Errorf("%+v", few)
	}
	for i := range 200_000 {
		add(fmt.Sprintf("rare%d", i), 1)
		if i%100 == 0 { // seldom, but with much
			add(fmt.Sprintf("heavy%d", i/100%5), 5000)
		}
	}
	all := top.Highest(1000)
	if len(all) > topRoom*maxLanes {
		t.Errorf("%d names", len(all))
	}
	for i, c := range all {
		if c.Count < want[c.Name] || c.Count-c.Error > want[c.Name] {
			t.Errorf("%s has %d, counted %d less at most %d", c.Name, want[c.Name], c.Count, c.Error)
		}
		if i < 5 && c.Name[:5] != "heavy" {
			t.Errorf("%s is the %dth", c.Name, i+1)
		}
	}
}

func BenchmarkTop(b *testing.B) {
	stream, _ := zipf(1<<16, 100_000)
	var top Top
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			l := Enter()
			top.Add(l, stream[i&(1<<16-1)], uint64(i))
			l.Leave()
		}
	})
}
