// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"fmt"
	"slices"
	"strings"
)

// table holds all figures.
type table struct{ attacks []*figures }

// figures are those of one attack.
type figures struct {
	attack string
	rows   []*row
}

// row is one figure, measured with both proxies and in each round.
type row struct {
	what   string
	format string
	values map[string][]float64
}

func (t *table) begin(attack string) *figures {
	f := &figures{attack: attack}
	t.attacks = append(t.attacks, f)
	return f
}

// add records a value; format is its format in the table, such as "%.1f KB".
func (f *figures) add(proxy, what, format string, value float64) {
	i := slices.IndexFunc(f.rows, func(r *row) bool { return r.what == what })
	if i < 0 {
		i = len(f.rows)
		f.rows = append(f.rows, &row{what: what, format: format, values: make(map[string][]float64)})
	}
	f.rows[i].values[proxy] = append(f.rows[i].values[proxy], value)
}

// String returns the table in Markdown, with medians.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("| attack | what is measured | ours | HAProxy |\n|---|---|---|---|\n")
	for _, f := range t.attacks {
		for i, r := range f.rows {
			name := f.attack
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, r.what, r.median("ours"), r.median("HAProxy"))
		}
	}
	return b.String()
}

func (r *row) median(proxy string) string {
	values := slices.Clone(r.values[proxy])
	if len(values) == 0 {
		return "–"
	}
	slices.Sort(values)
	return fmt.Sprintf(r.format, values[len(values)/2])
}
