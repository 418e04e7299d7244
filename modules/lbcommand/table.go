// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// column describes a column of a table.
type column struct {
	title string
	right bool // aligned, for numbers
	// rank is the order in which columns are left out of a table that is too wide, the highest first;
	// 0: never.
	rank int
}

// cell is text, with a colour.
type cell struct {
	text   string
	colour colour
}

// colour is the number of an ANSI sequence; 0: none.
type colour int

const (
	bold   colour = 1
	dim    colour = 2
	red    colour = 31
	green  colour = 32
	yellow colour = 33
	blue   colour = 34
)

// table is a table of cells.
type table struct {
	columns []column
	rows    [][]cell
}

// add adds a row. Values are cells, or printed as text.
func (t *table) add(values ...any) {
	row := make([]cell, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case cell:
			row[i] = v
		case string:
			row[i].text = v
		case int:
			row[i].text = strconv.Itoa(v)
		case int64:
			row[i].text = strconv.FormatInt(v, 10)
		case uint64:
			row[i].text = strconv.FormatUint(v, 10)
		}
		row[i].text = printable.Text(row[i].text)
	}
	t.rows = append(t.rows, row)
}

// screen is where tables go. A width of 0 means no limit.
type screen struct {
	io.Writer
	width    int
	coloured bool
}

// newScreen returns the screen of a writer.
func newScreen(w io.Writer) screen {
	s := screen{Writer: w}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.width, _, _ = term.GetSize(int(file.Fd()))
		s.coloured = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		s.width = n
	}
	return s
}

const gap = "  "

// write writes the table with its titles.
func (t *table) write(s screen) error {
	titles := make([]cell, len(t.columns))
	for i, c := range t.columns {
		titles[i] = cell{c.title, bold}
	}
	t.rows = slices.Insert(t.rows, 0, titles)
	return t.writeRows(s)
}

// writeRows writes the rows. In a narrow screen it leaves out columns, and cuts the last one at the
// screen's edge.
func (t *table) writeRows(s screen) error {
	widths, shown := t.layout(s.width)
	var out strings.Builder
	for _, row := range t.rows {
		out.WriteString(t.line(row, widths, shown, s) + "\n")
	}
	_, err := io.WriteString(s, out.String())
	return err
}

// line returns a row without the spaces at its end.
func (t *table) line(row []cell, widths, shown []int, s screen) string {
	var line strings.Builder
	at, pending := 0, 0 // the position, and the spaces to write before the next text
	for n, i := range shown {
		if n > 0 {
			pending += len(gap)
		}
		text := row[i].text
		padding := widths[i] - len(text)
		if t.columns[i].right {
			pending += padding
		}
		if s.width > 0 {
			text = text[:min(len(text), max(0, s.width-at-pending))]
		}
		if text != "" {
			line.WriteString(strings.Repeat(" ", pending))
			line.WriteString(s.paint(text, row[i].colour))
			at, pending = at+pending+len(text), 0
		}
		if !t.columns[i].right {
			pending += padding
		}
	}
	return line.String()
}

// layout returns the width of each column, and the indices of those to show.
func (t *table) layout(width int) (widths, shown []int) {
	total := -len(gap)
	for i, c := range t.columns {
		w := len(c.title)
		for _, row := range t.rows {
			w = max(w, len(row[i].text))
		}
		widths, shown = append(widths, w), append(shown, i)
		total += w + len(gap)
	}
	for width > 0 && total > width {
		least := slices.MaxFunc(shown, func(a, b int) int { return t.columns[a].rank - t.columns[b].rank })
		if t.columns[least].rank == 0 {
			break
		}
		total -= widths[least] + len(gap)
		shown = slices.DeleteFunc(shown, func(i int) bool { return i == least })
	}
	return widths, shown
}

// paint colours text.
func (s screen) paint(text string, c colour) string {
	if !s.coloured || c == 0 || text == "" {
		return text
	}
	return "\x1b[" + strconv.Itoa(int(c)) + "m" + text + "\x1b[0m"
}
