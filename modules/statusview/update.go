// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"hash/fnv"
	"io"
	"slices"
	"strconv"
)

// Update holds the changes of a view for a reader. Absent parts have not changed.
type Update struct {
	// Shape is that of the view, in a full state.
	Shape    string                  `json:"shape,omitempty"`
	Facts    map[string]Cell         `json:"facts,omitempty"`
	Messages map[string][]Message    `json:"messages,omitempty"`
	Graphs   map[string]GraphUpdate  `json:"graphs,omitempty"`
	Figures  map[string]FigureUpdate `json:"figures,omitempty"`
	Tables   map[string]TableUpdate  `json:"tables,omitempty"`
}

// GraphUpdate is the new content of a graph.
type GraphUpdate struct {
	Now    string   `json:"now"`
	Peak   string   `json:"peak,omitempty"`
	Series []Series `json:"series"`
}

// FigureUpdate has the parts of a figure that have changed, by ID.
type FigureUpdate struct {
	Boxes map[string]BoxUpdate  `json:"boxes,omitempty"`
	Lines map[string]LineUpdate `json:"lines,omitempty"`
}

// BoxUpdate is the new content of a box.
type BoxUpdate struct {
	Class string `json:"class,omitempty"`
	Text  string `json:"text"`
	Note  string `json:"note,omitempty"`
	Title string `json:"title,omitempty"`
}

// LineUpdate is the new look of a line.
type LineUpdate struct {
	Class  string `json:"class,omitempty"`
	Weight int    `json:"weight"`
	Title  string `json:"title,omitempty"`
}

// TableUpdate has the rows of a table that have changed.
type TableUpdate struct {
	Total int `json:"total"`
	// Order has the keys of all rows in order, if rows came, left or moved.
	Order []string    `json:"order,omitzero"`
	Rows  []RowUpdate `json:"rows,omitempty"`
}

// RowUpdate has the cells of a row that have changed, by their index.
type RowUpdate struct {
	Key    string       `json:"key"`
	Class  string       `json:"class,omitempty"`
	Target string       `json:"target,omitempty"`
	Cells  map[int]Cell `json:"cells,omitempty"`
}

// Empty reports whether nothing has changed.
func (u *Update) Empty() bool {
	return len(u.Facts)+len(u.Messages)+len(u.Graphs)+len(u.Figures)+len(u.Tables) == 0
}

// Full returns the whole state of a view.
func Full(v *View) *Update {
	u, _ := Changes(&View{}, v)
	u.Shape = v.Shape()
	return u
}

// Changes returns the changes from one state of a view to the next. Same is false if the view has
// other panels, tables or columns.
func Changes(from, to *View) (u *Update, same bool) {
	u, same = new(Update), true
	if from.Panels != nil {
		same = slices.EqualFunc(from.Panels, to.Panels, func(a, b Panel) bool { return a.sameShape(&b) })
	}
	for i := range to.Panels {
		var before Panel
		if same && from.Panels != nil {
			before = from.Panels[i]
		}
		u.addPanel(&before, &to.Panels[i])
	}
	return u, same
}

// Shape returns a text that differs for views with other panels, tables or columns.
func (v *View) Shape() string {
	sum := fnv.New64a()
	add := func(words ...string) {
		for _, w := range words {
			_, _ = io.WriteString(sum, w+"\x00")
		}
	}
	for i := range v.Panels {
		p := &v.Panels[i]
		add("panel", p.ID)
		for _, f := range p.Facts {
			add(f.ID)
		}
		for i := range p.Graphs {
			add("graph", p.Graphs[i].ID)
		}
		for i := range p.Tables {
			add("table", p.Tables[i].ID)
			for _, c := range p.Tables[i].Columns {
				add(c.Group, c.Title)
			}
		}
		if p.Figure != nil {
			add("figure", p.Figure.ID)
			for i := range p.Figure.Boxes {
				add(p.Figure.Boxes[i].ID)
			}
		}
	}
	return strconv.FormatUint(sum.Sum64(), 36)
}

// sameShape reports whether two panels have the same parts.
func (p *Panel) sameShape(q *Panel) bool {
	return p.ID == q.ID && (p.Figure == nil) == (q.Figure == nil) && (p.Figure == nil || p.Figure.sameShape(q.Figure)) &&
		slices.EqualFunc(p.Facts, q.Facts, func(a, b Fact) bool { return a.ID == b.ID }) &&
		slices.EqualFunc(p.Graphs, q.Graphs, func(a, b Graph) bool { return a.ID == b.ID }) &&
		slices.EqualFunc(p.Tables, q.Tables, func(a, b Table) bool { return a.ID == b.ID && slices.Equal(a.Columns, b.Columns) })
}

// addPanel adds the changes of a panel.
func (u *Update) addPanel(from, to *Panel) {
	for i := range to.Facts {
		if from.ID == "" || !from.Facts[i].Value.Equal(&to.Facts[i].Value) {
			put(&u.Facts, to.Facts[i].ID, to.Facts[i].Value)
		}
	}
	if !slices.Equal(from.Messages, to.Messages) || from.ID == "" && to.Feed {
		put(&u.Messages, to.ID, append([]Message{}, to.Messages...))
	}
	for i := range to.Graphs {
		if g := &to.Graphs[i]; from.ID == "" || !from.Graphs[i].equal(g) {
			put(&u.Graphs, g.ID, GraphUpdate{g.Now, g.Peak, g.Series})
		}
	}
	if to.Figure != nil {
		if c := figureChanges(from.Figure, to.Figure); len(c.Boxes)+len(c.Lines) > 0 {
			put(&u.Figures, to.Figure.ID, c)
		}
	}
	for i := range to.Tables {
		before := new(Table)
		if from.ID != "" {
			before = &from.Tables[i]
		}
		if c, changed := tableChanges(before, &to.Tables[i]); changed {
			put(&u.Tables, to.Tables[i].ID, c)
		}
	}
}

// put sets an entry of a map, which it makes if necessary.
func put[T any](m *map[string]T, key string, value T) {
	if *m == nil {
		*m = make(map[string]T)
	}
	(*m)[key] = value
}

// Equal reports whether two cells look the same.
func (c *Cell) Equal(d *Cell) bool {
	return (c.Text == d.Text || !c.At.IsZero()) && c.Class == d.Class && c.Title == d.Title && c.Href == d.Href && c.At.Equal(d.At) &&
		equalNumbers(c.Sort, d.Sort) && equalNumbers(c.Bar, d.Bar)
}

func equalNumbers(a, b *float64) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func (g *Graph) equal(h *Graph) bool {
	return g.Now == h.Now && g.Peak == h.Peak && slices.Equal(g.Series, h.Series)
}
