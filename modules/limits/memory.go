// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

func init() {
	// Without new connections, the collector may not run for minutes, and what those that have ended
	// leave counts until it does.
	Overload.Watch(Resource{Name: "memory", Used: memory, Reclaim: runtime.GC})
}

// MemoryLimit returns the limit of the process's memory, or 0 without a limit: that of Go's
// collector (GOMEMLIMIT), which Caddy sets by the control group's.
func MemoryLimit() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return limit
	}
	return 0
}

// memory returns the memory that the process needs, without what the collector can free: near a
// limit, garbage fills all that is left.
func memory() (used, limit int64) {
	limit = MemoryLimit()
	if limit == 0 {
		return 0, 0
	}
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) int64 { return int64(samples[i].Value.Uint64()) }
	resident, ok := residentMemory()
	if !ok {
		resident = value(4) - value(5)
	}
	garbage := max(0, value(0)-value(1))
	return max(0, resident-garbage-value(2)-value(3)), limit
}
