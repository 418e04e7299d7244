// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statuspage"
)

// ownPath is the path of a page whose address is a query of the root.
const ownPath = "/haproxy-stats/"

// emitPage returns the rule that answers requests for the page of a section: it comes after the
// rules of http-request and before those of redirect, as in HAProxy.
func (p *proxy) emitPage() *httprules.Rule {
	page := p.statistics
	path, _, query := strings.Cut(page.uri, "?")
	beginnings := [][]sample.Term{beginsWith("pathq", page.uri)}
	h := &statuspage.Handler{
		Path: strings.TrimSuffix(path, "/") + "/", HideVersion: page.hideVersion, Node: page.node, Description: page.description,
		Refresh: caddy.Duration(page.refresh), Scope: p.scopeOf(page),
	}
	if page.uri != h.Path {
		h.URI = page.uri
	}
	if query {
		if h.Path == "/" {
			h.Path = ownPath
		}
		beginnings = append(beginnings, beginsWith("path", h.Path))
	}
	return &httprules.Rule{
		Action: "use_service", Origin: page.String() + ": stats",
		If:      &httprules.Condition{Section: p.name, Condition: sample.Condition{Any: beginnings}},
		Service: caddyconfig.JSONModuleObject(map[string]any{"routes": p.pageRoutes(page, h)}, "handler", "subroute", nil),
	}
}

// beginsWith returns the terms of a condition about the beginning of an expression's value.
func beginsWith(fetch, text string) []sample.Term {
	return []sample.Term{{Any: []sample.Criterion{{Fetch: fetch, Method: "beg", Values: []string{text}}}}}
}

// scopeOf returns the names of the sections that a page shows.
func (p *proxy) scopeOf(page *statsPage) (names []string) {
	for _, name := range page.scope {
		if name == "." {
			name = p.name
		}
		names = append(names, name)
	}
	return names
}

// pageRoutes returns the routes of a page: those that restrict access, then the page, with control
// and without.
func (p *proxy) pageRoutes(page *statsPage, h *statuspage.Handler) (routes []httpRoute) {
	if len(page.users) > 0 || page.realm != "" {
		routes = append(routes, httpRoute{Handle: authentication(page.realm, page.users)})
	}
	shown := p.shownPage(page, h)
	for _, r := range page.rules {
		route := httpRoute{Match: r.match(p)}
		switch r.action {
		case "allow":
			route.Handle = []map[string]any{{"handler": "subroute", "routes": shown}}
			route.Terminal = true
		case "deny":
			route.Handle = []map[string]any{{"handler": "error", "status_code": http.StatusForbidden}}
		default:
			route.Match, route.Handle = r.matchUnauthenticated(p), authentication(r.realm, r.users)
		}
		routes = append(routes, route)
	}
	return append(routes, shown...)
}

// shownPage returns the routes of the page itself.
func (p *proxy) shownPage(page *statsPage, h *statuspage.Handler) (routes []httpRoute) {
	for _, r := range page.admin {
		control := *h
		control.AllowControl = true
		routes = append(routes, httpRoute{Match: r.match(p), Handle: pageHandler(&control), Terminal: true})
	}
	return append(routes, httpRoute{Handle: pageHandler(h), Terminal: true})
}

func pageHandler(h *statuspage.Handler) []map[string]any {
	return []map[string]any{handlerObject(h, "passthrough_status")}
}

// match returns the matchers for the condition of a rule.
func (r *statsRule) match(p *proxy) []httpMatcherSet {
	switch {
	case r.members != nil:
		names := []string{}
		for _, u := range r.users {
			names = append(names, u.name)
		}
		return []httpMatcherSet{{"vars": map[string][]string{"{http.auth.user.id}": names}}}
	case r.condition != nil:
		return []httpMatcherSet{{"acl": r.condition.httpCondition(p)}}
	}
	return nil
}

// matchUnauthenticated returns the matchers for a rule auth: those of its condition, unless it is
// about the accounts, which the authentication itself decides.
func (r *statsRule) matchUnauthenticated(p *proxy) []httpMatcherSet {
	if r.members != nil {
		return nil
	}
	return r.match(p)
}

// authentication returns the handler that lets only the users pass.
func authentication(realm string, users []account) []map[string]any {
	accounts := []map[string]string{}
	for _, u := range users {
		accounts = append(accounts, map[string]string{"username": u.name, "password": u.hash})
	}
	if realm == "" {
		realm = defaultRealm
	}
	basic := map[string]any{
		"accounts": accounts, "realm": realm, "hash_cache": struct{}{},
		"hash": json.RawMessage(`{"algorithm":"passthrough_crypt"}`),
	}
	return []map[string]any{{"handler": "authentication", "providers": map[string]any{"http_basic": basic}}}
}

// redirects returns the rules that run after those of http-request.
func (p *proxy) redirects() []*httprules.Rule {
	if p.statistics == nil {
		return p.httpRules.redirects
	}
	return slices.Concat([]*httprules.Rule{p.emitPage()}, p.httpRules.redirects)
}
