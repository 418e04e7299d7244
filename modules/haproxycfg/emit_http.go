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

// httpServer is a server of Caddy's http app.
type httpServer struct {
	Listen            []string        `json:"listen"`
	ListenerWrappers  []any           `json:"listener_wrappers,omitempty"`
	ReadHeaderTimeout caddy.Duration  `json:"read_header_timeout,omitempty"`
	IdleTimeout       caddy.Duration  `json:"idle_timeout,omitempty"`
	ReadIdleTimeout   caddy.Duration  `json:"read_idle_timeout,omitempty"`
	WriteIdleTimeout  caddy.Duration  `json:"write_idle_timeout,omitempty"`
	Routes            []httpRoute     `json:"routes"`
	AutomaticHTTPS    map[string]bool `json:"automatic_https"`
	Protocols         []string        `json:"protocols"`
	Logs              *accessLog      `json:"logs,omitempty"`
	TLS               []tlsPolicy     `json:"tls_connection_policies,omitempty"`
	StrictSNIHost     *bool           `json:"strict_sni_host,omitempty"`
}

type httpRoute struct {
	Match    []httpMatcherSet `json:"match,omitempty"`
	Handle   []map[string]any `json:"handle"`
	Terminal bool             `json:"terminal,omitempty"`
}

// httpMatcherSet is a set of HTTP matchers.
type httpMatcherSet map[string]any

// newHTTPServer returns a server that does what a frontend says, listening at the given addresses.
func (t *translation) newHTTPServer(p *proxy, listen []string) *httpServer {
	client := durationOrForever(p.timeouts.client)
	s := &httpServer{
		Listen:            listen,
		ReadHeaderTimeout: durationOr(p.httpOptions.httpRequest, client),
		ReadIdleTimeout:   client,
		WriteIdleTimeout:  client,
		Routes:            append(t.emitHTTPRoutes(p), noServerRoute()),
		AutomaticHTTPS:    map[string]bool{"disable": true},
		Protocols:         []string{"h1"},
	}
	s.IdleTimeout = durationOr(p.httpOptions.keepIdle, s.ReadHeaderTimeout)
	if len(p.targets) > 0 {
		s.Logs = &accessLog{p.name}
	}
	return s
}

// durationOr returns a timeout, or another one if it was not given.
func durationOr(d *time.Duration, other caddy.Duration) caddy.Duration {
	if d == nil {
		return other
	}
	return durationOrForever(d)
}

// emitHTTPRoutes returns the routes of a frontend in mode http, in HAProxy's order.
func (t *translation) emitHTTPRoutes(p *proxy) []httpRoute {
	routes := append(p.monitorRoutes(), httpRoute{Handle: []map[string]any{p.rulesHandler(true)}})
	for _, u := range p.useBackend {
		for _, name := range t.httpBackends(u) {
			set := make(httpMatcherSet)
			if u.cond != nil {
				set["acl"] = u.cond.httpCondition(p)
			}
			if u.dynamic {
				set["log_format"] = httprules.Format{Format: u.name, Value: name}
			}
			r := httpRoute{Handle: t.emitHTTPHandlers(p, t.backends[name]), Terminal: true}
			if len(set) > 0 {
				r.Match = []httpMatcherSet{set}
			}
			routes = append(routes, r)
		}
	}
	if b := t.backends[t.defaultBackendOf(p)]; b != nil && (b != p || len(p.servers) > 0) {
		routes = append(routes, httpRoute{Handle: t.emitHTTPHandlers(p, b), Terminal: true})
	}
	return routes
}

// httpBackends returns the names of the backends that a rule may choose.
func (t *translation) httpBackends(u useRule) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(t.backends)) {
		if b := t.backends[name]; !b.disabled && b.isHTTP() && (u.dynamic || name == u.name) {
			names = append(names, name)
		}
	}
	return names
}

// rulesHandler returns the handler for the rules of a section. The outermost handler of a request
// also answers all errors.
func (p *proxy) rulesHandler(outermost bool) map[string]any {
	for _, r := range p.httpRules.request {
		if r.Action == "tarpit" {
			r.Delay = durationOr(p.httpOptions.tarpit, optionalDuration(p.timeouts.connect))
		}
	}
	return handlerObject(&httprules.Handler{
		Section: p.name, Request: p.httpRules.request, Redirect: p.redirects(), Response: p.httpRules.response, AfterResponse: p.httpRules.after,
		Errors: p.httpOptions.errors, Last: outermost,
	}, "passthrough_rules")
}

// hasHTTPRules reports whether a backend has rules for requests or responses.
func (p *proxy) hasHTTPRules() bool {
	return p.statistics != nil || len(p.httpRules.request)+len(p.httpRules.redirects)+len(p.httpRules.response)+len(p.httpRules.after)+len(p.httpOptions.errors) > 0
}

// emitHTTPHandlers returns the handlers of a backend in mode http for requests of a frontend.
func (t *translation) emitHTTPHandlers(p, b *proxy) []map[string]any {
	var handlers []map[string]any
	if b != p && b.hasHTTPRules() {
		handlers = append(handlers, b.rulesHandler(false))
	}
	if len(b.servers) == 0 {
		return append(handlers, noServerRoute().Handle...)
	}
	return append(handlers, handlerObject(&httpbackend.Handler{
		Backend: b.name, RetryOn: b.retryOn, ServerHeader: b.httpOptions.serverHeader,
		TLS:          t.emitHTTPTLS(b),
		ForwardedFor: mergeForwardedFor(p.httpOptions.forwardFor, b.httpOptions.forwardFor), OriginalTo: mergeForwardedFor(p.httpOptions.originalTo, b.httpOptions.originalTo),
		CloseServer: p.httpOptions.closeServer || b.httpOptions.closeServer || p.httpOptions.closeClient || b.httpOptions.closeClient, CloseClient: p.httpOptions.closeClient || b.httpOptions.closeClient,
	}, "passthrough_backend"))
}

// mergeForwardedFor merges the option of a frontend and of a backend. The backend's takes
// precedence.
func mergeForwardedFor(front, back *httpbackend.ForwardedFor) *httpbackend.ForwardedFor {
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

// handlerObject returns an HTTP handler with its name as a part of a JSON object.
func handlerObject(module any, name string) map[string]any {
	var o map[string]any
	_ = json.Unmarshal(caddyconfig.JSONModuleObject(module, "handler", name, nil), &o)
	return o
}

// noServerRoute returns the route for requests that no server takes.
func noServerRoute() httpRoute {
	return httpRoute{Handle: []map[string]any{{"handler": "error", "status_code": http.StatusServiceUnavailable}}}
}

// monitorRoutes returns the routes that answer readiness checks. They come before all rules.
func (p *proxy) monitorRoutes() []httpRoute {
	if p.monitorURI == "" {
		return nil
	}
	h := httpmonitor.Handler{URI: p.monitorURI, Section: p.name}
	for _, c := range p.monitorFails {
		h.Fail = append(h.Fail, c.sampleCondition())
	}
	return []httpRoute{{Handle: []map[string]any{handlerObject(&h, "passthrough_monitor")}}}
}

// emitHTTPTLS returns the TLS settings for requests to the servers that have ssl, by name.
func (t *translation) emitHTTPTLS(p *proxy) map[string]*checks.TLS {
	all := make(map[string]*checks.TLS)
	for _, n := range p.servers {
		if !n.ssl {
			continue
		}
		sni, _ := sniOf(n.sni)
		named := *n
		named.check.serverName = ""
		made := t.emitCheckTLS(&named, sni, "")
		made.ALPN, made.ALPNOptional = nil, false
		all[n.Name] = made
	}
	return all
}
