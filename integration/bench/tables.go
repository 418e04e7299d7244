// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// A row is one figure of a workload, for all proxies.
type row struct {
	title string
	work  string
	value func(sample) float64
}

type table struct {
	title string
	rows  []row
	peers []string // proxies to show ratios to; none: no ratios
	sum   bool     // of all rounds, instead of the median
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func perUnit(s sample) float64 { return micros(s.cpu) / float64(s.units) }

func perSecond(s sample) float64 { return float64(s.units) / s.elapsed.Seconds() }

func beside(s sample) float64 { return float64(s.bulk) / s.elapsed.Seconds() }

func median50(s sample) float64 { return orNaN(s, s.p50) }

func tail99(s sample) float64 { return orNaN(s, s.p99) }

func longest(s sample) float64 { return orNaN(s, s.longest) }

func failures(s sample) float64 { return float64(s.errors) }

func busy(s sample) float64 { return s.cpu.Seconds() / s.elapsed.Seconds() }

// times returns the capacity of two threads relative to one, by CPU time per connection.
// Connections per second would mislead, as the load is made on one of the two cores.
func times(s sample) float64 {
	if s.base == nil {
		return math.NaN()
	}
	return 2 * perUnit(*s.base) / perUnit(s)
}

// over returns by how much the CPU time of each unit exceeds that in the base mode.
func over(s sample) float64 {
	if s.base == nil {
		return math.NaN()
	}
	return perUnit(s) - perUnit(*s.base)
}

// rateOfBase returns the number of units in a second as a multiple of that in the base mode.
func rateOfBase(s sample) float64 {
	if s.base == nil {
		return math.NaN()
	}
	return perSecond(s) / perSecond(*s.base)
}

// timesBase returns the CPU time of each unit as a multiple of that in the base mode.
func timesBase(s sample) float64 {
	if s.base == nil {
		return math.NaN()
	}
	return perUnit(s) / perUnit(*s.base)
}

func count(name string) func(sample) float64 {
	return func(s sample) float64 {
		if v, ok := s.counts[name]; ok {
			return v
		}
		return math.NaN()
	}
}

func orNaN(s sample, d time.Duration) float64 {
	if s.units == 0 {
		return math.NaN()
	}
	return micros(d)
}

func rowsOf(value func(sample) float64, names ...string) []row {
	rows := make([]row, len(names))
	for i, name := range names {
		rows[i] = row{works[name].title, name, value}
	}
	return rows
}

// countsOf returns a row for each count.
func countsOf(work string, names ...string) []row {
	rows := make([]row, len(names))
	for i, name := range names {
		rows[i] = row{works[work].title + ": " + name, work, count(name)}
	}
	return rows
}

// tables returns the tables in their order.
func (b *bench) tables() []table {
	units := []string{workShort, workShortMany, workLate, workShortLog, workPaced, workRTT, workDown, workUp}
	timed := append(slices.Clone(units), workRTTBulk, workShortBulk, workFlood)
	rates := append(rowsOf(perSecond, timed[:len(timed)-1]...),
		row{"MiB to the client beside round trips", workRTTBulk, beside},
		row{"MiB to the client beside short connections", workShortBulk, beside},
		row{"connections beside heartbeats", workFlood, count("connections per second")})
	peers := []string{"haproxy", "newest", "splice", "nginx", "layer4"}
	memory := slices.Concat(
		countsOf(workIdle, countMemory, countDescriptors, countBefore, countAfter),
		countsOf(workMore, countMore, steps[0].name, steps[1].name, steps[2].name),
		countsOf(workSilent, countMemory, countDescriptors), countsOf(workHalf, countMemory, countDescriptors),
		countsOf(workRest, countResident, countAnonymous))
	var headers []row
	for _, name := range []string{workAccept, workSend, workDownProxy} {
		headers = append(headers, row{works[name].title + ": CPU, us", name, perUnit}, row{"more than without, us", name, over})
	}
	headers = append(headers, countsOf(workIdleProxy, countMemory, countDescriptors)...)
	var wrappers []row
	for _, name := range []string{workWrapper, workSite, workSitePlain} {
		wrappers = append(wrappers, row{works[name].title + ": CPU, us", name, perUnit}, row{"more than without, us", name, over}, row{"times as much", name, timesBase})
	}
	two := []row{
		{"CPU of each connection, us", workTwo, perUnit},
		{"cores that the proxy kept busy", workTwo, busy},
		{"times as much as one thread", workTwo, times},
	}
	return []table{
		{"CPU, us", rowsOf(perUnit, units...), peers, false},
		{"p50, us", rowsOf(median50, timed...), peers, false},
		{"p99, us", rowsOf(tail99, timed...), peers, false},
		{"longest, us", rowsOf(longest, workRTTBulk, workShortBulk, workFlood), peers, false},
		{"per second", rates, peers, false},
		{"two threads on two cores", two, nil, false},
		{"PROXY headers", headers, nil, false},
		{"stick tables", []row{{works[workTables].title + ": CPU, us", workTables, perUnit}, {"more than without, us", workTables, over}}, nil, false},
		{"a log whose target takes nothing", []row{{works[workStuckLog].title + ": per second", workStuckLog, perSecond}, {"times as many as with one that does", workStuckLog, rateOfBase}}, nil, false},
		{"one port for a frontend and sites", wrappers, nil, false},
		{"memory", memory, []string{"haproxy", "newest", "caddy-l4"}, false},
		{"system calls of a short connection", b.callRows(), nil, false},
		{"allocated for a short connection, log on", countsOf(workAllocs, countObjects, countBytes), nil, false},
		{"errors, sum", rowsOf(failures, workNames()...), nil, true},
	}
}

// callRows returns a row for each system call that some proxy makes at least twice per 100
// connections, and one for the total.
func (b *bench) callRows() []row {
	most := map[string]float64{}
	for key, s := range b.results {
		if key.work != workCalls {
			continue
		}
		for name, n := range s.counts {
			most[name] = max(most[name], n)
		}
	}
	names := slices.SortedFunc(maps.Keys(most), func(a, o string) int {
		return cmp.Or(cmp.Compare(most[o], most[a]), strings.Compare(a, o))
	})
	var rows []row
	for _, name := range names {
		if most[name] >= 0.02 {
			rows = append(rows, row{name, workCalls, func(s sample) float64 { return s.counts[name] }})
		}
	}
	return rows
}
