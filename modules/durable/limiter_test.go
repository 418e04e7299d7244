// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"math"
	"testing"
)

// The limit leaves descriptors free besides those of connections and their servers.
func TestConnectionsFor(t *testing.T) {
	for limit, want := range map[uint64]int{
		0:                   math.MaxInt,
		math.MaxUint64:      math.MaxInt,
		1:                   1,
		32:                  10,
		100:                 31,
		200:                 62,
		1024:                416,
		20_000:              8944,
		1_048_576:           523_232,
		math.MaxInt32 + 100: math.MaxInt,
	} {
		got := connectionsFor(limit)
		if got != want {
			t.Errorf("%d descriptors: %d connections, want %d", limit, got, want)
		}
		if limit >= 32 && got < math.MaxInt && uint64(2*got+min(maxReserve, int(limit)/4)) > limit {
			t.Errorf("%d descriptors: %d connections leave no reserve", limit, got)
		}
	}
}
