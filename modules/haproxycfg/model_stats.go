// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

const (
	defaultPage  = "/haproxy?stats"     // HAProxy's default for 'stats uri'
	defaultRealm = "HAProxy Statistics" // and for 'stats realm'

	noteOfPage     = "it is for the pages of 'stats' alone"
	noteStatsAdmin = "changes need a token of the page, so that scripts that send HAProxy's forms are refused: use the socket or the admin endpoint"
	noteStatsRules = "http_auth and http_auth_group are available as the only ACL of the conditions of auth and of stats admin"
)

// statsPage is the page with statistics of a section: its "stats" lines.
type statsPage struct {
	haproxyfile.Pos // of the first line
	by              *proxy

	uri               string
	refresh           time.Duration
	hideVersion       bool
	node, description string
	scope             []string

	realm string
	users []account // of stats auth
	rules []*statsRule
	admin []*statsRule // conditions
}

// account is a name with the hash of its password.
type account struct{ name, hash string }

// pageOf returns the page of a section, for a line of it. One of a defaults section is not
// continued by a section that has lines of its own.
func (p *proxy) pageOf(s statement) *statsPage {
	if p.statistics == nil || p.statistics.by != p {
		p.statistics = &statsPage{Pos: s.Pos, by: p, uri: defaultPage}
	}
	return p.statistics
}

// statsOption returns the function of a keyword that changes the page. Any of them turns it on.
func statsOption(do func(page *statsPage, args []string)) func(*translation, *proxy, statement) {
	return func(_ *translation, p *proxy, s statement) { do(p.pageOf(s), s.args) }
}

// statsURI reads "stats uri PREFIX".
func statsURI(t *translation, p *proxy, s statement) {
	page := p.pageOf(s)
	if !strings.HasPrefix(s.args[0], "/") {
		t.errorf(s.Pos, "'stats uri %s' in %s: expected a path that begins with a slash", s.args[0], p)
		return
	}
	page.uri = s.args[0]
}

// statsRefresh reads "stats refresh TIME". A bare number is in seconds.
func statsRefresh(t *translation, p *proxy, s statement) {
	d, err := haproxyfile.ParseTime(s.args[0], time.Second)
	if err != nil {
		t.errorf(s.Pos, "'stats refresh' in %s: %v", p, err)
		return
	}
	p.pageOf(s).refresh = d
}

// statsAuth reads "stats auth USER:PASSWORD". The password may be missing.
func statsAuth(t *translation, p *proxy, s statement) {
	page := p.pageOf(s)
	name, password, _ := strings.Cut(s.args[0], ":")
	switch {
	case name == "":
		t.errorf(s.Pos, "'stats auth' in %s has no user: expected USER:PASSWORD", p)
	case slices.ContainsFunc(page.users, func(a account) bool { return a.name == name }):
		t.warnf(s.Pos, "uri auth: ignoring duplicated user '%s'.", name)
	default:
		page.users = append(page.users, account{name, hashOf(name, password)})
	}
}

// statsNode reads "stats show-node [NAME]".
func statsNode(t *translation, p *proxy, s statement) {
	p.pageOf(s).node = cmp.Or(s.arg(0), t.node, "{system.hostname}")
}

// statsDescription reads "stats show-desc [TEXT…]".
func statsDescription(t *translation, p *proxy, s statement) {
	text := cmp.Or(strings.Join(s.args, " "), t.description)
	if text == "" {
		t.warnf(s.Pos, "'show-desc' requires a parameter or 'desc' to be set in the global section.")
	}
	p.pageOf(s).description = text
}

// statsScope reads "stats scope NAME", where "." is the section itself.
func statsScope(_ *translation, p *proxy, s statement) {
	page := p.pageOf(s)
	page.scope = append(page.scope, s.args[0])
}

// quotedName returns the section as the file names it, such as "listen 'stats'".
func (p *proxy) quotedName() string {
	if p.kind == "listen" {
		return "listen '" + p.name + "'"
	}
	return p.String()
}

// bindText returns an address as in a bind line.
func bindText(b *bind) string {
	return strings.TrimPrefix(b.Address.String(), "*")
}

// parseExporter reads "http-request use-service prometheus-exporter".
func parseExporter(t *translation, l *ruleLine) error {
	l.Action, l.Service = "use_service", json.RawMessage(`{"handler":"metrics"}`)
	t.exporter = true
	return l.expectWords(0, "nothing but a condition")
}

// validatePage reports a page that a section cannot have.
func (t *translation) validatePage(p *proxy) {
	page := p.statistics
	switch {
	case p.disabled || page == nil:
	case !p.isHTTP():
		t.warnf(page.Pos, "'stats' statement ignored for %s as it requires HTTP mode", p)
	case len(page.rules) > 0 && (page.realm != "" || len(page.users) > 0):
		t.errorf(page.Pos, "%s: stats 'auth'/'realm' and 'http-request' can't be used at the same time.", p)
	default:
		t.validateStatsRules(p, page)
	}
}
