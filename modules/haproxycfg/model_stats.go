// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

const (
	noteNoStatistics = "there is no statistics page yet"
	pageNotServed    = "no page is served: a warning names the addresses, and a section that does nothing else does not listen"
	defaultPage      = "/haproxy?stats" // HAProxy's default for 'stats uri'
)

// builtinPage is the page with statistics that HAProxy serves itself. It is not available here.
type builtinPage struct {
	notice         // its lines, for the message
	keyword string // the most specific of their keywords
	uri     string
	by      *proxy // the section with the lines; a defaults section's page is inherited
	warned  bool
}

// addPage adds a line to the page of a section.
func (p *proxy) addPage(s statement) *builtinPage {
	page := p.statistics
	if page == nil || page.by != p {
		page = &builtinPage{keyword: s.keyword, uri: defaultPage, by: p}
		p.statistics = page
	}
	if s.keyword == "stats enable" {
		page.keyword = s.keyword
	}
	page.lines = append(page.lines, s.Pos)
	return page
}

// statsPage reads a "stats" line of a section. Any of them turns the page on.
func statsPage(t *translation, p *proxy, s statement) {
	page := p.addPage(s)
	if s.keyword == "stats uri" && s.arg(0) != "" {
		page.uri = s.arg(0)
	}
}

// statsAdmin validates the condition of "stats admin", as HAProxy does.
func statsAdmin(t *translation, p *proxy, s statement) {
	statsPage(t, p, s)
	if !haproxyfile.BeginsCondition(s.arg(0)) {
		t.errorf(s.Pos, "'stats admin' requires either 'if' or 'unless' followed by a condition, in %s", p)
		return
	}
	plain := *p // it may use more than a redirect may
	plain.mode = "tcp"
	if _, err := t.condition(&plain, s, s.args); err != nil {
		t.errorf(s.Pos, "error detected while parsing a 'stats admin' rule : %v, in %s", err, p)
	}
}

// parseExporter reads "http-request use-service prometheus-exporter".
func parseExporter(t *translation, l *ruleLine) error {
	l.Action, l.Service = "use_service", json.RawMessage(`{"handler":"metrics"}`)
	t.exporter = true
	return l.expectWords(0, "nothing but a condition")
}

// neverListens reports whether a section serves only pages that are not available here. It does not
// listen then.
func (t *translation) neverListens(p *proxy) bool {
	return p.isHTTP() && p.isFrontend() && p.statistics != nil && !t.servesRequests(p)
}

// warnPages warns of a page that is not served.
func (t *translation) warnPages(p *proxy) {
	page := p.statistics
	switch {
	case p.disabled || page == nil:
		return
	case !p.isHTTP():
		t.warnf(page.lines[0], "'stats' statement ignored for %s as it requires HTTP mode", p)
		return
	}
	at, where, then := page.lines[0], t.pageAddress(p, page), t.insteadOfPage(p)
	switch {
	case page.by == p:
	case t.neverListens(p):
		at, then = p.Pos, then+" for "+p.quotedName()
	case page.warned:
		return
	default:
		page.warned = true
		where, then = "at "+page.uri+" in the sections that inherit it", "a request for it is treated as any other"
	}
	t.warnf(at, "'%s' in %s is not implemented yet: no page is served %s, and %s%s", page.keyword, page.by.quotedName(), where, then, page.also())
}

// quotedName returns the section as the file names it, such as "listen 'stats'".
func (p *proxy) quotedName() string {
	if p.kind == "listen" {
		return "listen '" + p.name + "'"
	}
	return p.String()
}

// pageAddress returns the addresses at which HAProxy would serve the page.
func (t *translation) pageAddress(p *proxy, page *builtinPage) string {
	var at []string
	for f := range t.frontendsOf(p) {
		for i := range f.binds {
			uri := page.uri
			if t.neverListens(f) && uri == defaultPage {
				uri = "" // part of the address
			}
			at = append(at, bindText(&f.binds[i])+uri)
		}
	}
	if len(at) == 0 {
		return "for it"
	}
	return "at " + strings.Join(at, ", ")
}

// bindText returns an address as in a bind line.
func bindText(b *bind) string {
	return strings.TrimPrefix(b.Address.String(), "*")
}

// insteadOfPage describes what requests for the page get instead.
func (t *translation) insteadOfPage(p *proxy) string {
	switch {
	case t.neverListens(p) && len(p.binds) == 1:
		return "nothing listens there"
	case t.neverListens(p):
		return "nothing listens on its addresses"
	case t.servesRequests(p):
		return "a request for it is treated as any other"
	default:
		return "a request for it is answered with 503"
	}
}

// servesRequests reports whether a frontend does anything other than answer 503.
func (t *translation) servesRequests(p *proxy) bool {
	b := t.backends[t.defaultBackendOf(p)]
	return len(p.httpRules.request)+len(p.httpRules.redirects)+len(p.useBackend) > 0 || b != nil && (b != p || len(p.servers) > 0)
}
