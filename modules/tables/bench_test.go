// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

const million = 1_000_000

// filled returns a table with a million entries.
func filled(b *testing.B, c Config) *Table {
	c.Size = million
	table := New(c)
	for i := range million {
		table.Update(address(i), func(r Row) { r.SetServer("s1") })
	}
	return table
}

// benchmarkConfig is a table that counts connections.
func benchmarkConfig(b *testing.B) Config {
	return Config{Type: IPv6, Expire: time.Hour, Store: store(b, "conn_cur", "conn_rate(10s)")}
}

// BenchmarkUpdate looks up one of a million entries, touches it and changes two values.
func BenchmarkUpdate(b *testing.B) {
	table := filled(b, benchmarkConfig(b))
	b.ReportAllocs()
	for b.Loop() {
		table.Update(address(rand.IntN(million)), addConnection)
	}
}

// BenchmarkUpdateParallel does so on all cores.
func BenchmarkUpdateParallel(b *testing.B) {
	table := filled(b, benchmarkConfig(b))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			table.Update(address(rand.IntN(million)), addConnection)
		}
	})
}

// BenchmarkTrack is the life of a tracked connection.
func BenchmarkTrack(b *testing.B) {
	table := filled(b, benchmarkConfig(b))
	b.ReportAllocs()
	for b.Loop() {
		ref, _ := table.Track(address(rand.IntN(million)))
		ref.Do(addConnection)
		ref.Do(func(r Row) { r.Add(ConnCurrent, 0, -1) })
		ref.Release()
	}
}

// BenchmarkPurge creates entries in a full table.
func BenchmarkPurge(b *testing.B) {
	table := filled(b, benchmarkConfig(b))
	next := million
	b.ReportAllocs()
	for b.Loop() {
		next++
		table.Update(address(next), addConnection)
	}
}

func addConnection(r Row) {
	r.Add(ConnCurrent, 0, 1)
	r.Add(ConnRate, 0, 1)
}

// BenchmarkMemory reports the memory of an entry, of a million of them, as the growth of the
// process on Linux.
func BenchmarkMemory(b *testing.B) {
	for name, c := range map[string]Config{
		"ip_server":               {Store: store(b, "server_id")},
		"ipv6_conn_cur_conn_rate": benchmarkConfig(b),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := resident()
				table := filled(b, c)
				b.ReportMetric(float64(resident()-before)/million, "bytes/entry")
				runtime.KeepAlive(table)
			}
		})
	}
}

// resident returns the memory of the process in bytes, or 0.
func resident() (bytes int) {
	debug.FreeOSMemory()
	text, _ := os.ReadFile("/proc/self/statm")
	var pages int
	_, _ = fmt.Sscan(string(text), &bytes, &pages)
	return pages * os.Getpagesize()
}

// BenchmarkExpiry has a million entries expire at once while another goroutine uses the table, and
// reports the longest time and the 99.99th percentile of the times that this one waited.
func BenchmarkExpiry(b *testing.B) {
	for b.Loop() {
		c := benchmarkConfig(b)
		table := filled(b, c)
		var done atomic.Bool
		time.AfterFunc(100*time.Millisecond, func() {
			c.Size, c.Expire = million, time.Millisecond
			table.Reconfigure(c)
			table.sweep()
			done.Store(true)
		})
		var waits []time.Duration
		for !done.Load() {
			start := time.Now()
			table.Update(address(rand.IntN(million)), addConnection)
			waits = append(waits, time.Since(start))
		}
		slices.Sort(waits)
		b.ReportMetric(float64(waits[len(waits)-1].Microseconds()), "us/longest")
		b.ReportMetric(float64(waits[len(waits)-len(waits)/10_000-1].Microseconds()), "us/p99.99")
	}
}
