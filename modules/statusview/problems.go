// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

var severityClasses = map[control.Severity]string{control.Critical: Bad, control.Warning: Warn, control.Notice: Info}

// problemsPanel shows the present problems in scope, the worst first.
func problemsPanel(o *Options, now time.Time) Panel {
	p := Panel{ID: "problems", Title: "Problems"}
	for _, problem := range control.Problems(now) {
		if o.concerns(&problem) {
			p.Messages = append(p.Messages, Message{
				Class: severityClasses[problem.Severity], At: problem.Since, Text: problem.What, Advice: problem.Advice, Href: problemURL(&problem),
			})
		}
	}
	if len(p.Messages) == 0 {
		p.Messages = []Message{{Class: Good, Text: "No problem is known."}}
	}
	return p
}

// concerns reports whether a page shows a problem. One of the process is shown on a page with a
// scope if it names nothing outside.
func (o *Options) concerns(p *control.Problem) bool {
	switch {
	case o.Scope == nil:
		return true
	case p.Backend != "":
		return o.Shows(p.Backend)
	case p.Frontend != "":
		return o.Shows(p.Frontend)
	default:
		return p.Kind == "overload" || p.Kind == "limit" || p.Kind == "stopping" || p.Kind == "no_resources"
	}
}

// problemURL returns the address of the view to look at; empty: the page has none.
func problemURL(p *control.Problem) string {
	switch p.Kind {
	case "connect_failures", "queue_timeouts", "server_resets", "no_resources":
		return Query{View: "log", Backend: p.Backend, Server: p.Server, Failed: "1"}.URL()
	case "tls_alerts", "retries":
		return Query{View: "log", Backend: p.Backend, Server: p.Server}.URL()
	case "unknown_names":
		return Query{View: "names"}.URL()
	}
	if p.Backend != "" {
		return BackendURL(p.Backend)
	}
	return ""
}
