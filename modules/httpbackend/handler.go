// SPDX-License-Identifier: Apache-2.0

// Package httpbackend is the HTTP handler http.handlers.passthrough_backend: it sends requests of
// Caddy's http app to the servers of a backend of the app passthrough. Each request takes a lease,
// as a connection in TCP mode does, so that checks, weights, backups, limits, queues, retries and
// counts work alike and are shared with frontends that pass TLS through. Servers are spoken to in
// HTTP/1.1, over connections that are kept and shared. Nothing is added to a request or a response
// unless an option says so.
package httpbackend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/httprules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler sends requests to the servers of a backend. If there is no server or it fails, it returns
// an error with a status: 503 if no server is usable, free in time, or accepts a connection; 502 if
// the server's answer is not HTTP; 504 if there is no answer within the backend's timeouts.server.
type Handler struct {
	// Backend is the name of a backend of the app passthrough. Required.
	Backend string `json:"backend"`

	// TLS has the TLS options of servers, by name; "*" stands for all others. Default: requests are
	// sent in plain text.
	TLS map[string]*checks.TLS `json:"tls,omitempty"`

	// ForwardedFor adds the client's address to each request. It is HAProxy's option
	// forwardfor.
	ForwardedFor *ForwardedFor `json:"forwarded_for,omitempty"`

	// OriginalTo adds the address that the client connected to. It is HAProxy's option originalto.
	OriginalTo *ForwardedFor `json:"original_to,omitempty"`

	// ServerHeader is the name of a header in which a server gets its own name. It is HAProxy's
	// http-send-name-header.
	ServerHeader string `json:"server_header,omitempty"`

	// RetryOn are the failures after which a request is sent again: conn_failure, empty_response,
	// junk_response, response_timeout, statuses (401, 403, 404, 408, 421, 425, 429, 500 to 504),
	// all_retryable_errors or none. A body that is longer than 16 KiB, or of unknown length, is not
	// sent again. Default: conn_failure. It is HAProxy's retry-on.
	RetryOn []string `json:"retry_on,omitempty"`

	// CloseServer closes each connection to a server after one request. It is HAProxy's option
	// http-server-close.
	CloseServer bool `json:"close_server,omitempty"`

	// CloseClient closes the client's connection after each response. It is HAProxy's option
	// httpclose.
	CloseClient bool `json:"close_client,omitempty"`

	// Origin is the handler's position in a Caddyfile. The Caddyfile adapter sets it; it is only used
	// in errors.
	Origin options.Origin `json:"origin,omitempty"`

	backend   *balancer.Backend
	logger    *zap.Logger
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	retryOn   retryOn
}

// idleTimeout is the time for which an unused connection to a server is kept, as in HAProxy
// (pool-purge-delay).
const idleTimeout = 5 * time.Second

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.passthrough_backend",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision finds the backend and prepares the transport.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	mod, err := ctx.App("passthrough")
	if err != nil {
		return fmt.Errorf("getting the passthrough app: %w", err)
	}
	if err := h.provision(mod.(*balancer.App)); err != nil {
		return options.Report(h.logger, options.Locate(h.Origin.Block(), fmt.Errorf("passthrough_backend: %w", err)))
	}
	return nil
}

func (h *Handler) provision(app *balancer.App) (err error) {
	if h.backend, err = app.Backend(h.Backend); err != nil {
		return err
	}
	if err := cmp.Or(h.validateServers(), h.validateHeaders()); err != nil {
		return err
	}
	if err := h.prepareTLS(); err != nil {
		return err
	}
	if h.retryOn, err = parseRetryOn(h.RetryOn); err != nil {
		return err
	}
	for _, f := range []*ForwardedFor{h.ForwardedFor, h.OriginalTo} {
		if err := f.provision(); err != nil {
			return err
		}
	}
	h.transport = h.newTransport()
	h.proxy = &httputil.ReverseProxy{
		Rewrite:        h.rewrite,
		Transport:      roundTripper{},
		FlushInterval:  -1,
		BufferPool:     &buffers,
		ModifyResponse: h.modifyResponse,
		ErrorHandler:   noteError,
		ErrorLog:       zap.NewStdLog(h.logger.Named("stdlib")),
	}
	return nil
}

// validateServers returns an error for a backend that needs a connection passed through.
func (h *Handler) validateServers() error {
	if len(h.backend.UseServer) > 0 {
		return fmt.Errorf("backend %q: rules of use_server look at a connection's first bytes, and are not available over HTTP: expected a backend for each such server", h.Backend)
	}
	if h.backend.Preconnect > 0 {
		return fmt.Errorf("backend %q: preconnect: over HTTP, connections are kept and shared: expected it in backends that connections are passed through to", h.Backend)
	}
	for _, s := range h.backend.Servers {
		if balancer.HasRelativePort(s.Address) {
			return fmt.Errorf("backend %q: server %q: address %q: a port relative to the client's is not available over HTTP", h.Backend, s.Name, s.Address)
		}
		if balancer.DependsOnClient(s.Address) {
			return fmt.Errorf("backend %q: server %q: address %q: what depends on a connection is not available over HTTP", h.Backend, s.Name, s.Address)
		}
	}
	return nil
}

// prepareTLS validates the TLS options of servers and reads the files that they name.
func (h *Handler) prepareTLS() error {
	if err := h.validateSources(); err != nil {
		return err
	}
	for name, t := range h.TLS {
		if t == nil {
			return fmt.Errorf("tls of server %q: expected an object", name)
		}
		if err := t.Prepare(); err != nil {
			return fmt.Errorf("tls of server %q: %w", name, err)
		}
	}
	return nil
}

// newTransport returns the transport to the servers of the backend.
func (h *Handler) newTransport() *http.Transport {
	return &http.Transport{
		DialContext:           dial,
		DisableCompression:    true,
		DisableKeepAlives:     h.CloseServer,
		MaxIdleConnsPerHost:   1 << 20, // the servers' maxconn is the limit
		IdleConnTimeout:       idleTimeout,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: max(0, time.Duration(h.backend.Timeouts.Server)),
	}
}

// validateSources reports servers that are to see the client's address.
func (h *Handler) validateSources() error {
	for _, s := range h.backend.Pool().Servers() {
		if o := h.backend.Socket(s); o != nil && (o.Transparent == relay.TransparentClient || o.Transparent == relay.TransparentClientIP) {
			return fmt.Errorf("backend %q: server %q: transparent: the client's address is not available over HTTP, where clients share connections: expected source, or forwarded_for", h.Backend, s.Name)
		}
	}
	return nil
}

// Cleanup closes unused connections to servers.
func (h *Handler) Cleanup() error {
	if h.transport != nil {
		h.transport.CloseIdleConnections()
	}
	return nil
}

// ServeHTTP sends the request to a server and passes the response on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	x := newExchange(h, r)
	inFlight.add(x)
	defer inFlight.remove(x)
	defer x.end()
	w.Header().Del("Server") // added by Caddy: the response is the server's
	h.proxy.ServeHTTP(w, r.WithContext(context.WithValue(x.ctx, exchangeKey{}, x)))
	if x.err == nil {
		return nil
	}
	if refused := (caddyhttp.HandlerError{}); errors.As(x.err, &refused) {
		return refused
	}
	if r.Context().Err() != nil && context.Cause(x.ctx) != errShutdown { //nolint:errorlint // it is the very one
		h.logger.Debug("the client has left before the response", zap.String("backend", h.Backend), zap.Error(x.err))
		return nil
	}
	return caddyhttp.Error(status(x.err), fmt.Errorf("backend %q%s: %w", h.Backend, x.triedServer(), x.err))
}

// noteError records the reason for a missing response.
func noteError(_ http.ResponseWriter, r *http.Request, err error) {
	exchangeOf(r.Context()).err = err
}

// status returns the status for a request without a response, as in HAProxy.
func status(err error) int {
	var timeout net.Error
	client, byClient := errors.AsType[*clientError](err)
	switch {
	case byClient:
		return client.status()
	case isNoServer(err), isConnectError(err):
		return http.StatusServiceUnavailable
	case errors.As(err, &timeout) && timeout.Timeout():
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// modifyResponse applies rules and options to a response.
func (h *Handler) modifyResponse(r *http.Response) error {
	if err := httprules.Of(exchangeOf(r.Request.Context()).in).Respond(r); err != nil {
		return err
	}
	if h.CloseClient && r.StatusCode != http.StatusSwitchingProtocols {
		r.Header.Set("Connection", "close")
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
