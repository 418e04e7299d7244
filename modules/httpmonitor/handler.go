// SPDX-License-Identifier: Apache-2.0

// Package httpmonitor is the HTTP handler http.handlers.passthrough_monitor: it reports to a
// monitor, such as a load balancer in front or Kubernetes, whether this process is ready. It
// answers requests for one target with 200 or, if one of its conditions is true, with 503; all
// others go on to the next handler. A condition looks at the backends, servers and frontends of the
// process, and at the request. It is HAProxy's monitor-uri with monitor fail.
package httpmonitor

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler answers the requests of a monitor, and keeps them out of access logs.
type Handler struct {
	// URI is the target of these requests, with its query if it has one; case matters. Required. If it
	// begins with a slash, the scheme and host of a request's target are ignored.
	URI string `json:"uri"`

	// Fail are conditions: if one of them is true, the answer is 503.
	Fail []*sample.Condition `json:"fail,omitempty"`

	// Section is the frontend or backend for fetches without a name.
	Section string `json:"section,omitempty"`

	app *balancer.App
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.passthrough_monitor",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision compiles the conditions.
func (h *Handler) Provision(ctx caddy.Context) error {
	if h.URI == "" {
		return errors.New("it has no uri: expected the target of a monitor's requests, such as /healthz")
	}
	loader := patternfiles.HTTPLoader(ctx)
	asks := false
	for i, c := range h.Fail {
		if c == nil {
			return fmt.Errorf("fail: condition %d: expected an object with any", i+1)
		}
		if len(c.Any) == 0 {
			return fmt.Errorf("fail: condition %d: it asks nothing: expected a group of terms in any", i+1)
		}
		if err := c.Load(loader); err != nil {
			return fmt.Errorf("fail: condition %d: %w", i+1, err)
		}
		asks = asks || len(c.Questions()) > 0
	}
	if !asks {
		return nil
	}
	mod, err := ctx.App("passthrough")
	if err != nil {
		return fmt.Errorf("getting the passthrough app: %w", err)
	}
	h.app = mod.(*balancer.App)
	return h.validateQuestions()
}

// validateQuestions returns an error if a condition asks about a backend that does not exist.
func (h *Handler) validateQuestions() error {
	for i, c := range h.Fail {
		for _, q := range c.Questions() {
			if q.Proxy == "" {
				q.Proxy = h.Section
			}
			if q.About != sample.ObjectBackend && q.About != sample.ObjectServer {
				continue
			}
			if _, err := h.app.Backend(q.Proxy); err != nil {
				return fmt.Errorf("fail: condition %d: %s: %w", i+1, q.Fetch, err)
			}
		}
	}
	return nil
}

// The bodies are HAProxy's.
const (
	ready    = "<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n"
	notReady = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)

// ServeHTTP answers a monitor.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !h.isFor(r.RequestURI) {
		return next.ServeHTTP(w, r)
	}
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	status, body := http.StatusOK, ready
	if h.fails(r) {
		status, body = http.StatusServiceUnavailable, notReady
	}
	header := w.Header()
	header.Set("Content-Type", "text/html")
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
	return nil
}

// isFor reports whether a request's target is the monitor's.
func (h *Handler) isFor(target string) bool {
	if _, rest, absolute := strings.Cut(target, "://"); absolute && h.URI[0] == '/' && target[0] != '/' {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			target = rest[slash:]
		}
	}
	return target == h.URI
}

func (h *Handler) fails(r *http.Request) bool {
	if len(h.Fail) == 0 {
		return false
	}
	in := &sample.Input{Final: true, HTTP: &sample.HTTP{Request: r}, State: frontend.AppState{App: h.app, Section: h.Section}}
	in.Source, _ = netip.ParseAddrPort(r.RemoteAddr)
	in.Source = netip.AddrPortFrom(in.Source.Addr().Unmap(), in.Source.Port())
	for _, c := range h.Fail {
		if c.Match(in) {
			return true
		}
	}
	return false
}

// Interface guards
var (
	_ caddy.Module                = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
