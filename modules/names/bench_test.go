// SPDX-License-Identifier: Apache-2.0

package names

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// sites makes a table of that many patterns, of which a tenth are wildcards and a tenth suffixes, and a name for each
// of up to 1000 of them, from all over the table.
func sites(tb testing.TB, size int) (*Table, [][]byte) {
	var table Table
	var lookups [][]byte
	for rule := range size {
		pattern := fmt.Sprintf("www.customer-%d.example.com", rule)
		name := pattern
		switch rule % 10 {
		case 8:
			pattern = strings.Replace(pattern, "www", "*", 1)
		case 9:
			pattern = strings.TrimPrefix(pattern, "www")
		}
		if err := table.Add(pattern, rule); err != nil {
			tb.Fatal(err)
		}
		if rule%max(1, size/1000) == 0 || rule%(size/10) == 9 {
			lookups = append(lookups, []byte(name))
		}
	}
	return &table, lookups
}

func BenchmarkLookup(b *testing.B) {
	for _, size := range []int{10, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			table, lookups := sites(b, size)
			b.ReportAllocs()
			k := 0
			for b.Loop() {
				if _, ok := table.Lookup(lookups[k]); !ok {
					b.Fatalf("%s not found", lookups[k])
				}
				if k++; k == len(lookups) {
					k = 0
				}
			}
		})
	}
}

// BenchmarkLookupWorst has the most labels that a name can have.
func BenchmarkLookupWorst(b *testing.B) {
	table, _ := sites(b, 100_000)
	name := []byte(strings.Repeat("a.", 127) + "a")
	b.ReportAllocs()
	for b.Loop() {
		table.Lookup(name)
	}
}

func BenchmarkBuild(b *testing.B) {
	const size = 100_000
	b.ReportAllocs()
	for b.Loop() {
		sites(b, size)
	}
	b.StopTimer()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table, _ := sites(b, size)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/size, "heap-B/name")
	runtime.KeepAlive(table)
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table, lookups := sites(t, 1000)
	got := testing.AllocsPerRun(10, func() {
		for _, name := range lookups {
			table.Lookup(name)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}
