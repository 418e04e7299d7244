// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// pageSize is the number of rows of a table in HTML.
const pageSize = 100

// arrange fills a table with n rows, filtered, sorted and cut as a query asks, and sets the
// addresses of its other arrangements. It is for the one long table of a view. Rows that cannot be
// shown are not made.
func (t *Table) arrange(q Query, n int, row func(i int) Row) {
	for i := range t.Columns {
		t.Columns[i].Href = sortedBy(q, i+1)
	}
	from, to := q.page(n)
	if q.Filter == "" && q.Sort == "" {
		for i := from; i < to; i++ {
			t.Rows = append(t.Rows, row(i))
		}
		t.cut(q, n)
		return
	}
	for i := range n {
		if r := row(i); q.Filter == "" || r.contains(q.Filter) {
			t.Rows = append(t.Rows, r)
		}
	}
	t.sort(q.Sort)
	total := len(t.Rows)
	from, to = q.page(total)
	t.Rows = t.Rows[from:to]
	t.cut(q, total)
}

// page returns the first of the rows to show, and the one after the last, of n.
func (q *Query) page(n int) (from, to int) {
	if q.All {
		return 0, n
	}
	from = min(q.Offset, n)
	return from, min(n, from+pageSize)
}

// cut records that the rows are those of a page, out of a total.
func (t *Table) cut(q Query, total int) {
	t.Total, t.Offset = total, 0
	if q.All {
		return
	}
	t.Offset = min(q.Offset, total)
	if end := t.Offset + len(t.Rows); end < total {
		next := q
		next.Offset = end
		t.More = next.URL()
	}
	if t.Offset > 0 {
		before := q
		before.Offset = max(0, t.Offset-pageSize)
		t.Before = before.URL()
	}
}

// contains reports whether a cell of the row contains a text, whatever its case.
func (r *Row) contains(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(r.Cells, func(c Cell) bool { return strings.Contains(strings.ToLower(c.Text), text) })
}

// sortedBy returns the address of a query sorted by a column: the largest first, or the other way
// round if it is so already.
func sortedBy(q Query, column int) string {
	number := strconv.Itoa(column)
	if q.Sort == "-"+number {
		q.Sort = number
	} else {
		q.Sort = "-" + number
	}
	q.Offset = 0
	return q.URL()
}

// sort sorts the rows by a column, as in Query.Sort. A number that is no column's changes nothing.
func (t *Table) sort(by string) {
	column, err := strconv.Atoi(by)
	i := max(column, -column) - 1
	if err != nil || i < 0 || i >= len(t.Columns) {
		return
	}
	slices.SortStableFunc(t.Rows, func(a, b Row) int {
		if column < 0 {
			a, b = b, a
		}
		return compareCells(&a.Cells[i], &b.Cells[i])
	})
}

func compareCells(a, b *Cell) int {
	x, isNumber := a.key()
	if y, both := b.key(); isNumber && both {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a.Text, b.Text)
}

// key returns the number by which a cell is sorted, unless it is sorted by its text.
func (c *Cell) key() (float64, bool) {
	switch {
	case c.Sort != nil:
		return *c.Sort, true
	case !c.At.IsZero():
		return float64(c.At.UnixNano()), true
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(c.Text, space, ""), 64)
	return v, err == nil || c.Text == ""
}
