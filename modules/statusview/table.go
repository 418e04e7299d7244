// SPDX-License-Identifier: Apache-2.0

package statusview

import "slices"

// Table is a table of rows with the same columns.
type Table struct {
	ID, Caption string
	Columns     []Column
	Rows        []Row
	// Total is the number of rows in all, of which Rows are some from Offset on. More and Before are
	// the addresses of the next and the previous rows, or empty.
	Total, Offset int
	More, Before  string
	// Kind is the kind of objects that Actions change: server, session or frontend.
	Kind    string
	Actions []Action
	// Empty is shown if there are no rows.
	Empty string
}

// Column is a column of a table.
type Column struct {
	Title string
	// Group is the heading over this column and its neighbours with the same group.
	Group string
	// Help explains the column.
	Help string
	// Href is the address of the table sorted by the column; empty: it cannot be sorted.
	Href string
	// Words says that it holds text, not numbers.
	Words bool
	// Rank is 0 for a column that is always shown; those of higher ranks may be hidden on narrow
	// screens, the highest first.
	Rank int
}

// Row is a row of a table.
type Row struct {
	// Key is unique in the table, and stays that of the same object.
	Key   string
	Class string
	// Target names the object for actions; empty: it cannot be selected.
	Target string
	Cells  []Cell
}

// Action is a change of the objects of selected rows.
type Action struct {
	// Name is the value that is sent, Label what the reader sees.
	Name, Label string
	// Value describes the value that the action needs, such as a weight; empty: it needs none.
	Value string
}

// Group is a heading over several columns.
type Group struct {
	Title string
	Span  int
}

// Groups returns the headings over the columns, or nil if no column has one.
func (t *Table) Groups() (groups []Group) {
	grouped := false
	for _, c := range t.Columns {
		grouped = grouped || c.Group != ""
		if last := len(groups) - 1; last >= 0 && c.Group == groups[last].Title {
			groups[last].Span++
			continue
		}
		groups = append(groups, Group{c.Group, 1})
	}
	if !grouped {
		return nil
	}
	return groups
}

// ActionLabel returns the label of the action with a name, or "".
func ActionLabel(name string) string {
	for _, a := range slices.Concat(serverActions, sessionActions, frontendActions) {
		if a.Name == name {
			return a.Label
		}
	}
	return ""
}
