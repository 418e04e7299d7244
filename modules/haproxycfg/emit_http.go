// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httpmonitor"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
)

// webServer is a server of Caddy's http app.
type webServer struct {
	Listen            []string        `json:"listen"`
	ReadHeaderTimeout caddy.Duration  `json:"read_header_timeout,omitempty"`
	IdleTimeout       caddy.Duration  `json:"idle_timeout,omitempty"`
	ReadIdleTimeout   caddy.Duration  `json:"read_idle_timeout,omitempty"`
	WriteIdleTimeout  caddy.Duration  `json:"write_idle_timeout,omitempty"`
	Routes            []webRoute      `json:"routes"`
	AutomaticHTTPS    map[string]bool `json:"automatic_https"`
	Protocols         []string        `json:"protocols"`
	Logs              *struct{}       `json:"logs,omitempty"`
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
	client := orForever(p.timeouts.client)
	s := &webServer{
		Listen:            listen,
		ReadHeaderTimeout: orElse(p.web.httpRequest, client),
		ReadIdleTimeout:   client,
		WriteIdleTimeout:  client,
		Routes:            append(t.webRoutes(p), noServer()),
		AutomaticHTTPS:    map[string]bool{"disable": true},
		Protocols:         []string{"h1"},
	}
	s.IdleTimeout = orElse(p.web.keepIdle, s.ReadHeaderTimeout)
	if p.web.logged {
		s.Logs = new(struct{})
	}
	return s
}

// orElse is a timeout in our words, or another one where it was not given.
func orElse(d *time.Duration, other caddy.Duration) caddy.Duration {
	if d == nil {
		return other
	}
	return orForever(d)
}

// webRoutes are what a frontend of mode http does, in HAProxy's order.
func (t *translation) webRoutes(p *proxy) []webRoute {
	routes := append(p.monitorRoutes(), webRoute{Handle: []map[string]any{p.webRules(true)}})
	for _, u := range p.uses {
		for _, name := range t.webTargets(u) {
			set := make(webSet)
			if u.cond != nil {
				set["acl"] = u.cond.web(p)
			}
			if u.dynamic {
				set["log_format"] = httprules.Format{Format: u.name, Value: name}
			}
			r := webRoute{Handle: t.webHandlers(p, t.backends[name]), Terminal: true}
			if len(set) > 0 {
				r.Match = []webSet{set}
			}
			routes = append(routes, r)
		}
	}
	if b := t.backends[t.fallback(p)]; b != nil && (b != p || len(p.servers) > 0) {
		routes = append(routes, webRoute{Handle: t.webHandlers(p, b), Terminal: true})
	}
	return routes
}

// webTargets are the backends that a rule may lead to.
func (t *translation) webTargets(u use) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(t.backends)) {
		if b := t.backends[name]; !b.disabled && b.isHTTP() && (u.dynamic || name == u.name) {
			names = append(names, name)
		}
	}
	return names
}

// webRules are the rules of a section, as a handler. The outermost of a request answers
// all errors.
func (p *proxy) webRules(outermost bool) map[string]any {
	for _, r := range p.http.request {
		if r.Action == "tarpit" {
			r.Delay = orElse(p.web.tarpit, optional(p.timeouts.connect))
		}
	}
	return object(&httprules.Handler{
		Section: p.name, Request: p.http.request, Redirect: p.http.redirects, Response: p.http.response, AfterResponse: p.http.after,
		Errors: p.web.errors, Last: outermost,
	}, "handler", "passthrough_rules")
}

// hasWebRules reports whether a backend does something with requests itself.
func (p *proxy) hasWebRules() bool {
	return len(p.http.request)+len(p.http.redirects)+len(p.http.response)+len(p.http.after)+len(p.web.errors) > 0
}

// webHandlers are what a backend of mode http does with requests of a frontend.
func (t *translation) webHandlers(p, b *proxy) []map[string]any {
	var handlers []map[string]any
	if b != p && b.hasWebRules() {
		handlers = append(handlers, b.webRules(false))
	}
	if len(b.servers) == 0 {
		return append(handlers, noServer().Handle...)
	}
	return append(handlers, object(&httpbackend.Handler{
		Backend: b.name, RetryOn: b.retryOn, ServerHeader: b.web.serverHeader,
		TLS:          t.webTLS(b),
		ForwardedFor: joined(p.web.forwardFor, b.web.forwardFor), OriginalTo: joined(p.web.originalTo, b.web.originalTo),
		CloseServer: p.web.closeServer || b.web.closeServer || p.web.closeClient || b.web.closeClient, CloseClient: p.web.closeClient || b.web.closeClient,
	}, "handler", "passthrough_backend"))
}

// joined is an option of a frontend and of a backend: the backend's words count.
func joined(front, back *httpbackend.ForwardedFor) *httpbackend.ForwardedFor {
	switch {
	case back == nil || front == back:
		return front
	case front == nil:
		return back
	}
	both := *back
	if both.Header == "" {
		both.Header = front.Header
	}
	both.Except = slices.Concat(front.Except, back.Except)
	both.IfNone = front.IfNone && back.IfNone
	return &both
}

// object is a module with its name, as a part of a JSON object.
func object(module any, key, name string) map[string]any {
	var o map[string]any
	_ = json.Unmarshal(caddyconfig.JSONModuleObject(module, key, name, nil), &o) // what has just been marshaled
	return o
}

// noServer is what becomes of a request that there is no server for.
func noServer() webRoute {
	return webRoute{Handle: []map[string]any{{"handler": "error", "status_code": http.StatusServiceUnavailable}}}
}

// monitorRoutes answer what asks whether the process is ready. They come before all
// rules.
func (p *proxy) monitorRoutes() []webRoute {
	if p.monitorURI == "" {
		return nil
	}
	h := httpmonitor.Handler{URI: p.monitorURI, Section: p.name}
	for _, c := range p.monitorFails {
		h.Fail = append(h.Fail, c.final())
	}
	return []webRoute{{Handle: []map[string]any{object(&h, "handler", "passthrough_monitor")}}}
}

// webTLS is how requests go to the servers of a backend that have ssl.
func (t *translation) webTLS(p *proxy) map[string]*checks.TLS {
	all := make(map[string]*checks.TLS)
	for _, n := range p.servers {
		if !n.ssl {
			continue
		}
		sni, _ := sniOf(n.sni)
		named := *n
		named.check.serverName = ""
		made := t.checkTLS(&named, sni, "")
		made.ALPN, made.ALPNOptional = nil, false
		all[n.name] = made
	}
	return all
}
