// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	_ "embed" // document.md
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

//go:embed document.md
var prose string

// gradeNames are the names of the grades in the documentation.
var gradeNames = map[grade]string{
	supported: "supported",
	differs:   "differs",
	pending:   "not implemented yet",
	ignored:   "ignored",
	httpOnly:  "mode http",
	refused:   "refused",
}

// Document returns the text of docs/haproxy.md: the prose of document.md, then the tables.
func Document() string {
	var b strings.Builder
	b.WriteString("<!-- Made from the tables of modules/haproxycfg by go test ./modules/haproxycfg -update. Do not edit. -->\n\n")
	b.WriteString(strings.TrimSpace(prose))
	b.WriteString("\n\n")
	writeTable(&b, "Keywords of `global`", tableRows(globalKeywords))
	writeTable(&b, "Sections", sectionRows())
	writeTable(&b, "Keywords of `frontend`, `backend`, `listen` and `defaults`", tableRows(proxyKeywords))
	writeTable(&b, "`balance`", tableRows(balanceAlgorithms))
	writeTable(&b, "Options of `bind`", keywordRows(bindOptions, ofBind))
	writeTable(&b, "Options of `server` and `default-server`", keywordRows(serverKeywords, ofServer))
	writeTable(&b, "Options of `server` and `default-server` in `mode http`", keywordRows(httpServerKeywords, ofServer))
	writeTable(&b, "Actions of `tcp-request`", tableRows(tcpActions))
	writeTable(&b, "Actions of `http-request`, `http-response` and `http-after-response`", keywordRows(httpActionsByName, func(a httpAction) (grade, string) { return a.grade, a.note }))
	writeTable(&b, "Sample fetches", sampleRows(sample.Fetches()))
	writeTable(&b, "Sample fetches of `mode http`", sampleRows(sample.HTTPFetches()))
	writeTable(&b, "Converters", sampleRows(sample.Converters()))
	writeTable(&b, "Matching methods (`-m`)", sampleRows(sample.Methods()))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// tableRow is a row of a table in the documentation.
type tableRow struct{ name, state, note string }

func writeTable(b *strings.Builder, title string, rows []tableRow) {
	fmt.Fprintf(b, "## %s\n\n| word | | |\n|---|---|---|\n", title)
	for _, r := range rows {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", strings.ReplaceAll(r.name, "|", "\\|"), r.state, strings.ReplaceAll(r.note, "|", "\\|"))
	}
	b.WriteString("\n")
}

// keywordRows returns a row for each keyword; of returns its grade and its note.
func keywordRows[K any](keywords map[string]K, of func(K) (grade, string)) (rows []tableRow) {
	for _, name := range slices.Sorted(maps.Keys(keywords)) {
		g, note := of(keywords[name])
		rows = append(rows, tableRow{name, gradeNames[g], note})
	}
	return rows
}

func tableRows(t table) []tableRow {
	return keywordRows(t, func(k *keyword) (grade, string) { return k.grade, k.note })
}

func sectionRows() (rows []tableRow) {
	for _, kind := range haproxyfile.SectionKinds() {
		k := untranslated[kind]
		rows = append(rows, tableRow{kind, gradeNames[k.grade], k.note})
	}
	return rows
}

func ofBind(o bindOption) (grade, string) { return o.grade, o.note }

func ofServer(k serverKeyword) (grade, string) { return k.grade, k.note }

func sampleRows(docs []sample.Doc) (rows []tableRow) {
	for _, d := range docs {
		note := d.Note
		if len(d.Aliases) > 0 {
			note = strings.TrimSpace("also `" + strings.Join(d.Aliases, "`, `") + "`. " + note)
		}
		rows = append(rows, tableRow{d.Name + d.Args, d.Type, note})
	}
	return rows
}
