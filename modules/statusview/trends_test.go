// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/trends"
)

func TestLine(t *testing.T) {
	t.Parallel()
	gap := math.NaN()
	for _, c := range []struct {
		values  []float64
		highest float64
		want    string
	}{
		{nil, 1, ""},
		{[]float64{gap, gap}, 1, ""},
		{[]float64{0, 1, 2}, 2, "M0 60L180 30L360 0"},
		{[]float64{0, gap, 2}, 2, "M0 60M360 0"},
		{[]float64{0, 0}, 0, "M0 60L360 60"},
		{[]float64{3, -1}, 2, "M0 0L360 60"}, // nothing is outside of the box
	} {
		if got := Line(c.values, c.highest); got != c.want {
			t.Errorf("Line(%v, %v) = %q, want %q", c.values, c.highest, got, c.want)
		}
	}
}

// TestTrendGraph shows an hour in which the process ran for the last minute.
func TestTrendGraph(t *testing.T) {
	t.Parallel()
	var h trends.Snapshot
	for s := range h.Values {
		h.Values[s] = make([]float32, trends.Steps)
		for i := range h.Values[s] {
			h.Values[s][i] = float32(math.NaN())
		}
	}
	in, out := h.Values[trends.BytesIn], h.Values[trends.BytesOut]
	for i := trends.Steps - 12; i < trends.Steps; i++ {
		in[i], out[i] = 1000, 2000
	}
	in[trends.Steps-7] = 8000 // in the middle of a group: peaks stay
	got := trendGraph("g", "Bytes", bytesPerSecond, h, line{trends.BytesIn, "from clients", "in"}, line{trends.BytesOut, "to clients", "out"})
	want := Graph{ID: "g", Title: "Bytes", Now: "1.0kB/s, 2.0kB/s", Peak: "8.0kB/s", Series: []Series{
		{"from clients", "in", "M356 52.5L358 0L360 52.5"},
		{"to clients", "out", "M356 45L358 45L360 45"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var empty trends.Snapshot
	if g := trendGraph("g", "Errors", perSecond, empty, line{trends.Errors, "errors", Bad}); g.Now != "-" || g.Series[0].Path != "" {
		t.Errorf("without values: %+v", g)
	}
}
