// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"area":    area,
	"asset":   assetURL,
	"modules": modules,
	"menu":    statusview.Menu,
	"rfc":     func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
	"bar":     func(part *float64) string { return strconv.FormatFloat(*part, 'f', 2, 64) },
	"first":   func(i int) bool { return i == 0 },

	"needsValue": func(all []statusview.Action) bool {
		return slices.ContainsFunc(all, func(a statusview.Action) bool { return a.Value != "" })
	},
}).ParseFS(templateFiles, "templates/*.html"))

// document holds the data of the page's template.
type document struct {
	statusview.Options
	Refresh int // in seconds; 0: none
	Live    string
	View    *statusview.View
	Query   statusview.Query
	Version string
	// Status and Problem are those of an answer that is an error. Done reports a change.
	Status        int
	Problem, Done string
	Now           time.Time
	// Token is that of the reader's changes.
	Token string
}

// part is a panel with its document, for the template.
type part struct {
	Document *document
	Panel    statusview.Panel
}

// Panel returns what the template of a panel gets.
func (d *document) Panel(p statusview.Panel) part { return part{d, p} }

// changeable is a table with the fields of its form, for the template.
type changeable struct {
	Table       *statusview.Table
	Token, Back string
}

// Table returns what the template of a table gets.
func (d *document) Table(t statusview.Table) changeable {
	return changeable{&t, d.Token, d.Query.URL()}
}

func (p *page) document() document {
	d := document{Options: p.options, Refresh: int(p.refresh / time.Second), Now: time.Now()}
	d.Version = control.ProcessNow().Version
	d.Title = cmp.Or(d.Title, "Passthrough")
	return d
}

// show answers with a view.
func (p *page) show(w http.ResponseWriter, r *http.Request) {
	d := p.document()
	q, err := statusview.ParseQuery(r.URL.Query())
	if err == nil {
		d.Query, d.Live = q, "page/live"+q.URL()
		d.View, err = p.build(q)
	}
	if err != nil {
		p.fail(w, r, control.HTTPStatus(err), err.Error())
		return
	}
	if p.options.Control {
		d.Token, d.Done = tokenFor(r, d.Now), doneText(r.URL.Query())
	}
	d.write(w, r, http.StatusOK)
}

// fail answers with a page about a problem.
func (p *page) fail(w http.ResponseWriter, r *http.Request, status int, problem string) {
	d := p.document()
	d.Status, d.Problem, d.Refresh = status, problem, 0
	d.write(w, r, status)
}

func (d *document) write(w http.ResponseWriter, r *http.Request, status int) {
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, "page.html", d); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = body.WriteTo(w)
	}
}
