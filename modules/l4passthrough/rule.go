// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// Rule sends the connections that it matches to a backend, as HAProxy's use_backend does, or ends
// them.
type Rule struct {
	// MatcherSetsRaw holds sets of layer4 matchers. A rule matches if all matchers of one set do;
	// without sets it always matches. Matchers see the bytes that have been read when the hello is
	// complete, or content has been decided; one that needs more does not match.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// UnlessRaw is the opposite of match, in place of it: the rule matches unless one of the sets
	// does.
	UnlessRaw []caddy.ModuleMap `json:"unless,omitempty" caddy:"namespace=layer4.matchers"`

	// Backend is the name of the backend. It may hold placeholders of the connection such as
	// {l4.client_hello.sni}: if the result names no backend, the connection goes to the default
	// backend and skips all later rules, as in HAProxy.
	Backend string `json:"backend,omitempty"`

	// BackendMap is a file that names a backend for each server name, in place of Backend: "NAME
	// BACKEND" on each line, where NAME has the forms of the matcher client_hello's sni. The most
	// specific name decides. The rule does not match other names. The file is read when the
	// configuration is loaded.
	BackendMap string `json:"backend_map,omitempty"`

	// BackendFormat makes the name of the backend, in place of Backend: text with sample expressions
	// such as %[req.ssl_sni,lower,map(/etc/sites.map)]. If the result names no backend, the
	// connection goes to the default backend and skips all later rules. It is a use_backend of
	// HAProxy with a dynamic name.
	BackendFormat string `json:"backend_format,omitempty"`

	// Backends, in place of Backend, distributes the connections among several backends by weight.
	// Connections for one without a usable server end as no_server; they do not go to the others.
	// Caddyfile: use_backend_split.
	Backends []*Share `json:"backends,omitempty"`

	// Action, in place of Backend, ends the connections that the rule matches: reject (a TLS alert
	// access_denied if the client spoke TLS, then close), close, reset or drop (close without
	// notifying the client). Or next: they leave the frontend, with the bytes that have been read,
	// and go to the http server whose listener it wraps, or which listens on the same durable address,
	// or in a layer4 route to the next handler.
	Action string `json:"action,omitempty"`

	name string // of a site; empty for a rule of the configuration
}

// route compiles the rule.
func (r *Rule) route(ctx caddy.Context, app *balancer.App) (*frontend.Route, error) {
	if r == nil {
		return nil, errors.New("expected an object with match, and backend or action")
	}
	target, err := r.target(app)
	if err != nil {
		return nil, err
	}
	condition, err := rules.LoadCondition(ctx, r, r.MatcherSetsRaw, r.UnlessRaw)
	return &frontend.Route{Name: r.String(), Condition: condition, Target: target}, err
}

func (r *Rule) target(app *balancer.App) (frontend.Target, error) {
	if err := r.validateTarget(); err != nil {
		return frontend.Target{}, err
	}
	switch {
	case r.hasAction():
		return frontend.Refuse(frontend.Verbs[r.Action]), validateVerb(r.Action)
	case len(r.Backends) > 0:
		return splitTarget(app, r.Backends)
	case r.BackendMap != "":
		t, err := frontend.ToMap(app, r.BackendMap)
		if err != nil {
			return t, fmt.Errorf("backend_map: %w", err)
		}
		return t, nil
	case r.BackendFormat != "":
		format, err := app.Loader().Format(r.BackendFormat)
		if err != nil {
			return frontend.Target{}, fmt.Errorf("backend_format %q: %w", r.BackendFormat, err)
		}
		return frontend.ToFormat(app, format), nil
	case balancer.IsTemplate(r.Backend):
		return frontend.ToTemplate(app, r.Backend), balancer.ValidateNameTemplate(r.Backend)
	default:
		b, err := app.Backend(r.Backend)
		return frontend.To(b), err
	}
}

// validateTarget returns an error unless the rule has exactly one target.
func (r *Rule) validateTarget() error {
	var given []string
	for _, t := range []struct{ name, value string }{
		{"backend", r.Backend},
		{"backend_map", r.BackendMap},
		{"backend_format", r.BackendFormat},
		{"backends", sharesText(r.Backends)},
		{"action", r.Action},
	} {
		if t.value != "" {
			given = append(given, fmt.Sprintf("%s %q", t.name, t.value))
		}
	}
	switch len(given) {
	case 0:
		return errors.New("it has no backend and no action")
	case 1:
		return nil
	default:
		return fmt.Errorf("it has %s: expected one of the %s", strings.Join(given, " and "), []string{2: "two", 3: "three", 4: "four", 5: "five"}[len(given)])
	}
}

// String returns the rule's name for errors.
func (r *Rule) String() string {
	switch {
	case r.name != "":
		return r.name
	case r.hasAction():
		return r.Action
	case r.BackendMap != "":
		return fmt.Sprintf("backend_map %q", r.BackendMap)
	case len(r.Backends) > 0:
		return "backends " + sharesText(r.Backends)
	case r.BackendFormat != "":
		return fmt.Sprintf("backend_format %q", r.BackendFormat)
	default:
		return fmt.Sprintf("backend %q", r.Backend)
	}
}

// hasAction reports whether the rule ends connections or passes them on.
func (r *Rule) hasAction() bool { return r.Action != "" }

// mayHaveBackend reports whether the rule sends connections to a backend, or might if it were
// valid.
func (r *Rule) mayHaveBackend() bool {
	return r == nil || !r.hasAction() || r.Backend != "" || r.BackendMap != "" || r.BackendFormat != "" || len(r.Backends) > 0
}

// addRules compiles rules and adds them to a router.
func addRules(ctx caddy.Context, app *balancer.App, to *frontend.Router, list []*Rule) error {
	for i, r := range list {
		route, err := r.route(ctx, app)
		if err != nil {
			return &ruleError{i, fmt.Errorf("rule %d: %w", i+1-to.Names, err)}
		}
		if err := to.Add(route); err != nil {
			return &ruleError{i, err}
		}
	}
	return nil
}

// ruleError is an error in a rule.
type ruleError struct {
	rule int
	error
}

func (e *ruleError) Unwrap() error { return e.error }
