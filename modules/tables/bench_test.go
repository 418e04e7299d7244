// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"math/rand/v2"
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

// BenchmarkMemory reports the bytes of an entry, of a million of them.
func BenchmarkMemory(b *testing.B) {
	for name, c := range map[string]Config{
		"ip_server":               {Store: store(b, "server_id")},
		"ipv6_conn_cur_conn_rate": benchmarkConfig(b),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				table := filled(b, c)
				bytes := 0
				for i := range table.shards {
					s := table.shards[i].slabs
					bytes += int(s.next)*s.layout.size + 4*int(s.buckets)
				}
				b.ReportMetric(float64(bytes)/million, "bytes/entry")
			}
		})
	}
}

// BenchmarkExpiry has a million entries expire at once while an other goroutine uses the table, and
// reports the longest time that this one waited.
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
		var longest time.Duration
		for !done.Load() {
			start := time.Now()
			table.Update(address(rand.IntN(million)), addConnection)
			longest = max(longest, time.Since(start))
		}
		b.ReportMetric(float64(longest.Microseconds()), "us/longest")
	}
}
