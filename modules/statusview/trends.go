// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"math"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/trends"
)

// points is the number of points of a line in a graph of an hour: one for 20 seconds.
const points = 180

// trendGraphs returns the graphs of the last hour of the process.
func trendGraphs(h trends.Snapshot) []Graph {
	return []Graph{
		trendGraph("trend-sessions", "Connections", number, h, line{trends.Sessions, "open", Info}),
		trendGraph("trend-rate", "New sessions", perSecond, h, line{trends.SessionRate, "new", Info}),
		trendGraph("trend-bytes", "Bytes", bytesPerSecond, h, line{trends.BytesIn, "from clients", "in"}, line{trends.BytesOut, "to clients", "out"}),
		trendGraph("trend-errors", "Errors", perSecond, h, line{trends.Errors, "refused or failed", Bad}),
		trendGraph("trend-saturation", "Saturation", percent, h, line{trends.Saturation, "of the nearest limit", Warn}),
	}
}

// line is a series of a graph.
type line struct {
	of          trends.Series
	name, class string
}

func number(v float64) string { return grouped(int64(math.Round(v))) }

func bytesPerSecond(v float64) string { return texttable.Bytes(int64(math.Round(v))) + "B/s" }

func percent(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }

func perSecond(v float64) string {
	if v > 0 && v < 10 {
		return fmt.Sprintf("%.1f/s", v)
	}
	return number(v) + "/s"
}

// trendGraph returns a graph of series that share a scale, from zero to the peak, or for saturation
// to the whole.
func trendGraph(id, title string, format func(float64) string, h trends.Snapshot, lines ...line) Graph {
	g := Graph{ID: id, Title: title}
	all, peak := make([][]float64, len(lines)), 0.0
	for i, l := range lines {
		all[i] = thinned(h.Values[l.of])
		for _, v := range all[i] {
			if v > peak { // false for a gap
				peak = v
			}
		}
	}
	top := peak
	if lines[0].of == trends.Saturation {
		top = 1
	}
	for i, l := range lines {
		if i > 0 {
			g.Now += ", "
		}
		g.Now += lastOf(h.Values[l.of], format)
		g.Series = append(g.Series, Series{l.name, l.class, Line(all[i], top)})
	}
	g.Peak = format(peak)
	return g
}

// lastOf returns the last value, or a dash for a gap.
func lastOf(values []float32, format func(float64) string) string {
	if len(values) == 0 || trends.IsGap(values[len(values)-1]) {
		return "-"
	}
	return format(float64(values[len(values)-1]))
}

// thinned returns fewer values: the highest of each group. A group of gaps is a gap.
func thinned(values []float32) []float64 {
	size := (len(values) + points - 1) / points
	var thin []float64
	for end := len(values); end > 0; end -= size {
		highest := math.NaN()
		for _, v := range values[max(0, end-size):end] {
			if !trends.IsGap(v) && !(float64(v) <= highest) {
				highest = float64(v)
			}
		}
		thin = append(thin, highest)
	}
	slices.Reverse(thin)
	return thin
}
