// SPDX-License-Identifier: Apache-2.0

// Package monitoring is the source of docs/monitoring: the panels of the Grafana dashboard, the
// recording rules, and the alert rules with their unit tests. Its tests write the files
// (go test ./integration/monitoring -update) and check them with promtool.
package monitoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Files returns the files of docs/monitoring by name.
func Files() map[string][]byte {
	return map[string][]byte{
		"dashboard.json":  dashboard(),
		"recording.yml":   recordingRules(),
		"alerts.yml":      alertRules(),
		"alerts_test.yml": alertTests(),
	}
}

// Query is an expression for Prometheus, and where it is from.
type Query struct{ From, Expr string }

// Queries returns the queries of all panels and rules, for all instances, in a form that needs no
// Grafana.
func Queries() (all []Query) {
	plain := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$frontend", ".*", "$backend", ".*")
	for _, r := range rows {
		for _, p := range r.panels {
			for _, q := range p.queries {
				all = append(all, Query{p.title, plain.Replace(expand(q.expr))})
			}
		}
	}
	for _, r := range records {
		all = append(all, Query{r.name, r.name})
	}
	for _, a := range alerts {
		all = append(all, Query{a.name, a.value})
	}
	return all
}

// Panels returns the titles of the panels.
func Panels() (titles []string) {
	for _, r := range rows {
		for _, p := range r.panels {
			titles = append(titles, p.title)
		}
	}
	return titles
}

// Alerts returns the names of the alerts.
func Alerts() (names []string) {
	for _, a := range alerts {
		names = append(names, a.name)
	}
	return names
}

// selectors are the labels by which panels select series.
var selectors = strings.NewReplacer(
	"$P", `instance=~"$instance"`,
	"$F", `instance=~"$instance",frontend=~"$frontend"`,
	"$B", `instance=~"$instance",backend=~"$backend"`,
)

// expand replaces the selectors in the query of a panel.
func expand(expr string) string { return selectors.Replace(expr) }

// indented returns a value in JSON, as Grafana writes it.
func indented(value any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		panic(err) // a value of this package
	}
	return b.Bytes()
}

// quoted returns a text as a scalar of YAML.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// writeLine appends a line, formatted as by Sprintf.
func writeLine(b *bytes.Buffer, format string, values ...any) {
	fmt.Fprintf(b, format+"\n", values...)
}
