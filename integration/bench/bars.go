// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A bar is a limit that a figure of ours may not exceed, or, with least, must reach.
type bar struct {
	name  string
	work  string
	bar   float64
	least bool
	got   middle
}

// bars reports which bars are held. It judges the exact figures, not the rounded ones in the
// tables.
func (b *bench) bars() string {
	var said []string
	for _, a := range append(b.ratioBars(), b.ownBars()...) {
		if !slices.Contains(b.options.works, a.work) {
			continue
		}
		bound := "at most"
		if a.least {
			bound = "at least"
		}
		said = append(said, fmt.Sprintf("%s %s (%s, %s %.2f)", a.name, a.verdict(), a.got.ratio(), bound, a.bar))
	}
	return "Bars: " + strings.Join(said, "; ") + ".\n"
}

// verdict judges the median; "perhaps" means that the interval includes the bar.
func (a bar) verdict() string {
	beyond := func(v float64) bool { return a.least && v < a.bar || !a.least && v > a.bar }
	switch {
	case math.IsNaN(a.got.median):
		return "not measured"
	case beyond(a.got.median) && (beyond(a.got.low) && beyond(a.got.high) || math.IsNaN(a.got.low)):
		return "MISSED"
	case beyond(a.got.median):
		return "perhaps MISSED"
	case beyond(a.got.low) || beyond(a.got.high):
		return "perhaps held"
	default:
		return "held"
	}
}

// ratioBars returns the bars on ratios to another proxy in the same round.
func (b *bench) ratioBars() (bars []bar) {
	for _, peer := range []string{"haproxy", "newest"} {
		if b.programs[peer] == "" {
			continue
		}
		for _, w := range []struct {
			name, work string
			value      func(sample) float64
			bar        float64
			least      bool
		}{
			{"CPU short", workShort, perUnit, 0.92, false},
			{"CPU short512", workShortMany, perUnit, 0.90, false},
			{"CPU late", workLate, perUnit, 1.00, false},
			{"CPU short+log", workShortLog, perUnit, 1.00, false},
			{"p50 short", workShort, median50, 1.00, false},
			{"p99 short", workShort, tail99, 1.00, false},
			{"p50 paced", workPaced, median50, 1.00, false},
			{"p99 paced", workPaced, tail99, 1.00, false},
			{"connections per second", workShort, perSecond, 1.05, true},
			{"CPU rtt", workRTT, perUnit, 0.95, false},
			{"p99 rtt+bulk", workRTTBulk, tail99, 1.00, false},
			{"p99 short+bulk", workShortBulk, tail99, 0.50, false},
		} {
			bars = append(bars, bar{w.name + " to " + variants[peer].title, w.work, w.bar, w.least, b.ratio(row{"", w.work, w.value}, peer)})
		}
	}
	cpu := func(work string) row { return row{"", work, perUnit} }
	return append(bars,
		bar{"CPU short in layer4", workShort, 1.03, false, b.ofLayer4(cpu(workShort))},
		bar{"CPU down to splice", workDown, 0.75, false, b.ratio(cpu(workDown), "splice")},
		bar{"CPU up to splice", workUp, 0.75, false, b.ratio(cpu(workUp), "splice")},
		bar{"idle bytes to haproxy", workIdle, 0.20, false, b.ratio(row{"", workIdle, count(countMemory)}, "haproxy")})
}

// ownBars returns the bars on absolute figures of ours, and, last, one on a difference to caddy-l4.
func (b *bench) ownBars() []bar {
	own := func(work string, value func(sample) float64) middle {
		return middleOf(b.values(row{"", work, value}, "ours"))
	}
	above := func(own, other float64) float64 { return own - other }
	half := float64(len(b.hello) / 2)
	return []bar{
		{"us more with a header from the client", workAccept, 4, false, own(workAccept, over)},
		{"us more with a header to the server", workSend, 4, false, own(workSend, over)},
		{"us more for stick tables than haproxy's", workTables, 5, false, b.paired(row{"", workTables, over}, "haproxy", above)},
		{"rate with a log that takes nothing", workStuckLog, 0.98, true, own(workStuckLog, rateOfBase)},
		{"CPU short in a wrapper", workWrapper, 1.05, false, own(workWrapper, timesBase)},
		{"us more for a site behind it", workSite, 3, false, own(workSite, over)},
		{"the same, over a plain address", workSitePlain, 3, false, own(workSitePlain, over)},
		{"two threads", workTwo, 1.7, true, own(workTwo, times)},
		{"longest heartbeat in a flood, ms", workFlood, 50, false, own(workFlood, func(s sample) float64 { return longest(s) / 1000 })},
		{"system calls", workCalls, 15, false, own(workCalls, count(allCalls))},
		{"objects", workAllocs, 6, false, own(workAllocs, count(countObjects))},
		{"bytes allocated", workAllocs, 800, false, own(workAllocs, count(countBytes))},
		{"idle descriptors", workIdle, 2, false, own(workIdle, count(countDescriptors))},
		{"bytes of a silent client", workSilent, 2048, false, own(workSilent, count(countMemory))},
		{"bytes of half a hello", workHalf, half + 1024, false, own(workHalf, count(countMemory))},
		{"bytes of one more idle session", workMore, 500, false, own(workMore, count(countMore))},
		{"MiB at rest over caddy-l4", workRest, 2, false, b.paired(row{"", workRest, count(countAnonymous)}, "caddy-l4", above)},
	}
}
