// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

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
		"between two of them that contains the true median with 95 %. With the log on, both send HAProxy's line over UDP. p50 and p99\n" +
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
