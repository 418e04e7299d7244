// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"cmp"
	"fmt"
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

func perUnit(s sample) float64   { return micros(s.cpu) / float64(s.units) }
func perSecond(s sample) float64 { return float64(s.units) / s.elapsed.Seconds() }
func beside(s sample) float64    { return float64(s.bulk) / s.elapsed.Seconds() }
func median50(s sample) float64  { return orNaN(s, s.p50) }
func tail99(s sample) float64    { return orNaN(s, s.p99) }
func longest(s sample) float64   { return orNaN(s, s.longest) }
func failures(s sample) float64  { return float64(s.errors) }
func busy(s sample) float64      { return s.cpu.Seconds() / s.elapsed.Seconds() }

// times returns the capacity of two threads relative to one, by CPU time per connection.
// Connections per second would mislead, as the load is made on one of the two cores.
func times(s sample) float64 {
	if s.base == nil {
		return math.NaN()
	}
	return 2 * perUnit(*s.base) / perUnit(s)
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

// report prints the tables: medians over rounds.
func (b *bench) report() string {
	var out strings.Builder
	for _, t := range b.tables() {
		t.rows = slices.DeleteFunc(t.rows, func(r row) bool { return !slices.Contains(b.options.works, r.work) })
		t.peers = slices.DeleteFunc(slices.Clone(t.peers), func(name string) bool {
			return !slices.Contains(b.options.proxies, name) || !slices.ContainsFunc(t.rows, func(r row) bool { return compares(r, name) })
		})
		if len(t.rows) == 0 {
			continue
		}
		head := []string{t.title}
		for _, name := range b.options.proxies {
			head = append(head, variants[name].title)
		}
		for _, peer := range t.peers {
			if peer == "layer4" {
				head = append(head, "layer4/ours")
				continue
			}
			head = append(head, "ours/"+strings.TrimPrefix(variants[peer].title, "haproxy "))
		}
		line(&out, head)
		out.WriteString("|" + strings.Repeat("---|", len(head)) + "\n")
		for _, r := range t.rows {
			line(&out, b.cells(t, r))
		}
		out.WriteString("\n")
	}
	out.WriteString(b.legend())
	return out.String()
}

// compares reports whether a row has a ratio to a peer: to HAProxy with splice only for bulk.
func compares(r row, peer string) bool {
	return peer != "splice" || r.work == workDown || r.work == workUp
}

func (b *bench) cells(t table, r row) []string {
	cells := []string{r.title}
	for _, name := range b.options.proxies {
		cells = append(cells, b.cell(r, name, t.sum))
	}
	for _, peer := range t.peers {
		switch {
		case !compares(r, peer):
			cells = append(cells, "")
		case peer == "layer4":
			cells = append(cells, b.ofLayer4(r).ratio())
		default:
			cells = append(cells, b.ratio(r, peer).ratio())
		}
	}
	return cells
}

func (b *bench) legend() string {
	return "Medians over rounds. Ratios are computed within each round; the one shown is their median and, from 6 rounds on, the interval\n" +
		"between two of them that contains the true median with 95 %. In the row `log on`, HAProxy logs over UDP and ours to a file. p50 and p99\n" +
		"are of one unit: a MiB as one of the " + fmt.Sprint(bulkClients) + " connections receives it. Descriptors and memory are those of the proxy; the bytes of a\n" +
		"connection are the growth of the proxy's memory, so room left in a heap by the warm-up makes them too few. Pages shared with another\n" +
		"process of the same program, which runs for the other workloads, count as resident only.\n"
}

func line(out *strings.Builder, cells []string) {
	out.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func (b *bench) cell(r row, name string, total bool) string {
	values := b.values(r, name)
	if !total {
		return number(middleOf(values).median)
	}
	if len(values) == 0 {
		return "–"
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return fmt.Sprintf("%.0f", sum)
}

func (b *bench) values(r row, name string) (values []float64) {
	for round := range b.options.rounds {
		if s, ok := b.results[runKey{r.work, name, round}]; ok {
			values = append(values, r.value(s))
		}
	}
	return values
}

// ofLayer4 returns the ratio of the layer4 form to the app's form.
func (b *bench) ofLayer4(r row) middle {
	return b.paired(r, "layer4", func(own, layer4 float64) float64 { return layer4 / own })
}

// ratio returns the ratio of ours to a peer, over the rounds that have both.
func (b *bench) ratio(r row, peer string) middle {
	return b.paired(r, peer, func(own, other float64) float64 { return own / other })
}

// paired compares ours with a peer, round by round.
func (b *bench) paired(r row, peer string, compare func(own, other float64) float64) middle {
	var all []float64
	for round := range b.options.rounds {
		own, okOwn := b.results[runKey{r.work, "ours", round}]
		other, okOther := b.results[runKey{r.work, peer, round}]
		if okOwn && okOther {
			all = append(all, compare(r.value(own), r.value(other)))
		}
	}
	return middleOf(all)
}
