// SPDX-License-Identifier: Apache-2.0

// Package l4passthrough configures frontends: the handler layer4.handlers.passthrough, which is
// the last one of its route in caddy-l4, and frontends of the app passthrough, which listen
// themselves. It checks and compiles their configuration; package frontend serves the connections.
package l4passthrough

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Defaults of a frontend.
const (
	DefaultName         = "default"
	DefaultInspectDelay = 5 * time.Second
)

// minMaxHello is less than any real client sends.
const minMaxHello = 256

// Handler is a frontend. Rules are tried in order and the first that matches wins; if none does,
// the default backend is used.
//
// A frontend of a single site needs no named backend: if it has servers of its own, they form an
// anonymous backend, which is its default backend and has its name.
type Handler struct {
	// Name of the frontend, unique in the configuration. Default: "default". If several have no name,
	// all but the first are named after their server's address.
	Name string `json:"name,omitempty"`

	// InspectDelay bounds the time for the client's ClientHello, counted from accept. Default: 5s. It
	// corresponds to HAProxy's tcp-request inspect-delay with the usual rules for it; for others see
	// Content.
	InspectDelay caddy.Duration `json:"inspect_delay,omitempty"`

	// MaxHello is the longest ClientHello in bytes, 256 to 65536. Default: 65536.
	MaxHello int `json:"max_hello,omitempty"`

	// Connection holds rules that see only addresses, before anything is read: those of the socket,
	// not of a PROXY header. Actions are accept, close, reset, drop, set_var and expect_proxy. They
	// are HAProxy's tcp-request connection.
	Connection []*rules.Rule `json:"connection,omitempty"`

	// Session holds rules of the same kind, which are tried after all of Connection, even after an
	// accept there, and after a PROXY header. They are HAProxy's tcp-request session.
	Session []*rules.Rule `json:"session,omitempty"`

	// Content holds rules about the first bytes that the client sends. They replace inspect_delay:
	// the frontend waits for what they need, as HAProxy does, and not for a ClientHello; then Rules
	// decide by the bytes that were read. They are HAProxy's tcp-request content.
	Content *rules.Config `json:"content,omitempty"`

	// Rules are tried in order; the first that matches names the backend.
	// Caddyfile: use_backend, use_backend_map, use_backend_format, and for a rule with an action
	// reject, close, reset, drop and next.
	Rules []*Rule `json:"rules,omitempty"`

	// DefaultBackend gets the connections that no rule matches.
	DefaultBackend string `json:"default_backend,omitempty"`

	// On maps outcomes to actions for connections without a backend. Outcomes are timeout, not_tls,
	// sslv2, malformed, too_large, no_match and no_server; with content only no_match and no_server.
	// Actions are reject (a TLS alert if the client spoke TLS, then close), close, reset, drop (close
	// without notifying the client), next (see Rule.Action), default (the default backend) and
	// "backend NAME". Default: reject; for sslv2 default, if there is a default backend.
	On map[string]string `json:"on,omitempty"`

	// TimeoutClient replaces timeouts.client of the backends for sessions of this frontend, and
	// applies while content waits. -1: no timeout. It is HAProxy's timeout client in a frontend.
	TimeoutClient caddy.Duration `json:"timeout_client,omitempty"`

	// TimeoutClientFin replaces timeouts.client_fin of the backends. -1: no timeout. It is HAProxy's
	// timeout client-fin in a frontend.
	TimeoutClientFin caddy.Duration `json:"timeout_client_fin,omitempty"`

	// NoLingerClient closes a client's connection at the end of its session at once and by RST, unless
	// it has been sent a FIN before: what the client has not received by then may be lost. It is
	// HAProxy's option nolinger in a frontend.
	NoLingerClient bool `json:"nolinger_client,omitempty"`

	// AcceptProxy lists sources that send PROXY headers. The first entry that has the peer's address
	// applies. In a frontend of the app, a bind with a list of its own replaces this one. Default: a
	// header is taken for the client's data.
	AcceptProxy []*AcceptProxy `json:"accept_proxy,omitempty"`

	// TimeoutProxyHeader bounds the time from accept for a PROXY header, within inspect_delay.
	// Default: inspect_delay; with content timeout_client, or 5s without one. It is HAProxy's timeout
	// client-hs.
	TimeoutProxyHeader caddy.Duration `json:"timeout_proxy_header,omitempty"`

	// UniqueID is the format of an ID for each connection, such as %[uuid()], for the log and for
	// PROXY headers to servers. It has the form of LogFormat. Default: the ID in the PROXY header
	// that the connection began with. It is HAProxy's unique-id-format.
	UniqueID string `json:"unique_id,omitempty"`

	// MaxConn bounds the frontend's concurrent connections: at that number, its listeners leave
	// further clients in the kernel's queue. All addresses must be durable. Default: 0, no limit of
	// its own. It is HAProxy's maxconn of a frontend.
	MaxConn int `json:"maxconn,omitempty"`

	// RateLimitSessions bounds the connections accepted in a second; further clients are left in the
	// kernel's queue. Those that rules of Connection and Session refuse do not count. All addresses
	// must be durable. Default: 0, no limit. It is HAProxy's rate-limit sessions.
	RateLimitSessions int `json:"rate_limit_sessions,omitempty"`

	// Limit bounds what clients may take. Default: no limits.
	Limit *Limit `json:"limit,omitempty"`

	// ID is the value of the fetch fe_id, and of be_id for the anonymous backend. It is HAProxy's id.
	ID int `json:"id,omitempty"`

	// Listeners name addresses that the frontend listens on, for the fetches so_name and so_id.
	Listeners []*Listener `json:"listeners,omitempty"`

	// Logging holds the options about the log.
	Logging

	// Backend holds the options of the anonymous backend.
	balancer.Backend

	app       *balancer.App
	placement *placement     // nil in an http server's listener wrapper
	server    *layer4.Server // that it is in; nil if it is in none
	soleOf    *layer4.Server // the server whose only route has only this handler; or nil

	names    []*Rule  // of sites; they are tried before Rules
	ownNames []string // of an http server's own sites

	logger     *zap.Logger
	connLogger *zap.Logger     // of the layer4 server; nil if it is in none
	earlyRules [2]rules.Config // of Connection and Session
	headers    frontend.HeaderPolicy
	uniqueID   *logformat.Format
	limit      *frontend.Limit
	logging    *tcplog.Options
	router     *frontend.Router
	frontend   *frontend.Frontend
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "layer4.handlers.passthrough",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision finds the backends and compiles the rules.
func (h *Handler) Provision(ctx caddy.Context) error {
	mod, err := ctx.App("passthrough")
	if err != nil {
		return fmt.Errorf("getting the passthrough app: %w", err)
	}
	app := mod.(*balancer.App)
	name, in, listen := h.findPlacement(ctx, app)
	h.Name, h.logger = name, ctx.Logger()
	if err := h.setUp(balancer.NotDurable(listen)); err != nil {
		return h.report(err)
	}
	if err := app.AddFrontend(h.Name, h.Origin, in); err != nil {
		return h.report(err)
	}
	if h.soleOf != nil && h.PassesOn() {
		return h.report(errors.New("action next: expected another handler or route behind it in its layer4 server"))
	}
	if l4 := layer4Of(ctx); l4 != nil {
		h.connLogger = ctx.Logger(l4)
	}
	if err := h.provision(ctx, app); err != nil {
		return h.report(err)
	}
	h.limitListeners(ctx)
	h.skipRoute(ctx)
	return nil
}

// setUp sets the defaults and validates the limits. plain lists the addresses that lose connections
// on reload.
func (h *Handler) setUp(plain []string) error {
	h.setDefaults()
	if len(plain) > 0 {
		h.logger.Warn("reloads lose connections at this listener: expected a durable address, such as durable/:443", zap.String("frontend", h.Name), zap.Strings("listen", plain))
	}
	return h.validateDurable(plain)
}

// report logs an error with the frontend's name and its line.
func (h *Handler) report(err error) error {
	if err == nil {
		return nil
	}
	return options.Report(h.logger, h.located(err))
}

// at adds the Caddyfile line of the i-th option of a kind to an error.
func (h *Handler) at(word string, i int, err error) error {
	return options.Locate(h.Origin.Of(word, i), err)
}

func (h *Handler) setDefaults() {
	if h.Name == "" {
		h.Name = DefaultName
	}
	if h.InspectDelay == 0 && h.Content == nil {
		h.InspectDelay = caddy.Duration(DefaultInspectDelay)
	}
	if h.MaxHello == 0 {
		h.MaxHello = clienthello.DefaultMaxHello
	}
}

// Handle serves the connection until its end, or passes it to the next handler.
func (h *Handler) Handle(cx *layer4.Connection, next layer4.Handler) error {
	if _, udp := cx.LocalAddr().(*net.UDPAddr); udp {
		return errors.New("passthrough: a datagram listener: expected a stream (TCP)")
	}
	if conn := h.frontend.ServeRouted(cx); conn != nil {
		return next.Handle(cx.Wrap(conn))
	}
	return nil
}

// Interface guards
var (
	_ caddy.Module       = (*Handler)(nil)
	_ caddy.Provisioner  = (*Handler)(nil)
	_ layer4.NextHandler = (*Handler)(nil)
)
