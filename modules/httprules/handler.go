// SPDX-License-Identifier: Apache-2.0

// Package httprules implements the rules of HAProxy's mode http on Caddy's http app: the handler
// http.handlers.passthrough_rules changes, answers and denies requests as http-request does,
// changes responses as http-response does, and gives errors the bodies of errorfile; the matcher
// http.matchers.acl is a condition. Expressions are HAProxy's, from package sample. The config
// adapter writes these modules: a Caddyfile has directives of its own for all this.
package httprules

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler applies the rules of a section in mode http.
type Handler struct {
	// Section is the name of the section, for expressions without a name.
	Section string `json:"section,omitempty"`

	// Request are the rules for requests, in order. It is HAProxy's http-request.
	Request []*Rule `json:"request,omitempty"`

	// Redirect are rules that run after them, even if one has ended them. It is HAProxy's redirect; a
	// use_service among them is HAProxy's page with statistics.
	Redirect []*Rule `json:"redirect,omitempty"`

	// Response are the rules for responses of servers; those of a backend run before those of a
	// frontend. It is HAProxy's http-response.
	Response []*Rule `json:"response,omitempty"`

	// AfterResponse are the rules for all responses, including the proxy's own. It is HAProxy's
	// http-after-response.
	AfterResponse []*Rule `json:"after_response,omitempty"`

	// Errors are the replies to requests that cannot be served, by status. Default: the status and a
	// line of HTML. It is HAProxy's errorfile and http-error.
	Errors map[int]*Reply `json:"errors,omitempty"`

	// Last makes the handler reply to every error that reaches it.
	Last bool `json:"last,omitempty"`

	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.passthrough_rules",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision compiles the rules and reads their files.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	loader := patternfiles.HTTPLoader(ctx)
	for _, list := range []struct {
		name  string
		rules []*Rule
	}{{"request", h.Request}, {"redirect", h.Redirect}, {"response", h.Response}, {"after_response", h.AfterResponse}} {
		for i, r := range list.rules {
			if r == nil {
				return fmt.Errorf("passthrough_rules: %s: rule %d: expected an object with an action", list.name, i+1)
			}
			if r.Action == "use_service" && list.name != "request" && list.name != "redirect" {
				return fmt.Errorf("passthrough_rules: %s: rule %d: use_service is for rules of request and redirect", list.name, i+1)
			}
			if err := errors.Join(r.provision(loader), r.loadService(ctx)); err != nil {
				return fmt.Errorf("passthrough_rules: %s: rule %d %q: %w", list.name, i+1, r.Action, err)
			}
		}
	}
	for status, reply := range h.Errors {
		if err := reply.provision(loader); err != nil {
			return fmt.Errorf("passthrough_rules: errors: %d: %w", status, err)
		}
	}
	return nil
}

// ServeHTTP applies the rules, and calls next for requests that they do not answer.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	t := Of(r)
	t.request = r
	w.Header().Del("Server") // added by Caddy; HAProxy adds none
	t.responses = append(t.responses, ruleSet{h.Section, h.Response})
	if len(h.AfterResponse) > 0 {
		w = &afterWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, transaction: t, section: ruleSet{h.Section, h.AfterResponse}}
	}
	err := h.serve(w, r, t, next)
	if err == nil || errors.Is(err, http.ErrAbortHandler) {
		return err
	}
	return h.answerError(w, t, err)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, t *Transaction, next caddyhttp.Handler) error {
	for i, rules := range [][]*Rule{h.Request, h.Redirect} {
		answer, err := t.run(ruleSet{h.Section, rules})
		switch {
		case err != nil:
			return err
		case answer != nil && answer.service != nil && i == 1: // without the rules for responses
			return answer.service.ServeHTTP(w, r, next)
		case answer != nil && answer.service != nil:
			return t.serve(w, r, answer.service, next)
		case answer != nil:
			t.write(w, answer)
			return nil
		}
	}
	return next.ServeHTTP(w, r)
}

// answerError replies to a request that could not be served, or returns the error for the handler
// before this one.
func (h *Handler) answerError(w http.ResponseWriter, t *Transaction, err error) error {
	status := http.StatusInternalServerError
	if e, ok := errors.AsType[caddyhttp.HandlerError](err); ok && e.StatusCode != 0 {
		status = e.StatusCode
	}
	reply := h.Errors[status]
	if reply == nil && !h.Last {
		return err
	}
	if denied := (*deniedError)(nil); !errors.As(err, &denied) && status != http.StatusUnauthorized {
		h.logger.Warn("request failed", zap.Int("status", status), zap.String("client", t.request.RemoteAddr), zap.String("method", t.request.Method), zap.String("target", printable.Text(t.request.RequestURI)), zap.Error(err))
	}
	if reply == nil {
		reply = defaultReply(status)
	}
	answer := reply.answer(&t.input, status)
	if answer == nil { // an empty errorfile
		panic(http.ErrAbortHandler)
	}
	t.write(w, answer)
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
