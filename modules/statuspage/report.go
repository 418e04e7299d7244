// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"bufio"
	"iter"
	"net/http"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/statfields"
)

// reports are the formats of HAProxy's page that programs read, by the suffix of the address. One
// that is earlier in the list takes precedence.
var reports = []struct {
	suffix, contentType string
	write               func(*bufio.Writer, iter.Seq[statfields.Row])
}{
	{";json-schema", "application/json", func(w *bufio.Writer, _ iter.Seq[statfields.Row]) { statfields.WriteSchema(w) }},
	{";json", "application/json", statfields.WriteJSON},
	{";typed", "text/plain", func(w *bufio.Writer, rows iter.Seq[statfields.Row]) { statfields.WriteTyped(w, rows, false) }},
	{";csv", "text/plain", statfields.WriteCSV},
}

// isReport reports whether the end of an address asks for a report. As in HAProxy, suffixes may
// stand anywhere in it, with others between them.
func isReport(rest string) bool {
	for _, format := range reports {
		if strings.Contains(rest, format.suffix) {
			return true
		}
	}
	return false
}

// report writes the fields of HAProxy's show stat, in the format that the end of the address names:
// ;csv, ;typed or ;json. It leaves out servers in maintenance with ;no-maint, and those that are
// not up with ;up; scope=TEXT selects the sections whose names contain a text.
func (p *page) report(w http.ResponseWriter, r *http.Request, rest string) {
	setHeaders(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	scope := strings.ToLower(scopeIn(rest))
	q := statfields.Query{
		Kinds: statfields.All, ID: -1, Addresses: true,
		NoMaint: strings.Contains(rest, ";no-maint"), Up: strings.Contains(rest, ";up"),
		Shows: func(name string) bool { return p.options.Shows(name) && strings.Contains(strings.ToLower(name), scope) },
	}
	for _, format := range reports {
		if !strings.Contains(rest, format.suffix) {
			continue
		}
		w.Header().Set("Content-Type", format.contentType)
		if r.Method == http.MethodHead {
			return
		}
		out := bufio.NewWriterSize(w, 16<<10)
		format.write(out, statfields.Stat(q))
		_ = out.Flush()
		return
	}
}

// scopeIn returns the value of scope in the end of an address.
func scopeIn(rest string) string {
	_, scope, _ := strings.Cut(rest, "scope=")
	if i := strings.IndexAny(scope, "&;"); i >= 0 {
		scope = scope[:i]
	}
	return scope
}

// query returns the query of a request with its question mark, or an empty text.
func query(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return "?" + r.URL.RawQuery
}
