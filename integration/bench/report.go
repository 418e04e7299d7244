// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A row is one number of a workload, for all proxies.
type row struct {
	title string
	work  string
	value func(sample) float64
}

type table struct {
	title  string
	rows   []row
	splice bool // has a column for the ratio to HAProxy with splice
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func perUnit(s sample) float64     { return micros(s.cpu) / float64(s.units) }
func perSecond(s sample) float64   { return float64(s.units) / s.elapsed.Seconds() }
func beside(s sample) float64      { return float64(s.bulk) / s.elapsed.Seconds() }
func median50(s sample) float64    { return orNaN(s, s.p50) }
func tail99(s sample) float64      { return orNaN(s, s.p99) }
func memory(s sample) float64      { return s.memory }
func wholeBefore(s sample) float64 { return s.memoryBefore / mebibyte }
func wholeAfter(s sample) float64  { return s.memoryAfter / mebibyte }
func handles(s sample) float64     { return s.descriptors }
func failures(s sample) float64    { return float64(s.errors) }

func orNaN(s sample, d time.Duration) float64 {
	if s.units == 0 {
		return math.NaN()
	}
	return micros(d)
}

var titles = map[string]string{
	workShort:    "short connection (1.5 KB hello)",
	workShortLog: "short connection, log on",
	workRTT:      "1 KiB round trip",
	workDown:     "MiB to the client",
	workUp:       "MiB to the server",
	workRTTBulk:  "1 KiB round trip beside bulk",
	workIdle:     "idle connection",
}

func rowsOf(value func(sample) float64, works ...string) []row {
	rows := make([]row, len(works))
	for i, work := range works {
		rows[i] = row{titles[work], work, value}
	}
	return rows
}

// Tables in their order.
func tables() []table {
	units := []string{workShort, workShortLog, workRTT, workDown, workUp}
	timed := append(slices.Clone(units), workRTTBulk)
	return []table{
		{"CPU, us", rowsOf(perUnit, units...), true},
		{"p50, us", rowsOf(median50, timed...), true},
		{"p99, us", rowsOf(tail99, timed...), true},
		{"per second", append(rowsOf(perSecond, timed...), row{"MiB to the client beside round trips", workRTTBulk, beside}), true},
		{"each idle connection", []row{{"bytes of private memory", workIdle, memory}, {"MiB private to the whole proxy, before", workIdle, wholeBefore}, {"MiB private to the whole proxy, with all of them", workIdle, wholeAfter}, {"descriptors", workIdle, handles}}, false},
		{"errors, sum", rowsOf(failures, workNames...), false},
	}
}

// report prints the tables: medians over rounds.
func (b *bench) report() string {
	var out strings.Builder
	for _, t := range tables() {
		rows := slices.DeleteFunc(t.rows, func(r row) bool { return !slices.Contains(b.options.works, r.work) })
		if len(rows) == 0 {
			continue
		}
		isErrors := t.title == "errors, sum"
		head := []string{t.title}
		for _, name := range b.options.proxies {
			head = append(head, variants[name].title)
		}
		if !isErrors {
			head = append(head, "ours/haproxy")
		}
		if t.splice {
			head = append(head, "ours/splice")
		}
		line(&out, head)
		out.WriteString("|" + strings.Repeat("---|", len(head)) + "\n")
		for _, r := range rows {
			cells := []string{r.title}
			for _, name := range b.options.proxies {
				cells = append(cells, b.cell(r, name, isErrors))
			}
			if !isErrors {
				cells = append(cells, ratio(b.ratio(r, "haproxy")))
			}
			if t.splice {
				cells = append(cells, b.spliceCell(r))
			}
			line(&out, cells)
		}
		out.WriteString("\n")
	}
	out.WriteString("Medians over rounds. Ratios are computed within each round; the one shown is their median. In the rows `log on`,\n" +
		"`haproxy` and `ours` are the variants that log each connection. p50 and p99 are of one unit: a MiB as one of the " + fmt.Sprint(bulkClients) + "\n" +
		"connections receives it. Descriptors and memory are those of the proxy; bytes of a connection are what its memory has grown by, and\n" +
		"room that the warm-up has left in a heap makes them fewer than connections take. Pages shared with another process of the same program,\n" +
		"which runs beside it for the other workloads, are in neither number.\n")
	return out.String()
}

func line(out *strings.Builder, cells []string) {
	out.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func (b *bench) cell(r row, name string, total bool) string {
	values := b.values(r, name)
	if !total {
		return number(median(values))
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

// spliceCell is empty where splicing plays no part.
func (b *bench) spliceCell(r row) string {
	if r.work != workDown && r.work != workUp {
		return ""
	}
	return ratio(b.ratio(r, "splice"))
}

func (b *bench) values(r row, name string) (values []float64) {
	for round := range b.options.rounds {
		if s, ok := b.results[runKey{r.work, name, round}]; ok {
			values = append(values, r.value(s))
		}
	}
	return values
}

// ratio is the median of the ratios of the rounds that have both. With NaN there is none.
func (b *bench) ratio(r row, peer string) float64 {
	var ratios []float64
	for round := range b.options.rounds {
		own, okOwn := b.results[runKey{r.work, "ours", round}]
		other, okOther := b.results[runKey{r.work, peer, round}]
		if okOwn && okOther {
			ratios = append(ratios, r.value(own)/r.value(other))
		}
	}
	return median(ratios)
}

func median(values []float64) float64 {
	values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func ratio(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.2f", v)
}

// A bar is a number that ours may not exceed.
type bar struct {
	name string
	most float64
	got  float64
}

// bars says which are held. It judges the numbers themselves, not what the tables round.
func (b *bench) bars() string {
	perCPU := func(work string) row { return row{"", work, perUnit} }
	var out strings.Builder
	out.WriteString("Bars:")
	for i, a := range []bar{
		{"CPU short", 1.10, b.ratio(perCPU(workShort), "haproxy")},
		{"CPU rtt", 1.00, b.ratio(perCPU(workRTT), "haproxy")},
		{"CPU down to splice", 0.90, b.ratio(perCPU(workDown), "splice")},
		{"CPU up to splice", 0.90, b.ratio(perCPU(workUp), "splice")},
		{"p99 rtt+bulk", 1.00, b.ratio(row{"", workRTTBulk, tail99}, "haproxy")},
		{"idle bytes", 0.20, b.ratio(row{"", workIdle, memory}, "haproxy")},
		{"idle descriptors", 2, median(b.values(row{"", workIdle, handles}, "ours"))},
	} {
		if i > 0 {
			out.WriteString(";")
		}
		verdict := "MISSED"
		switch {
		case math.IsNaN(a.got):
			verdict = "not measured"
		case a.got <= a.most:
			verdict = "held"
		}
		fmt.Fprintf(&out, " %s %s (%s, at most %.2f)", a.name, verdict, ratio(a.got), a.most)
	}
	return out.String() + ".\n"
}
