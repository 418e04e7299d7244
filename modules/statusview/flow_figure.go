// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// The picture has five columns: listeners, the frontend, rules, backends and servers.
const (
	boxWidth, boxHeight = 168, 42
	columnGap, boxGap   = 44, 10
	maxDrawnListeners   = 6
	maxDrawnChoices     = 12
	maxDrawnBackends    = 12
	maxDrawnServers     = 4 // of a backend
	maxBoxText          = 21
)

// flowFigure lays a picture out: boxes in columns, and lines between boxes.
type flowFigure struct {
	id, name string
	columns  [5][]*Box
	lines    []flowLine
	highest  int // rate
}

type flowLine struct {
	from, to *Box
	rate     int
}

func newFlowFigure(id string, f *control.FlowFrontend, backends map[string]*control.FlowBackend) *flowFigure {
	d := &flowFigure{id: id, name: f.Name}
	front := d.add(1, "frontend", f.Name, fmt.Sprintf("%s, %d/s", f.State, f.Rate), "")
	d.addListeners(f, front)
	shown, rest := busiest(f.Choices, maxDrawnChoices)
	if rest.Number > 0 {
		shown = append(slices.Clone(shown), rest)
	}
	drawn := make(map[string]*Box)
	for _, c := range shown {
		d.addChoice(c, front, backends, drawn)
	}
	return d
}

// add adds a box to a column.
func (d *flowFigure) add(column int, id, text, note, class string) *Box {
	text = Text(text).Text
	b := &Box{ID: id, Width: boxWidth, Height: boxHeight, Class: class, Text: cut(text), Note: cut(note), Title: strings.TrimSpace(text + " " + note)}
	d.columns[column] = append(d.columns[column], b)
	return b
}

// cut shortens the text of a box.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= maxBoxText {
		return text
	}
	return string([]rune(text)[:maxBoxText-1]) + "…"
}

// connect adds a line, or its rate to that of the line.
func (d *flowFigure) connect(from, to *Box, rate int) {
	i := slices.IndexFunc(d.lines, func(l flowLine) bool { return l.from == from && l.to == to })
	if i < 0 {
		i = len(d.lines)
		d.lines = append(d.lines, flowLine{from: from, to: to})
	}
	d.lines[i].rate += rate
	d.highest = max(d.highest, d.lines[i].rate)
}

func (d *flowFigure) addListeners(f *control.FlowFrontend, front *Box) {
	more, sum := 0, 0
	for i, l := range f.Listeners {
		if i >= maxDrawnListeners {
			more, sum = more+1, sum+l.Rate
			continue
		}
		class := Up
		if !l.Open {
			class = Quiet
		}
		d.connect(d.add(0, fmt.Sprintf("listener %d", i), l.Name, fmt.Sprintf("%d/s", l.Rate), class), front, l.Rate)
	}
	if more > 0 {
		d.connect(d.add(0, "listeners", fmt.Sprintf("and %d more", more), fmt.Sprintf("%d/s", sum), Quiet), front, sum)
	}
}

// addChoice adds a rule and its backends.
func (d *flowFigure) addChoice(c control.FlowChoice, front *Box, backends map[string]*control.FlowBackend, drawn map[string]*Box) {
	text := strings.TrimPrefix(strings.TrimPrefix(c.When, "if "), "sni ")
	switch {
	case c.List == "rest":
		text = fmt.Sprintf("and %d more", c.Number)
	case text == "":
		text = choiceName(c)
	}
	note := fmt.Sprintf("%d/s", c.Rate)
	if name := choiceName(c); c.Number > 0 && c.List != "rest" && name != text {
		note = name + ", " + note
	}
	if len(c.To) == 0 {
		note += ", " + choiceTarget(c).Text
	}
	box := d.add(2, choiceKey(c), text, note, "")
	box.Title = strings.TrimSpace(Text(c.Rule+" "+c.When).Text + ": " + fmt.Sprintf("%d/s", c.Rate))
	d.connect(front, box, c.Rate)
	for _, to := range c.To {
		if b := d.backend(to.Backend, backends, drawn); b != nil {
			d.connect(box, b, to.Rate)
		}
	}
}

// backend returns the box of a backend, which it adds with its servers; beyond a number of them
// one for the others; nil for a backend that is not shown.
func (d *flowFigure) backend(name string, backends map[string]*control.FlowBackend, drawn map[string]*Box) *Box {
	of := backends[name]
	if of == nil {
		return nil
	}
	if len(drawn) >= maxDrawnBackends && drawn[name] == nil {
		name, of = "", nil
	}
	box := drawn[name]
	switch {
	case box != nil:
	case of == nil:
		box = d.add(3, "backends", "further backends", "", Quiet)
	default:
		class := Up
		if of.Down {
			class = Down
		}
		box = d.add(3, "backend "+name, name, fmt.Sprintf("%d of %d usable, %d/s", of.Usable, len(of.Servers), of.Rate), class)
		box.Href = BackendURL(name)
		d.addServers(of, box)
	}
	drawn[name] = box
	return box
}

// serverClasses are the classes of the states of servers.
var serverClasses = map[string]string{"up": Up, "no check": Unchecked, "drain": Draining, "maint": Maint, "down": Down}

// addServers adds the servers of a backend.
func (d *flowFigure) addServers(b *control.FlowBackend, box *Box) {
	shown, others := serversToShow(b)
	for _, s := range shown {
		text := d.add(4, "server "+b.Name+"/"+s.Name, s.Name, fmt.Sprintf("%s, %d/s", s.State, s.Rate), serverClasses[s.State])
		text.Title += " " + Text(s.Address).Text
		d.connect(box, text, s.Rate)
	}
	if others.count > 0 {
		d.connect(box, d.add(4, "servers of "+b.Name, fmt.Sprintf("%d servers", others.count), fmt.Sprintf("%d/s", others.rate), ""), others.rate)
	}
}

// draw returns the picture.
func (d *flowFigure) draw() *Figure {
	rows := 0
	for _, column := range d.columns {
		rows = max(rows, len(column))
	}
	height := rows*(boxHeight+boxGap) + boxGap
	f := &Figure{ID: d.id, Title: "Connections of " + Text(d.name).Text, Width: 5*boxWidth + 4*columnGap + 2, Height: height, Description: d.describe()}
	for i, column := range d.columns {
		pitch := height / max(1, len(column))
		for k, b := range column {
			b.X, b.Y = 1+i*(boxWidth+columnGap), k*pitch+(pitch-boxHeight)/2
			f.Boxes = append(f.Boxes, *b)
		}
	}
	for _, l := range d.lines {
		x1, y1, x2, y2 := l.from.X+boxWidth, l.from.Y+boxHeight/2, l.to.X, l.to.Y+boxHeight/2
		f.Lines = append(f.Lines, Connector{
			ID: l.from.ID + " > " + l.to.ID, Weight: d.weight(l.rate), Title: fmt.Sprintf("%s to %s: %d/s", l.from.Text, l.to.Text, l.rate),
			Path: fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, (x1+x2)/2, y1, (x1+x2)/2, y2, x2, y2),
		})
	}
	return f
}

// busy is the least rate for which a line is as wide as it can be.
const busy = 10

// weight returns the width of a line, from 0 to 5.
func (d *flowFigure) weight(rate int) int {
	if rate <= 0 {
		return 0
	}
	return 1 + 4*rate/max(d.highest, busy)
}

// describe says in a sentence what the picture shows; the tables have the rest.
func (d *flowFigure) describe() string {
	return fmt.Sprintf("%d listeners lead to the frontend %s, whose %d rules lead to %d backends with %d boxes of servers. The tables below have the same numbers.",
		len(d.columns[0]), Text(d.name).Text, len(d.columns[2]), len(d.columns[3]), len(d.columns[4]))
}
