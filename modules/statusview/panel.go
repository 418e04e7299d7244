// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"encoding/json"
	"time"
)

// Panel is a part of a view with a heading. IDs are unique in a view: letters, digits and hyphens.
type Panel struct {
	ID, Title string
	// Href is the address of a view with more about it.
	Href string
	// Note explains the panel in a sentence.
	Note     string
	Facts    []Fact
	Messages []Message
	Feed     bool // says that messages may come later, too
	Form     *Form
	Graphs   []Graph
	Figure   *Figure
	Tables   []Table
}

// Cell is a value: one of a table, or a fact. The zero value is an empty cell.
type Cell struct {
	Text string
	// Class is one of the classes below, or several with spaces between. Title is shown when the
	// pointer rests on the cell, and read by screen readers.
	Class, Title string
	// Href is the address that the text links to.
	Href string
	// Sort is the key by which tables are sorted; nil: At, or else Text, as a number if it is one.
	Sort *float64
	// Bar is the part of a limit that is used, from 0 to 1; nil: no bar.
	Bar *float64
	// At is a time, which scripts show in the reader's time zone, or with the class ago as the time
	// since then. Text is the same without script.
	At time.Time
}

// The classes of cells, rows, messages and boxes. The first are the states of servers, frontends
// and backends, in HAProxy's colours; the others rate a value.
const (
	Up        = "up"
	BackupUp  = "backup-up"
	GoingDown = "going-down" // up, but the last checks failed
	GoingUp   = "going-up"   // down, but the last checks passed
	Down      = "down"
	Draining  = "drain"
	Maint     = "maint"
	Unchecked = "no-check"
	Good      = "good"
	Warn      = "warn"
	Bad       = "bad"
	Info      = "info"
	Quiet     = "quiet" // of little interest: a zero, an absent value
	Words     = "t"     // text, aligned at the left; numbers have no class
	Since     = "ago"   // At is shown as the time since then
)

// Fact is a labelled value, such as a number of the overview.
type Fact struct {
	ID, Label string
	Value     Cell
}

// Message is a line of text with a time, a severity, and advice.
type Message struct {
	Class  string    `json:"class,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Text   string    `json:"text"`
	Advice string    `json:"advice,omitempty"`
	Href   string    `json:"href,omitempty"`
}

// Form asks for input. With Method get it leads to another query, with post it changes something.
type Form struct {
	ID, Title, Method string
	Fields            []Field
	Submit            string
}

// Field is an input of a form. Kind is text, textarea, select or hidden.
type Field struct {
	Kind, Name, Label, Value, Placeholder string
	Options                               []string // of a select
}

// cellJSON is a cell as JSON.
type cellJSON struct {
	Text  string    `json:"text,omitempty"`
	Class string    `json:"class,omitempty"`
	Title string    `json:"title,omitempty"`
	Href  string    `json:"href,omitempty"`
	Sort  *float64  `json:"sort,omitempty"`
	Bar   *float64  `json:"bar,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

// MarshalJSON writes a cell that is nothing but text as a string, others as an object.
func (c Cell) MarshalJSON() ([]byte, error) {
	if c == (Cell{Text: c.Text}) {
		return json.Marshal(c.Text)
	}
	return json.Marshal(cellJSON(c))
}
