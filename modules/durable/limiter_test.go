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
		32:                  6,
		100:                 40,
		200:                 90,
		1024:                425,
		20_000:              8937,
		1_048_576:           523_225,
		math.MaxInt32 + 100: math.MaxInt,
	} {
		got := connectionsFor(limit, usualDescriptors)
		if got != want {
			t.Errorf("%d descriptors: %d connections, want %d", limit, got, want)
		}
		if limit >= 32 && got < math.MaxInt && uint64(2*got+usualDescriptors+minSpare) > limit {
			t.Errorf("%d descriptors: %d connections leave no reserve", limit, got)
		}
	}
	if few, many := connectionsFor(200, 40), connectionsFor(200, usualDescriptors); few >= many {
		t.Errorf("%d connections beside 40 descriptors, %d beside %d", few, many, usualDescriptors)
	}
}
