// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Rule is a line of http-request, http-response, http-after-response or redirect.
type Rule struct {
	// Action is allow, deny, tarpit, return, redirect, reject, set_header, add_header, del_header,
	// replace_header, replace_value, set_method, set_path, set_pathq, set_query, set_uri,
	// replace_path, replace_pathq, replace_uri, set_status, set_var, set_var_fmt, unset_var,
	// set_priority_class, set_priority_offset or use_service: HAProxy's words, with underscores
	// for hyphens. Required.
	Action string `json:"action"`

	// If is the condition of the rule. Default: always.
	If *Condition `json:"if,omitempty"`

	// Name is the name of a header or variable.
	Name string `json:"name,omitempty"`

	// Method is the way in which del_header compares names: str, beg, end, sub or reg.
	Method string `json:"method,omitempty"`

	// Pattern is a regular expression; Value may refer to its groups as \1.
	Pattern string `json:"pattern,omitempty"`

	// Value is a log format; for set_var it is an expression, and for priorities a number or an
	// expression.
	Value string `json:"value,omitempty"`

	// Reply is the response of deny and return.
	Reply *Reply `json:"reply,omitempty"`

	// Redirect is the response of redirect.
	Redirect *Redirect `json:"redirect,omitempty"`

	// Service is the HTTP handler that answers instead of a server, for use_service.
	Service json.RawMessage `json:"service,omitempty" caddy:"namespace=http.handlers inline_key=handler"`

	// Status is the status that set_status sets.
	Status int `json:"status,omitempty"`

	// Delay is the time that tarpit waits before it answers.
	Delay caddy.Duration `json:"delay,omitempty"`

	// Origin is the rule's line in a haproxy.cfg, for the log.
	Origin string `json:"origin,omitempty"`

	value      *sample.Format
	expression *sample.Expression
	pattern    *regexp.Regexp
	service    caddyhttp.MiddlewareHandler
}

func (r *Rule) provision(loader *sample.Loader) error {
	a, known := actions[r.Action]
	if !known {
		return fmt.Errorf("unknown action%s", options.Suggest(r.Action, slices.Sorted(maps.Keys(actions))))
	}
	if r.If != nil {
		if err := r.If.Load(loader); err != nil {
			return err
		}
	}
	if a.requires&requiresName != 0 && r.Name == "" {
		return errors.New("expected a name")
	}
	if err := r.compile(loader, a.requires); err != nil {
		return err
	}
	if r.Reply == nil && slices.Contains([]string{"deny", "tarpit", "return"}, r.Action) {
		r.Reply = new(Reply)
	}
	if err := r.Reply.provision(loader); err != nil {
		return err
	}
	if r.Action == "redirect" {
		return r.Redirect.provision(loader)
	}
	return nil
}

// loadService loads the handler of use_service.
func (r *Rule) loadService(ctx caddy.Context) error {
	switch {
	case r.Action != "use_service":
		return nil
	case r.Service == nil:
		return errors.New("expected a service, which is an HTTP handler")
	}
	mod, err := ctx.LoadModule(r, "Service")
	if err != nil {
		return fmt.Errorf("loading service: %w", err)
	}
	r.service = mod.(caddyhttp.MiddlewareHandler)
	return nil
}

// compile compiles the value and the pattern, if the action requires them.
func (r *Rule) compile(loader *sample.Loader, requires required) (err error) {
	switch {
	case r.Action == "set_var":
		r.expression, err = loader.Expression(r.Value)
	case r.Action == "set_priority_class", r.Action == "set_priority_offset":
		r.expression, err = rules.CompilePriority(loader, r.Action, r.Value)
	case requires&requiresValue != 0:
		r.value, err = loader.Format(r.Value)
	}
	switch {
	case err != nil:
	case r.Method == "reg":
		r.pattern, err = regexp.Compile(r.Name)
	case requires&requiresPattern != 0:
		r.pattern, err = regexp.Compile(r.Pattern)
	}
	return err
}
