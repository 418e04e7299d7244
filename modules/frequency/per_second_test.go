// SPDX-License-Identifier: Apache-2.0

package frequency

import "testing"

// Rates are those of HAProxy's freq_ctr: events and readings at given milliseconds.
func TestPerSecond(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []int64
		reads  map[int64]int
	}{
		{"none", nil, map[int64]int{5000: 0}},
		{"within a second", []int64{3000, 3100, 3200}, map[int64]int{3200: 3, 3999: 3}},
		{"they fade in the second after", []int64{3000, 3000, 3000, 3000}, map[int64]int{4000: 4, 4250: 3, 4500: 2, 4750: 1, 4999: 0, 5001: 0}},
		{"a single one stays until its second is over", []int64{3000}, map[int64]int{3999: 1, 4999: 1, 5001: 0}},
		{"both seconds", []int64{3000, 3000, 4500, 4500}, map[int64]int{4500: 3, 4999: 2}},
		{"seconds begin with the first event after a pause", []int64{3000, 9700, 9800}, map[int64]int{10600: 2, 11200: 1}},
	} {
		for at, want := range c.reads {
			var r Rate
			for _, e := range c.events {
				r.Count(after(e))
			}
			if got := r.PerSecond(after(at)); got != want {
				t.Errorf("%s: %d at %d ms, want %d", c.name, got, at, want)
			}
		}
	}
}
