// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// explainPanels returns the form that asks where a connection would go, and the answers.
func explainPanels(q Query, o *Options, frontends []control.FlowFrontend) []Panel {
	ask := Panel{
		ID: "where", Title: "Where would a connection go?", Form: explainForm(q, frontends),
		Note: "The rules that serve connections answer, without making one. Give a server name, or what a client sends: a ClientHello in hexadecimal, as a hex dump, or in base64.",
	}
	if q.Name == "" && q.Hello == "" {
		return []Panel{ask}
	}
	all, err := control.Explain(control.Probe{Frontend: q.Frontend, Name: q.Name, Hello: q.Hello, Source: q.Source})
	if err != nil {
		ask.Messages = []Message{{Class: Bad, Text: Text(err.Error()).Text}}
		return []Panel{ask}
	}
	panels := []Panel{ask}
	for i := range all {
		if o.Shows(all[i].Frontend) {
			panels = append(panels, explanationPanel(i, &all[i]))
		}
	}
	return panels
}

func explainForm(q Query, frontends []control.FlowFrontend) *Form {
	var names []string
	if len(frontends) > 1 {
		names = []string{""} // all
	}
	for _, f := range frontends {
		names = append(names, f.Name)
	}
	return &Form{ID: "explain", Method: "get", Submit: "Show", Fields: []Field{
		{Kind: "hidden", Name: "view", Value: "flow"},
		{Kind: "select", Name: "frontend", Label: "Frontend", Value: q.Frontend, Options: names},
		{Kind: "text", Name: "name", Label: "Server name", Value: q.Name, Placeholder: "www.example.com"},
		{Kind: "text", Name: "source", Label: "Client's address", Value: q.Source, Placeholder: "192.0.2.7"},
		{Kind: "textarea", Name: "hello", Label: "Or its first bytes", Value: q.Hello, Placeholder: "16 03 01 …"},
	}}
}

// explanationPanel shows what a frontend would do.
func explanationPanel(i int, x *control.Explanation) Panel {
	p := Panel{ID: fmt.Sprintf("where-%d", i+1), Title: "By frontend " + Text(x.Frontend).Text}
	p.Messages = append(p.Messages, Message{Class: summaryClass(x), Text: x.Summary}, helloMessage(&x.Hello))
	if x.State != "open" {
		p.Messages = append(p.Messages, Message{Class: Warn, Text: "The frontend is " + x.State + "."})
	}
	for _, note := range x.Notes {
		p.Messages = append(p.Messages, Message{Class: Info, Text: note})
	}
	if x.Server == "" && len(x.Candidates) > 0 {
		p.Messages = append(p.Messages, Message{Class: Info, Text: "Usable servers of " + x.Backend + ": " + strings.Join(x.Candidates, ", "), Href: BackendURL(x.Backend)})
	}
	p.Tables = []Table{stepsTable(fmt.Sprintf("steps-%d", i+1), x)}
	return p
}

func summaryClass(x *control.Explanation) string {
	switch {
	case x.End == "" && !x.Queued:
		return Good
	case x.End == "passed_on" || x.Queued:
		return Warn
	default:
		return Bad
	}
}

// helloMessage says what the client sends.
func helloMessage(h *control.Hello) Message {
	if h.Version == "" {
		return Message{Class: Info, Text: strings.TrimSpace(fmt.Sprintf("The client sends %d bytes. %s %s", h.Size, h.Outcome, h.Error))}
	}
	name := "without a name"
	if h.Name != "" {
		name = "for " + h.Name
	}
	return Message{Class: Info, Text: fmt.Sprintf("The client sends a ClientHello of %d bytes %s: TLS %s, ALPN %s, JA4 %s.", h.Size, name, h.Version, strings.Join(h.ALPN, " "), h.JA4)}
}

// stepClasses are the classes of results.
var stepClasses = map[string]string{"matches": Good, "no_match": Quiet, "unknown": Warn, "failed": Bad}

// stepsTable shows the rules that were tried.
func stepsTable(id string, x *control.Explanation) Table {
	t := Table{ID: id, Caption: "Rules in the order in which they are tried", Total: len(x.Steps), Columns: []Column{
		{Title: "Rules", Words: true},
		{Title: "Result", Words: true},
		{Title: "Rule", Words: true},
		{Title: "Condition", Words: true, Rank: 1},
		{Title: "Why", Words: true},
		{Title: "Place", Words: true, Rank: 2},
	}, Empty: "No rule was tried."}
	for i, s := range x.Steps {
		list := strings.ReplaceAll(s.List, "_", " ")
		if s.Number > 0 {
			list += fmt.Sprintf(" %d", s.Number)
		}
		t.Rows = append(t.Rows, Row{Key: fmt.Sprint(i), Cells: []Cell{
			Text(list),
			{Text: strings.ReplaceAll(s.Result, "_", " "), Class: Words + " " + stepClasses[s.Result]},
			Text(s.Rule), Text(s.When),
			{Text: strings.Join(s.Why, "; "), Class: Words},
			Text(s.Place),
		}})
	}
	return t
}
