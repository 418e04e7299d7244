// SPDX-License-Identifier: Apache-2.0

package names

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// sites returns size patterns, of which a tenth are wildcards and a tenth suffixes, and a name for
// each.
func sites(size int) (patterns []string, lookups [][]byte) {
	for k := range size {
		name := fmt.Sprintf("www.customer-%d.example.com", k)
		pattern := name
		switch k % 10 {
		case 8:
			pattern = strings.Replace(name, "www", "*", 1)
		case 9:
			pattern = strings.TrimPrefix(name, "www")
		}
		patterns = append(patterns, pattern)
		lookups = append(lookups, []byte(name))
	}
	return patterns, lookups
}

// BenchmarkLookup looks up the same few names in tables of different sizes ("hot"), and all names
// of a table in random order ("all"): the difference comes from the processor's caches.
func BenchmarkLookup(b *testing.B) {
	for _, size := range []int{10, 1_000, 100_000} {
		patterns, lookups := sites(size)
		table := newTable(b, patterns...)
		b.Run(fmt.Sprintf("hot/%d", size), func(b *testing.B) { benchmarkLookup(b, table, lookups[:10]) })
		random := rand.New(rand.NewPCG(1, 2))
		random.Shuffle(size, func(i, k int) { lookups[i], lookups[k] = lookups[k], lookups[i] })
		b.Run(fmt.Sprintf("all/%d", size), func(b *testing.B) { benchmarkLookup(b, table, lookups) })
	}
}

func benchmarkLookup(b *testing.B, table *Table, lookups [][]byte) {
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
}

// BenchmarkLookupWorst looks up a name with as many labels as a name can have.
func BenchmarkLookupWorst(b *testing.B) {
	patterns, _ := sites(100_000)
	table := newTable(b, patterns...)
	name := []byte(strings.Repeat("a.", 127) + "a")
	b.ReportAllocs()
	for b.Loop() {
		table.Lookup(name)
	}
}

func BenchmarkBuild(b *testing.B) {
	patterns, _ := sites(100_000)
	b.ReportAllocs()
	for b.Loop() {
		newTable(b, patterns...)
	}
}

// BenchmarkRead reads files of 100,000 lines.
func BenchmarkRead(b *testing.B) {
	list, mapped := siteFiles(100_000)
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(list)))
		for b.Loop() {
			if _, err := ReadList("names.txt", strings.NewReader(list)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(mapped)))
		for b.Loop() {
			if _, err := ReadMap("names.map", strings.NewReader(mapped)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// siteFiles returns the patterns of [sites] as the text of a list and of a map.
func siteFiles(size int) (list, mapped string) {
	patterns, _ := sites(size)
	var text strings.Builder
	for k, pattern := range patterns {
		fmt.Fprintf(&text, "%s backend-%d\n", pattern, k%100)
	}
	return strings.Join(patterns, "\n"), text.String()
}

func TestLookupDoesNotAllocate(t *testing.T) {
	patterns, lookups := sites(1000)
	table := newTable(t, patterns...)
	got := testing.AllocsPerRun(10, func() {
		for _, name := range lookups {
			table.Lookup(name)
		}
		table.Lookup([]byte("unknown.example.net"))
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// The strings of entries are substrings of the text.
func TestReadDoesNotAllocateByLine(t *testing.T) {
	const lines = 20_000
	list, mapped := siteFiles(lines)
	got := testing.AllocsPerRun(2, func() {
		if _, err := ReadList("names.txt", strings.NewReader(list)); err != nil {
			t.Error(err)
		}
		if _, err := ReadMap("names.map", strings.NewReader(mapped)); err != nil {
			t.Error(err)
		}
	})
	if got > lines/100 {
		t.Errorf("%v allocations for %d lines", got, lines)
	}
}

// TestMemory measures a table read from a file, including the text of the file.
func TestMemory(t *testing.T) {
	const size, most = 100_000, 200
	_, mapped := siteFiles(size)
	before := heap()
	table := readTable(t, mapped)
	perName := float64(heap()-before) / size
	t.Logf("%.1f bytes a name", perName)
	if perName > most {
		t.Errorf("%.1f bytes a name, expected at most %d", perName, most)
	}
	if _, ok := table.Lookup([]byte("www.customer-99999.example.com")); !ok {
		t.Error("the last name is missing")
	}
	runtime.KeepAlive(mapped)
}

// readTable reads a map into a table, which keeps a copy of the text, as if read from a file.
func readTable(t *testing.T, text string) *Table {
	entries, err := ReadMap("names.map", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var table Table
	for k, e := range entries {
		if err := table.Add(e.Pattern, Target{Value: k}); err != nil {
			t.Fatal(err)
		}
	}
	return &table
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
