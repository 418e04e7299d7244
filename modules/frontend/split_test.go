// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Of as many consecutive connections as the sum of the weights, each backend gets exactly its
// share, wherever they begin.
func TestSplitIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(0, 30), 1, 5).Draw(t, "weights")
		sum := 0
		for _, w := range weights {
			sum += w
		}
		if sum == 0 {
			return
		}
		s, got := newSplit(weights), make([]int, len(weights))
		s.counter.Store(rapid.Uint64().Draw(t, "dealt"))
		if s.counter.Load() > 1<<63 { // the row does not begin anew where the count does
			s.counter.Store(0)
		}
		for range sum {
			got[s.nextIndex()]++
		}
		for i, w := range weights {
			if got[i] != w {
				t.Fatalf("%v of %v", got, weights)
			}
		}
	})
}

// The connections of a small share are spread and not consecutive.
func TestSplitIsSpread(t *testing.T) {
	for weights, want := range map[[2]int]string{
		{1, 1}:       "abababab",
		{3, 1}:       "aaabaaab",
		{1, 0}:       "aaaaaaaa",
		{0, 5}:       "bbbbbbbb",
		{500, 500}:   "abababab",
		{2, 3}:       "abababba",
		{1000000, 1}: "aaaaaaaa",
	} {
		s := newSplit(weights[:])
		var got strings.Builder
		for range 8 {
			got.WriteByte("ab"[s.nextIndex()])
		}
		if strings.Count(got.String(), "a") != strings.Count(want, "a") || strings.Contains(got.String(), "bb") != strings.Contains(want, "bb") {
			t.Errorf("%v: %s, want as spread as %s", weights, &got, want)
		}
	}
}
