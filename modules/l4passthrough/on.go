// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// reasonNamed is the reason that a word of on stands for.
func reasonNamed(outcome string) (Reason, error) {
	r, ok := Reasons[outcome]
	if !ok {
		return 0, fmt.Errorf("on: unknown outcome %q%s", outcome, options.Suggest(outcome, slices.Collect(maps.Keys(Reasons))))
	}
	return r, nil
}

// newActions reads on. Outcomes that it does not mention are rejected, but for
// sslv2 where there is a default backend: such a hello cannot carry a name.
func newActions(app *balancer.App, on map[string]string, fallback *balancer.Backend) (actions Actions, err error) {
	if fallback != nil {
		actions[SSLv2] = Action{UseBackend, fallback}
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

// actionError is what is wrong with the action of an outcome.
type actionError struct {
	outcome string
	error
}

func (e *actionError) Unwrap() error { return e.error }

func newAction(app *balancer.App, words string, fallback *balancer.Backend) (Action, error) {
	if err := checkAction(words); err != nil {
		return Action{}, err
	}
	word, name, _ := strings.Cut(words, " ")
	switch word {
	case "backend":
		b, err := app.Backend(name)
		return Action{UseBackend, b}, err
	case "default":
		if fallback == nil {
			return Action{}, fmt.Errorf("action %q: expected a default_backend, or servers of the frontend's own", words)
		}
		return Action{UseBackend, fallback}, nil
	default:
		return Action{Verb: Verbs[word]}, nil
	}
}

// checkRefusal says what is wrong with the action of a rule that refuses.
func checkRefusal(word string) error {
	if _, ok := Verbs[word]; !ok {
		return fmt.Errorf("unknown action %q%s", word, options.Suggest(word, slices.Collect(maps.Keys(Verbs))))
	}
	return nil
}

// checkAction says what is wrong with an action by itself.
func checkAction(words string) error {
	word, name, more := strings.Cut(words, " ")
	if _, ok := Verbs[word]; (ok || word == "default") && !more {
		return nil
	}
	if word == "backend" && more {
		return balancer.CheckName(name)
	}
	known := append(slices.Collect(maps.Keys(Verbs)), "default", "backend NAME")
	return fmt.Errorf("unknown action %q%s", words, options.Suggest(words, known))
}
