// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// maxFlowFrontends bounds the frontends that are drawn if the query names none, and maxFlowRows the
// rows of a table of rules.
const (
	maxFlowFrontends = 8
	maxFlowRows      = 50
)

// flow shows the ways of connections, and where one would go.
func flow(q Query, o *Options, _ time.Time) ([]Panel, error) {
	now := control.FlowNow()
	now.Frontends = slices.DeleteFunc(now.Frontends, func(f control.FlowFrontend) bool { return !o.Shows(f.Name) })
	now.Backends = slices.DeleteFunc(now.Backends, func(b control.FlowBackend) bool { return !o.Shows(b.Name) })
	panels := explainPanels(q, o, now.Frontends)
	shown := now.Frontends
	if q.Frontend != "" {
		shown = slices.DeleteFunc(slices.Clone(shown), func(f control.FlowFrontend) bool { return f.Name != q.Frontend })
		if len(shown) == 0 {
			return nil, fmt.Errorf("frontend %q: %w", q.Frontend, errNoFrontend)
		}
	}
	backends := make(map[string]*control.FlowBackend)
	for i := range now.Backends {
		backends[now.Backends[i].Name] = &now.Backends[i]
	}
	for i := range shown[:min(len(shown), maxFlowFrontends)] {
		panels = append(panels, flowPanel(i, &shown[i], backends))
	}
	if len(shown) > maxFlowFrontends {
		panels = append(panels, moreFrontends(shown[maxFlowFrontends:]))
	}
	return panels, nil
}

var errNoFrontend = fmt.Errorf("%w: expected the name of a frontend", control.ErrUnknown)

// flowPanel shows a frontend.
func flowPanel(i int, f *control.FlowFrontend, backends map[string]*control.FlowBackend) Panel {
	id := fmt.Sprintf("flow-%d", i+1)
	name := Text(f.Name).Text
	return Panel{
		ID: id, Title: "Frontend " + name,
		Note: fmt.Sprintf("%s, with %s connections now and %s in the last second. Lines are wider where more connections have come in that second.",
			f.State, grouped(f.Connections), grouped(int64(f.Rate))),
		Figure: newFlowFigure(id+"-figure", f, backends).draw(),
		Tables: []Table{listenersTable(id+"-listeners", f), choicesTable(id+"-rules", f), flowServersTable(id+"-servers", f, backends)},
	}
}

// moreFrontends lists the frontends that are not drawn.
func moreFrontends(all []control.FlowFrontend) Panel {
	t := Table{ID: "flow-more", Caption: "Further frontends", Total: len(all), Columns: []Column{
		{Title: "Frontend", Words: true}, {Title: "State", Words: true}, {Title: "Connections"}, {Title: "Rate"},
	}}
	for _, f := range all {
		t.Rows = append(t.Rows, Row{Key: f.Name, Cells: []Cell{
			Link(f.Name, Query{View: "flow", Frontend: f.Name}.URL()), {Text: f.State, Class: Words}, Number(f.Connections), rate(f.Rate),
		}})
	}
	return Panel{ID: "more", Title: "Further frontends", Tables: []Table{t}}
}

func listenersTable(id string, f *control.FlowFrontend) Table {
	t := Table{ID: id, Caption: "Listeners of " + Text(f.Name).Text, Total: len(f.Listeners), Columns: []Column{
		{Title: "Listener", Words: true}, {Title: "Address", Words: true, Rank: 2}, {Title: "State", Words: true}, {Title: "Rate"}, {Title: "Connections", Rank: 1}, {Title: "Total", Rank: 2},
	}, Empty: "Its connections come by a layer4 or an HTTP server, whose listeners are not shown."}
	for _, l := range f.Listeners {
		state := Cell{Text: "open", Class: Words + " " + Good}
		if !l.Open {
			state = Cell{Text: "closed", Class: Words + " " + Quiet}
		}
		t.Rows = append(t.Rows, Row{Key: l.Name, Cells: []Cell{Text(l.Name), Text(l.Address), state, rate(l.Rate), Number(l.Connections), Number(l.Total)}})
	}
	return t
}

// choicesTable shows the rules of a frontend.
func choicesTable(id string, f *control.FlowFrontend) Table {
	t := Table{ID: id, Caption: "Rules of " + Text(f.Name).Text, Total: len(f.Choices), Columns: []Column{
		{Title: "Rule", Words: true},
		{Title: "Goes to", Words: true},
		{Title: "Rate", Help: "connections in the last second"},
		{Title: "Connections", Help: "since the rule is in the configuration", Rank: 2},
		{Title: "Condition", Words: true, Rank: 1},
		{Title: "Place", Words: true, Rank: 2, Help: "where the configuration has it"},
	}, Empty: "It has no rules."}
	shown, rest := busiest(f.Choices, maxFlowRows)
	for _, c := range shown {
		t.Rows = append(t.Rows, Row{Key: choiceKey(c), Cells: []Cell{
			Text(choiceName(c)), choiceTarget(c), rate(c.Rate), Number(c.Total), Text(c.When), Text(c.Place),
		}})
	}
	if n := rest.Number; n > 0 {
		t.Rows = append(t.Rows, Row{Key: "rest", Class: Quiet, Cells: []Cell{Text(fmt.Sprintf("and %d more", n)), {}, rate(rest.Rate), Number(rest.Total), {}, {}}})
	}
	return t
}

// choiceName returns the name of a rule in its list.
func choiceName(c control.FlowChoice) string {
	switch c.List {
	case "others":
		return fmt.Sprintf("%d further rules", c.Number)
	case "default_backend":
		return "default"
	case "on":
		name, _ := cutVerb(c.Rule)
		return name
	default:
		return fmt.Sprintf("%s %d", c.List, c.Number)
	}
}

// cutVerb splits a rule such as "on timeout reject" before what it does.
func cutVerb(rule string) (name, verb string) {
	words := strings.SplitN(rule, " ", 3)
	if len(words) < 3 {
		return rule, ""
	}
	return words[0] + " " + words[1], words[2]
}

func choiceKey(c control.FlowChoice) string { return fmt.Sprintf("%s %d %s", c.List, c.Number, c.Rule) }

// choiceTarget returns the backends of a rule, or what it does.
func choiceTarget(c control.FlowChoice) Cell {
	switch {
	case len(c.To) == 1 && c.To[0].Backend != "":
		return Link(c.To[0].Backend, BackendURL(c.To[0].Backend))
	case len(c.To) > 1:
		names := make([]string, 0, len(c.To))
		for _, to := range c.To {
			names = append(names, to.Backend)
		}
		cell := Text(strings.Join(names[:min(3, len(names))], ", "))
		if len(names) > 3 {
			cell.Text += fmt.Sprintf(" and %d more", len(names)-3)
			cell.Title = Text(strings.Join(names[:min(50, len(names))], ", ")).Text
		}
		return cell
	case c.List == "on":
		_, verb := cutVerb(c.Rule)
		return Text(verb)
	default:
		return Text(c.Rule)
	}
}

// busiest returns the choices that have decided most, in their order, and the sum of the others,
// whose Number is theirs.
func busiest(all []control.FlowChoice, most int) (shown []control.FlowChoice, rest control.FlowChoice) {
	if len(all) <= most {
		return all, rest
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(min(1, max(-1, all[b].Total-all[a].Total))) })
	kept := make(map[int]bool, most)
	for _, i := range order[:most] {
		kept[i] = true
	}
	rest.List = "rest"
	for i, c := range all {
		switch {
		case kept[i]:
			shown = append(shown, c)
		case c.List == "others":
			rest.Number += c.Number
		default:
			rest.Number++
		}
		if !kept[i] {
			rest.Total, rest.Rate, rest.To = rest.Total+c.Total, rest.Rate+c.Rate, mergeTargets(rest.To, c.To)
		}
	}
	return shown, rest
}

// mergeTargets adds targets to those of the same backends.
func mergeTargets(to, more []control.FlowTarget) []control.FlowTarget {
	for _, m := range more {
		i := slices.IndexFunc(to, func(t control.FlowTarget) bool { return t.Backend == m.Backend })
		if i < 0 {
			to = append(to, m)
			continue
		}
		to[i].Total, to[i].Rate = to[i].Total+m.Total, to[i].Rate+m.Rate
	}
	return to
}
