// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

func (h *Handler) provision(ctx caddy.Context, app *balancer.App) error {
	h.app = app
	if err := h.validate(); err != nil {
		return err
	}
	if err := h.provisionContent(ctx); err != nil {
		return err
	}
	fallback, err := h.defaultBackend(ctx, app)
	if err != nil {
		return err
	}
	if err := h.provisionRouter(ctx, fallback); err != nil {
		return err
	}
	if err := h.validateQuestions(app); err != nil {
		return err
	}
	if err := h.validateLogQuestions(); err != nil {
		return err
	}
	actions, err := newActions(app, h.On, fallback)
	if r := (*actionError)(nil); errors.As(err, &r) {
		return h.at("on."+r.outcome, 0, err)
	}
	h.frontend = frontend.New(h.config(actions))
	if err == nil {
		h.frontend.ActivateWhenRunning(ctx)
	}
	return err
}

// provisionRouter compiles the rules that pick a backend. With content, they are applied to
// whatever clients send.
func (h *Handler) provisionRouter(ctx caddy.Context, fallback *balancer.Backend) error {
	h.router = &frontend.Router{Logger: ctx.Logger(), Default: fallback, Lenient: h.Content != nil, Names: len(h.names), Place: h.placeOf}
	err := addRules(ctx, h.app, h.router, slices.Concat(h.names, h.Rules))
	if r := (*ruleError)(nil); errors.As(err, &r) && r.rule >= len(h.names) {
		return h.at("rule", r.rule-len(h.names), err)
	}
	return err
}

// placeOf returns the place of a rule, by its number.
func (h *Handler) placeOf(rule int) string { return h.Origin.Of("rule", rule-1) }

// config returns the frontend's configuration at run time.
func (h *Handler) config(actions frontend.Actions) frontend.Config {
	return frontend.Config{
		Name: h.Name, ID: h.ID, DefaultBackend: h.DefaultBackend,
		Connection: &h.earlyRules[0], Session: &h.earlyRules[1], Content: h.Content,
		InspectDelay: time.Duration(h.InspectDelay), MaxHello: h.MaxHello,
		Router: h.router, OwnNames: h.ownNames, Actions: actions,
		TimeoutClient: time.Duration(h.TimeoutClient), TimeoutClientFin: time.Duration(h.TimeoutClientFin), NoLinger: h.NoLingerClient,
		UniqueID: h.uniqueID, AcceptProxy: h.headers, HeaderTimeout: time.Duration(h.TimeoutProxyHeader),
		MaxConn: h.MaxConn, SessionRate: h.RateLimitSessions, Limit: h.limit,
		Listener: h.listener, App: h.app, Log: h.logging, Logger: h.logger, ConnLogger: h.connLogger,
	}
}

// validate validates the frontend's own options.
func (h *Handler) validate() error {
	if err := options.ValidateDuration("inspect_delay", h.InspectDelay); err != nil {
		return err
	}
	if h.MaxHello < minMaxHello || h.MaxHello > clienthello.DefaultMaxHello {
		return fmt.Errorf("max_hello %d: expected a number of bytes from %d to %d", h.MaxHello, minMaxHello, clienthello.DefaultMaxHello)
	}
	if err := h.validateLimits(); err != nil {
		return err
	}
	if h.Content != nil {
		if err := h.validateContent(); err != nil {
			return err
		}
	}
	for i, l := range h.Listeners {
		if err := l.provision(); err != nil {
			return h.at("listener", i, fmt.Errorf("listener %d: %w", i+1, err))
		}
	}
	var err error
	if h.headers, err = headerPolicy(h.AcceptProxy); err != nil {
		return h.at("accept_proxy", 0, err)
	}
	if h.uniqueID, err = h.parseFormat("unique_id", h.UniqueID); err != nil {
		return err
	}
	if h.limit, err = h.Limit.compile(h.Connection); err != nil {
		return h.at("limit", 0, err)
	}
	if h.logging, err = h.compileLogging(); err != nil {
		return err
	}
	if err := options.ValidateDuration("timeout_proxy_header", h.TimeoutProxyHeader); err != nil {
		return err
	}
	return h.validateTimeouts()
}

// validateContent checks for options that exclude content.
func (h *Handler) validateContent() error {
	if h.InspectDelay != 0 {
		return fmt.Errorf("inspect_delay %v and content are mutually exclusive: set inspect_delay inside content", time.Duration(h.InspectDelay))
	}
	for _, outcome := range slices.Sorted(maps.Keys(h.On)) {
		if r, err := reasonNamed(outcome); err == nil && r != frontend.NoMatch && r != frontend.NoServer {
			return fmt.Errorf("on %s: with content, rules decide about that: expected no_match or no_server", outcome)
		}
	}
	return nil
}

// provisionContent compiles the rules that come before those that pick a backend.
func (h *Handler) provisionContent(ctx caddy.Context) error {
	h.earlyRules[0].Rules, h.earlyRules[1].Rules = h.Connection, h.Session
	h.earlyRules[0].BeforeHeader = true
	for i, name := range []string{"connection", "session"} {
		if err := h.provisionEarly(ctx, &h.earlyRules[i], name); err != nil {
			return h.at(name, 0, fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := h.Content.Provision(ctx); err != nil {
		return h.at("content", 0, fmt.Errorf("content: %w", err))
	}
	if err := h.app.ValidateLookups(h.Content); err != nil {
		return h.at("content", 0, err)
	}
	return nil
}

// provisionEarly compiles rules that come before anything is read.
func (h *Handler) provisionEarly(ctx caddy.Context, ruleset *rules.Config, name string) error {
	if err := ruleset.Provision(ctx); err != nil {
		return err
	}
	for i, r := range ruleset.Rules {
		if r.Action == "reject" {
			return fmt.Errorf("rule %d: action reject: no TLS has been read at that time: expected close, reset or drop", i+1)
		}
		if r.Action == "do_resolve" {
			return fmt.Errorf("rule %d: action do_resolve: a connection may not wait at that time: expected it in content", i+1)
		}
		if r.NeedsRequest() {
			h.logger.Warn("a rule looks at what the client sends, but nothing has been read at that time", zap.String("frontend", h.Name), zap.String("of", name), zap.Int("rule", i+1))
		}
	}
	return nil
}

// validateBackends checks the frontend's options about backends as a whole.
func (h *Handler) validateBackends() error {
	anonymous := !h.Backend.Empty()
	switch {
	case anonymous && h.Servers == nil && (h.DefaultBackend != "" || len(h.Rules) > 0 || h.names != nil):
		return h.validateOptionsOfBackends()
	case anonymous && h.DefaultBackend != "":
		return fmt.Errorf("it has options of an anonymous backend (servers, balance ...) and default_backend %q: expected one of the two", h.DefaultBackend)
	case !anonymous && h.DefaultBackend == "" && h.names == nil && !slices.ContainsFunc(h.Rules, (*Rule).mayHaveBackend) && h.Content == nil:
		return errors.New("no backend for its connections: expected use_backend, default_backend or servers of its own")
	}
	return nil
}

// validateOptionsOfBackends returns the error for a frontend with options of a backend but without
// servers.
func (h *Handler) validateOptionsOfBackends() error {
	others := h.Backend
	others.Timeouts = balancer.Timeouts{}
	if others.Empty() {
		return errors.New("its timeouts are those of a backend, and it has no servers of its own: write them in the backends; for the client's timeout in this frontend write timeout_client")
	}
	return errors.New("it has options of a backend (balance, retries ...) and no servers of its own: write them in the backends")
}

// defaultBackend returns the backend that default_backend names, or the anonymous one, or nil.
func (h *Handler) defaultBackend(ctx caddy.Context, app *balancer.App) (*balancer.Backend, error) {
	if err := h.validateBackends(); err != nil {
		return nil, err
	}
	switch {
	case !h.Backend.Empty():
		h.Backend.ID = h.ID
		return &h.Backend, app.AddBackend(ctx, h.Name, &h.Backend)
	case h.DefaultBackend != "":
		b, err := app.Backend(h.DefaultBackend)
		if err != nil {
			return nil, h.at("default_backend", 0, fmt.Errorf("default_backend: %w", err))
		}
		return b, nil
	}
	return nil, nil
}
