// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// webServer is a server of Caddy's http app.
type webServer struct {
	Listen         []string        `json:"listen"`
	Routes         []webRoute      `json:"routes"`
	AutomaticHTTPS map[string]bool `json:"automatic_https"`
	Protocols      []string        `json:"protocols"`
}

type webRoute struct {
	Match    []webSet         `json:"match,omitempty"`
	Handle   []map[string]any `json:"handle"`
	Terminal bool             `json:"terminal,omitempty"`
}

// webSet is a set of http matchers.
type webSet map[string]any

// webServer translates a frontend of mode http. One that only shows statistics
// is none.
func (t *translation) webServer(p *proxy) *webServer {
	if !p.isFrontend() || len(p.binds) == 0 || t.unopened(p) {
		return nil
	}
	return t.newWebServer(p, t.addresses(p))
}

// newWebServer is a server that does what a frontend says, at some addresses.
func (t *translation) newWebServer(p *proxy, listen []string) *webServer {
	return &webServer{
		Listen:         listen,
		Routes:         append(t.webRoutes(p), noServer()),
		AutomaticHTTPS: map[string]bool{"disable": true},
		Protocols:      []string{"h1"},
	}
}

// webRoutes are what a frontend of mode http does, in HAProxy's order.
func (t *translation) webRoutes(p *proxy) (routes []webRoute) {
	routes = p.monitorRoutes()
	for _, r := range append(append([]redirect(nil), p.http.redirects...), p.http.late...) {
		routes = append(routes, webRoute{Match: r.cond.web(), Handle: []map[string]any{r.handler()}, Terminal: true})
	}
	for _, u := range p.uses {
		if b := t.backends[u.name]; b != nil && !b.disabled {
			routes = append(routes, webRoute{Match: u.cond.web(), Handle: t.webHandlers(b), Terminal: true})
		}
	}
	if name := t.fallback(p); name != "" {
		if b := t.backends[name]; b != nil && (b != p || len(p.servers) > 0) {
			routes = append(routes, webRoute{Handle: t.webHandlers(b), Terminal: true})
		}
	}
	return routes
}

// webHandlers are what a backend of mode http does.
func (t *translation) webHandlers(b *proxy) []map[string]any {
	var routes []webRoute
	if !b.isFrontend() { // those of a listen have been done
		routes = t.webRoutes(&proxy{kind: "frontend", http: b.http})
	}
	return []map[string]any{{"handler": "subroute", "routes": append(routes, t.toServers(b))}}
}

// toServers sends what has come through the rules to the backend's servers.
func (t *translation) toServers(b *proxy) webRoute {
	if len(b.servers) == 0 {
		return noServer()
	}
	h := httpbackend.Handler{Backend: b.name, RetryOn: b.retryOn}
	return webRoute{Handle: []map[string]any{object(&h, "handler", "passthrough_backend")}, Terminal: true}
}

// object is a module with its name, as a part of a JSON object.
func object(module any, key, name string) map[string]any {
	var o map[string]any
	_ = json.Unmarshal(caddyconfig.JSONModuleObject(module, key, name, nil), &o) // what has just been marshaled
	return o
}

// noServer is the answer where there is no server.
func noServer() webRoute {
	return webRoute{Handle: []map[string]any{{"handler": "static_response", "status_code": http.StatusServiceUnavailable}}}
}

func (r redirect) handler() map[string]any {
	return map[string]any{
		"handler":     "static_response",
		"status_code": r.code,
		"headers":     map[string][]string{"Location": {r.location}},
	}
}

// web is a condition as sets of http matchers.
func (c *condition) web() []webSet {
	if c == nil {
		return nil
	}
	var sets []webSet
	for _, group := range c.groups {
		sets = append(sets, webGroup(group)...)
	}
	if c.unless {
		return []webSet{{"not": sets}}
	}
	return sets
}

// webGroup is a group of terms, all of which must match. A set of matchers
// cannot hold two of one kind; but "not" can hold any sets, and none of several
// contraries is true exactly if all are.
func webGroup(group []term) []webSet {
	if len(group) == 1 && !group[0].not {
		return webCriteria(group[0])
	}
	var contraries []webSet
	for _, one := range group {
		if one.not {
			contraries = append(contraries, webCriteria(one)...)
		} else {
			contraries = append(contraries, webSet{"not": webCriteria(one)})
		}
	}
	return []webSet{{"not": contraries}}
}

func webCriteria(one term) (sets []webSet) {
	for _, c := range one.criteria {
		sets = append(sets, webCriterion(c))
	}
	return sets
}

// never and always are sets that match nothing and everything.
func never() webSet  { return webSet{"not": []webSet{{}}} }
func always() webSet { return webSet{} }

func webCriterion(c sample.Criterion) webSet {
	switch c.Fetch {
	case "always_true":
		return always()
	case "src":
		return webSet{"remote_ip": map[string]any{"ranges": c.Values}}
	case "method":
		return webSet{"method": c.Values}
	case "path":
		return webSet{"path_regexp": map[string]string{"pattern": webPattern(c)}}
	case "host":
		return webSet{"header_regexp": map[string]any{"Host": map[string]string{"pattern": webPattern(c)}}}
	default: // ssl_fc: TLS does not end here
		return never()
	}
}

// webPattern is what a criterion looks for as one regular expression.
func webPattern(c sample.Criterion) string {
	var alternatives []string
	for _, v := range c.Values {
		if c.Method != "reg" {
			v = regexp.QuoteMeta(v)
		}
		alternatives = append(alternatives, v)
	}
	pattern := fmt.Sprintf(httpPatterns[c.Method], strings.Join(alternatives, "|"))
	if c.IgnoreCase {
		return "(?i)" + pattern
	}
	return pattern
}
