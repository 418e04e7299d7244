// SPDX-License-Identifier: Apache-2.0

// Package texttable prints tables of text for people: in the colours and the width of a terminal,
// from which it leaves out columns that do not fit. It also has short forms of numbers. Text is
// escaped, so that no name can change the terminal.
package texttable

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// Column describes a column of a table.
type Column struct {
	Title string
	Right bool // aligned, for numbers
	// Rank is the order in which columns are left out of a table that is too wide, the highest first;
	// 0: never.
	Rank int
}

// Cell is text, with a colour.
type Cell struct {
	Text   string
	Colour Colour
}

// Painted returns text in a colour.
func Painted(text string, c Colour) Cell { return Cell{text, c} }

// Colour is the number of an ANSI sequence; 0: none.
type Colour int

// The colours.
const (
	Bold    Colour = 1
	Dim     Colour = 2
	Reverse Colour = 7
	Red     Colour = 31
	Green   Colour = 32
	Yellow  Colour = 33
	Blue    Colour = 34
)

// Table is a table of cells.
type Table struct {
	Columns []Column
	rows    [][]Cell
}

// Add adds a row. Values are cells, or printed as text.
func (t *Table) Add(values ...any) {
	row := make([]Cell, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case Cell:
			row[i] = v
		case string:
			row[i].Text = v
		case int:
			row[i].Text = strconv.Itoa(v)
		case int64:
			row[i].Text = strconv.FormatInt(v, 10)
		case uint64:
			row[i].Text = strconv.FormatUint(v, 10)
		}
		row[i].Text = printable.Message(row[i].Text)
	}
	t.rows = append(t.rows, row)
}

// Screen is where tables go. A Width of 0 means no limit.
type Screen struct {
	io.Writer
	Width    int
	Coloured bool
}

// NewScreen returns the screen of a writer.
func NewScreen(w io.Writer) Screen {
	s := Screen{Writer: w}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.Width, _, _ = term.GetSize(int(file.Fd()))
		s.Coloured = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		s.Width = n
	}
	return s
}

const gap = "  "

// Write writes the table with its titles.
func (t *Table) Write(s Screen) error {
	titles := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = Cell{c.Title, Bold}
	}
	t.rows = slices.Insert(t.rows, 0, titles)
	return t.WriteRows(s)
}

// Lines returns the lines that Write writes.
func (t *Table) Lines(s Screen) []string {
	var out strings.Builder
	s.Writer = &out
	shown := Table{Columns: t.Columns, rows: slices.Clone(t.rows)}
	_ = shown.Write(s) // to a string
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// Pad escapes text, and cuts or fills it to a width.
func (s Screen) Pad(text string, columns int) string {
	text = cut(printable.Message(text), columns)
	return text + strings.Repeat(" ", max(0, columns-width(text)))
}

// width returns the number of columns of text, one for each character.
func width(text string) int { return utf8.RuneCountInString(text) }

// cut returns the part of text that fits into some columns.
func cut(text string, columns int) string {
	for i := range text {
		if columns <= 0 {
			return text[:i]
		}
		columns--
	}
	return text
}

// WriteRows writes the rows. In a narrow screen it leaves out columns, and cuts the last one at the
// screen's edge.
func (t *Table) WriteRows(s Screen) error {
	widths, shown := t.layout(s.Width)
	var out strings.Builder
	for _, row := range t.rows {
		out.WriteString(t.line(row, widths, shown, s) + "\n")
	}
	_, err := io.WriteString(s, out.String())
	return err
}

// line returns a row without the spaces at its end.
func (t *Table) line(row []Cell, widths, shown []int, s Screen) string {
	var line strings.Builder
	at, pending := 0, 0 // the position, and the spaces to write before the next text
	for n, i := range shown {
		if n > 0 {
			pending += len(gap)
		}
		text := row[i].Text
		padding := widths[i] - width(text)
		if t.Columns[i].Right {
			pending += padding
		}
		if s.Width > 0 {
			text = cut(text, s.Width-at-pending)
		}
		if text != "" {
			line.WriteString(strings.Repeat(" ", pending))
			line.WriteString(s.Paint(text, row[i].Colour))
			at, pending = at+pending+width(text), 0
		}
		if !t.Columns[i].Right {
			pending += padding
		}
	}
	return line.String()
}

// layout returns the width of each column, and the indices of those to show.
func (t *Table) layout(columns int) (widths, shown []int) {
	total := -len(gap)
	for i, c := range t.Columns {
		w := width(c.Title)
		for _, row := range t.rows {
			w = max(w, width(row[i].Text))
		}
		widths, shown = append(widths, w), append(shown, i)
		total += w + len(gap)
	}
	for columns > 0 && total > columns {
		least := slices.MaxFunc(shown, func(a, b int) int { return t.Columns[a].Rank - t.Columns[b].Rank })
		if t.Columns[least].Rank == 0 {
			break
		}
		total -= widths[least] + len(gap)
		shown = slices.DeleteFunc(shown, func(i int) bool { return i == least })
	}
	return widths, shown
}

// Paint colours text.
func (s Screen) Paint(text string, c Colour) string {
	if !s.Coloured || c == 0 || text == "" {
		return text
	}
	return "\x1b[" + strconv.Itoa(int(c)) + "m" + text + "\x1b[0m"
}
