// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkSweep reports how long a shard is locked at a time while a million expired entries are
// freed. It counts the thread's own CPU time, without the times at which other threads ran instead.
func BenchmarkSweep(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		c := benchmarkConfig(b)
		table := filled(b, c)
		c.Size, c.Expire = million, time.Millisecond
		table.current.Store(newLayout(c))
		time.Sleep(2 * time.Millisecond)
		var batches []time.Duration
		for i := range table.shards {
			for s, done := &table.shards[i], false; !done; {
				start := threadTime(b)
				now := s.lock()
				done = s.dropExpired(now, sweepBatch)
				s.mu.Unlock()
				batches = append(batches, threadTime(b)-start)
			}
		}
		slices.Sort(batches)
		b.ReportMetric(float64(batches[len(batches)/2].Microseconds()), "us/median")
		b.ReportMetric(float64(batches[len(batches)*99/100].Microseconds()), "us/p99")
		b.ReportMetric(float64(batches[len(batches)-1].Microseconds()), "us/longest")
	}
}

// threadTime returns the CPU time that the thread has used.
func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
