// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// reasonNamed returns the reason for an outcome of on.
func reasonNamed(outcome string) (frontend.Reason, error) {
	r, ok := frontend.Reasons[outcome]
	if !ok {
		return 0, fmt.Errorf("on: unknown outcome %q%s", outcome, options.Suggest(outcome, slices.Collect(maps.Keys(frontend.Reasons))))
	}
	return r, nil
}

// newActions parses on. Other outcomes are rejected, except sslv2 if there is a default backend:
// such a hello cannot carry a name.
func newActions(app *balancer.App, on map[string]string, fallback *balancer.Backend) (actions frontend.Actions, err error) {
	if fallback != nil {
		actions[frontend.SSLv2] = frontend.Action{Verb: frontend.UseBackend, Backend: fallback}
	}
	for _, outcome := range slices.Sorted(maps.Keys(on)) {
		r, err := reasonNamed(outcome)
		if err != nil {
			return actions, err
		}
		if actions[r], err = newAction(app, on[outcome], fallback); err != nil {
			return actions, &actionError{outcome, fmt.Errorf("on %s: %w", outcome, err)}
		}
	}
	return actions, nil
}

// actionError is an error in the action of an outcome.
type actionError struct {
	outcome string
	error
}

func (e *actionError) Unwrap() error { return e.error }

func newAction(app *balancer.App, words string, fallback *balancer.Backend) (frontend.Action, error) {
	if err := validateAction(words); err != nil {
		return frontend.Action{}, err
	}
	word, name, _ := strings.Cut(words, " ")
	switch word {
	case "backend":
		b, err := app.Backend(name)
		return frontend.Action{Verb: frontend.UseBackend, Backend: b}, err
	case "default":
		if fallback == nil {
			return frontend.Action{}, fmt.Errorf("action %q: expected a default_backend, or servers of the frontend's own", words)
		}
		return frontend.Action{Verb: frontend.UseBackend, Backend: fallback}, nil
	default:
		return frontend.Action{Verb: frontend.Verbs[word]}, nil
	}
}

// validateVerb checks the action of a rule.
func validateVerb(word string) error {
	if _, ok := frontend.Verbs[word]; !ok {
		return fmt.Errorf("unknown action %q%s", word, options.Suggest(word, slices.Collect(maps.Keys(frontend.Verbs))))
	}
	return nil
}

// validateAction checks an action without its backend.
func validateAction(words string) error {
	word, name, more := strings.Cut(words, " ")
	if _, ok := frontend.Verbs[word]; (ok || word == "default") && !more {
		return nil
	}
	if word == "backend" && more {
		return balancer.ValidateName(name)
	}
	known := append(slices.Collect(maps.Keys(frontend.Verbs)), "default", "backend NAME")
	return fmt.Errorf("unknown action %q%s", words, options.Suggest(words, known))
}

// PassesOn reports whether the frontend passes connections on: whether a rule or an outcome has the
// action next.
func (h *Handler) PassesOn() bool {
	next := frontend.Next.String()
	return slices.Contains(slices.Collect(maps.Values(h.On)), next) ||
		slices.ContainsFunc(h.Rules, func(r *Rule) bool { return r != nil && r.Action == next })
}
