// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

// names shows what clients ask for, and what they send first.
func names(_ Query, o *Options, _ time.Time) ([]Panel, error) {
	panels := []Panel{hellosPanel(o)}
	if o.Scope != nil {
		panels[0].Note = "Names and fingerprints are counted for the whole process, of which this page shows a part."
		return panels, nil
	}
	n := control.Names()
	return append(panels,
		namesPanel("frequent", "Most frequent names", "Connections that have ended, by the name in their hello.", "Connections", n.Connections, n.Others),
		namesPanel("bytes", "Names with the most bytes", "Bytes both ways, counted when connections end.", "Bytes", n.Bytes, 0),
		namesPanel("failures", "Names that fail", "Connections that were refused or failed.", "Failures", n.Failures, 0),
		namesPanel("unknown", "Unknown names", "Names that clients ask for although no rule and no default has a backend for them.", "Connections", n.Unknown, 0),
		fingerprintsPanel(),
	), nil
}

// namesPanel shows names with their counts, the highest first.
func namesPanel(id, title, note, unit string, list []control.NameCount, others uint64) Panel {
	t := Table{ID: id, Caption: title, Columns: []Column{{Title: "Name", Words: true}, {Title: unit}, {Title: "Error", Help: "the most by which the number is too high", Rank: 2}}, Empty: "No name was counted yet."}
	for _, c := range list {
		t.Rows = append(t.Rows, nameRow(c, unit, list[0].Count))
	}
	if others > 0 {
		t.Rows = append(t.Rows, Row{Key: "others", Class: Quiet, Cells: []Cell{{Text: "all others", Class: Words}, Number(others), {}}})
	}
	t.Total = len(t.Rows)
	return Panel{ID: "names-" + id, Title: title, Note: note, Tables: []Table{t}}
}

func nameRow(c control.NameCount, unit string, highest uint64) Row {
	name := Link(c.Name, Query{View: "log", Name: c.Name}.URL())
	if c.Name == "" {
		name = Cell{Text: "without a name", Class: Words + " " + Quiet}
	}
	count, inexact := Number(c.Count), Number(c.AtMost)
	if unit == "Bytes" {
		count, inexact = Bytes(int64(c.Count)), Bytes(int64(c.AtMost))
	}
	if count.Bar = new(float64(c.Count) / float64(max(1, highest))); c.AtMost == 0 {
		inexact = Cell{Text: "0", Class: Quiet}
	}
	return Row{Key: "name " + c.Name, Cells: []Cell{name, count, inexact}}
}

func fingerprintsPanel() Panel {
	list, others, counted := control.Fingerprints()
	p := namesPanel("ja4", "JA4 fingerprints", "Kinds of clients, by the JA4 fingerprints of their hellos.", "Hellos", list, others)
	p.Tables[0].Columns[0].Title = "Fingerprint"
	for i := range p.Tables[0].Rows {
		p.Tables[0].Rows[i].Cells[0].Href = ""
	}
	if !counted {
		p.Note, p.Tables = "Fingerprints are not counted: the option ja4 of metrics counts them, at some cost for each hello.", nil
	}
	return p
}

var helloColumns = []Column{
	{Title: "Frontend", Words: true},
	{Title: "Hellos"},
	{Title: "Post-quantum", Help: "hellos with a key share of a post-quantum group"},
	{Title: "ECH", Help: "hellos with encrypted_client_hello, or an imitation of it", Rank: 2},
	{Title: "1.3", Group: "TLS offered", Rank: 1},
	{Title: "1.2", Group: "TLS offered", Rank: 1},
	{Title: "Older", Group: "TLS offered", Rank: 1},
	{Title: "1.3", Group: "TLS chosen", Rank: 1},
	{Title: "1.2", Group: "TLS chosen", Rank: 1},
	{Title: "Older", Group: "TLS chosen", Rank: 1},
	{Title: "Not TLS", Group: "No hello", Rank: 3},
	{Title: "Timeout", Group: "No hello", Rank: 3},
	{Title: "Left", Group: "No hello", Help: "the client left before its hello was complete", Rank: 3},
	{Title: "Invalid", Group: "No hello", Help: "malformed, too large or SSLv2", Rank: 3},
	{Title: "Not inspected", Rank: 4},
}

// hellosPanel shows the outcomes of inspections by frontend.
func hellosPanel(o *Options) Panel {
	t := Table{ID: "hellos", Caption: "Hellos by frontend", Columns: helloColumns, Empty: "No frontend."}
	all := control.Hellos()
	sum := control.HelloCounts{Outcomes: make(map[string]uint64)}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !o.Shows(name) {
			continue
		}
		c := all[name]
		t.Rows = append(t.Rows, helloRow("frontend "+name, Text(name), &c))
		sum.Add(&c.HelloCounts)
		for outcome, n := range c.Outcomes {
			sum.Outcomes[outcome] += n
		}
	}
	if len(t.Rows) > 1 {
		t.Rows = append(t.Rows, helloRow("all", Cell{Text: "all", Class: Words}, &sum))
	}
	t.Total = len(t.Rows)
	return Panel{ID: "names-hellos", Title: "Hellos", Tables: []Table{t}}
}

func helloRow(key string, name Cell, c *control.HelloCounts) Row {
	cells := []Cell{name, Number(c.Total), share(c.PostQuantum, c.Total), share(c.ECH, c.Total)}
	for _, v := range []*frontend.Versions{&c.Offered, &c.Chosen} {
		newest, older := len(v)-2, v[len(v)-1] // the last place is for other versions
		for _, n := range v[:newest-1] {
			older += n
		}
		cells = append(cells, Number(v[newest]), Number(v[newest-1]), Number(older))
	}
	n := c.Outcomes
	return Row{Key: key, Cells: append(cells, Number(n["not_tls"]), Number(n["timeout"]), Number(n["client_left"]), Number(n["malformed"]+n["too_large"]+n["sslv2"]), Number(n["not_inspected"]))}
}

// share returns a part of a whole as a percentage.
func share(part, whole uint64) Cell {
	if whole == 0 {
		return Cell{Text: "-", Class: Quiet, Sort: new(0.0)}
	}
	of := float64(part) / float64(whole)
	return Cell{Text: fmt.Sprintf("%.0f %%", 100*of), Title: grouped(int64(part)) + " of " + grouped(int64(whole)), Sort: new(of), Bar: new(of)}
}
