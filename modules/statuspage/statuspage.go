// SPDX-License-Identifier: Apache-2.0

// Package statuspage serves the status page: the views of package statusview as HTML, for readers
// without script too, and what changes in them as a stream of server-sent events. The handler
// http.handlers.passthrough_status serves it in a site, and the module admin.api.passthrough_page
// at /passthrough/ of the admin endpoint.
//
// Below the address of the page, which ends in a slash:
//
//	?view=NAME&...  a view, as HTML (statusview.Query has the parameters)
//	page/page.css   the assets; so is page/page.js
//	page/live?...   the stream of the view with these parameters
//	;csv            HAProxy's formats
//
// # The stream
//
// It has these events, each with an ID that grows by one. The data is a JSON object.
//
//	full    the whole state of the view, an update with all rows and all cells. It is the first
//	        event, and follows if the reader was too slow for the updates between.
//	update  the changes since the event before
//	reload  {}: the view has other panels or columns; the page must be loaded anew
//
// An update has these members, all of which may be missing:
//
//	shape     of a full state: unless it is data-shape of the page, the page must be loaded anew
//	facts     {ID: CELL}
//	messages  {ID of the panel: [{class, at, text, advice, href}]}: all messages of the panel
//	graphs    {ID: {now, peak, series: [{name, class, d}]}}: d is a path in SVG's language
//	figures   {ID: {boxes: {ID: {class, text, note, title}}, lines: {ID: {class, weight, title}}}}
//	tables    {ID: {total, order: [KEY], rows: [{key, class, target, cells: {INDEX: CELL}}]}}
//
// A row has only the cells that have changed, by their index from 0; a row that is new has all.
// Order, if present, has the keys of all rows in order: those that are not in it are gone. A cell
// is a string, its text, or {text, class, title, href, sort, bar, at}; bar is a part of 1, at a
// time.
// Comments keep the connection alive. A reader that reconnects gets a full state first.
package statuspage

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

// page answers the requests for the page, at whatever address it is.
type page struct {
	options statusview.Options
	// refresh is the time after which browsers without script load the page again; 0: never.
	refresh time.Duration
	feeds   feeds
}

// newPage returns a page whose streams end when the configuration is reloaded.
func newPage(o statusview.Options, refresh time.Duration) *page {
	p := &page{options: o, refresh: refresh}
	p.feeds.build, p.feeds.until = p.build, untilReload
	return p
}

// build returns a view of the page as it is now.
func (p *page) build(q statusview.Query) (*statusview.View, error) {
	return statusview.Build(q, &p.options, time.Now())
}

// serve answers a request for a path below the page's, which is empty or a path such as
// page/page.css.
func (p *page) serve(w http.ResponseWriter, r *http.Request, path string) {
	setHeaders(w.Header())
	switch rest := path + query(r); {
	case strings.HasPrefix(strings.TrimPrefix(rest, "?"), ";") && isReport(rest):
		p.report(w, r, rest)
	case strings.HasPrefix(path, ";"): // ;up, ;norefresh, ;st=DONE and others of HAProxy's page
		http.Redirect(w, r, "./", http.StatusFound)
	case path == "" && r.Method == http.MethodPost:
		p.change(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, POST")
		p.fail(w, r, http.StatusMethodNotAllowed, "method "+r.Method+": expected GET, HEAD or POST")
	case path == "":
		p.show(w, r)
	case path == "page/live":
		p.stream(w, r)
	case strings.HasPrefix(path, "page/") && serveAsset(w, r, strings.TrimPrefix(path, "page/")):
	default:
		p.fail(w, r, http.StatusNotFound, "There is nothing at this address.")
	}
}

// policy allows the assets of the page and requests to it, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, browsers send forms without an origin
	h.Set("Cache-Control", "no-store")
}
