// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	_ "embed" // the prose
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

//go:embed document.md
var prose string

// gradeNames are the words of the documentation.
var gradeNames = map[grade]string{
	supported: "supported",
	differs:   "differs",
	pending:   "no effect yet",
	harmless:  "ignored",
	httpOnly:  "mode http",
	refused:   "refused",
}

// Document is docs/haproxy.md: prose, and the tables that translate.
func Document() string {
	var b strings.Builder
	b.WriteString("<!-- Made from the tables of modules/haproxycfg by go test ./modules/haproxycfg -update. Do not edit. -->\n\n")
	b.WriteString(strings.TrimSpace(prose))
	b.WriteString("\n\n")
	section(&b, "Keywords of `global`", ofTable(globals))
	section(&b, "Sections", rowsOf(sectionKinds, ofSection))
	section(&b, "Keywords of `frontend`, `backend`, `listen` and `defaults`", ofTable(proxyKeywords))
	section(&b, "`balance`", ofTable(algorithms))
	section(&b, "Options of `bind`", rowsOf(bindOptions, ofBind))
	section(&b, "Options of `server` and `default-server`", rowsOf(serverKeywords, ofServer))
	section(&b, "Options of `server` and `default-server` in `mode http`", rowsOf(httpServerWords, ofServer))
	section(&b, "Actions of `tcp-request`", ofTable(actions))
	section(&b, "Actions of `http-request`, `http-response` and `http-after-response`", rowsOf(httpActionsByName, func(a httpAction) (grade, string) { return a.grade, a.note }))
	section(&b, "Sample fetches", ofSamples(sample.Fetches()))
	section(&b, "Sample fetches of `mode http`", ofSamples(sample.HTTPFetches()))
	section(&b, "Converters", ofSamples(sample.Converters()))
	section(&b, "Matching methods (`-m`)", ofSamples(sample.Methods()))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// row is a line of a table.
type row struct{ name, state, note string }

func section(b *strings.Builder, title string, rows []row) {
	fmt.Fprintf(b, "## %s\n\n| word | | |\n|---|---|---|\n", title)
	for _, r := range rows {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", strings.ReplaceAll(r.name, "|", "\\|"), r.state, strings.ReplaceAll(r.note, "|", "\\|"))
	}
	b.WriteString("\n")
}

// rowsOf is a table of keywords; of tells what becomes of one.
func rowsOf[K any](keywords map[string]K, of func(K) (grade, string)) (rows []row) {
	for _, name := range slices.Sorted(maps.Keys(keywords)) {
		g, note := of(keywords[name])
		rows = append(rows, row{name, gradeNames[g], note})
	}
	return rows
}

func ofTable(t table) []row {
	return rowsOf(t, func(k *keyword) (grade, string) { return k.grade, k.note })
}

func ofSection(k sectionKind) (grade, string) { return k.grade, k.note }

func ofBind(o bindOption) (grade, string) { return o.grade, o.note }

func ofServer(k serverKeyword) (grade, string) { return k.grade, k.note }

func ofSamples(docs []sample.Doc) (rows []row) {
	for _, d := range docs {
		note := d.Note
		if len(d.Aliases) > 0 {
			note = strings.TrimSpace("also `" + strings.Join(d.Aliases, "`, `") + "`. " + note)
		}
		rows = append(rows, row{d.Name + d.Args, d.Type, note})
	}
	return rows
}
