// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// reason is why a connection has no server.
type reason uint8

const (
	noMatch reason = iota
	noServer
	timeout
	notTLS
	sslv2
	malformed
	tooLarge
	reasons // how many there are
)

// reasonNames are the words of on.
var reasonNames = map[string]reason{
	"no_match":  noMatch,
	"no_server": noServer,
	"timeout":   timeout,
	"not_tls":   notTLS,
	"sslv2":     sslv2,
	"malformed": malformed,
	"too_large": tooLarge,
}

// reasonOf are the outcomes of an inspection that on has a word for.
var reasonOf = map[clienthello.Outcome]reason{
	clienthello.Timeout:   timeout,
	clienthello.NotTLS:    notTLS,
	clienthello.SSLv2:     sslv2,
	clienthello.Malformed: malformed,
	clienthello.TooLarge:  tooLarge,
}

// reasonNamed is the reason that a word of on stands for.
func reasonNamed(outcome string) (reason, error) {
	r, ok := reasonNames[outcome]
	if !ok {
		return 0, fmt.Errorf("on: unknown outcome %q%s", outcome, options.Suggest(outcome, slices.Collect(maps.Keys(reasonNames))))
	}
	return r, nil
}

// verb is what is done with a connection that has no server.
type verb uint8

const (
	reject verb = iota
	closeIt
	reset
	drop
	useBackend
)

var verbs = map[string]verb{
	"reject": reject,
	"close":  closeIt,
	"reset":  reset,
	"drop":   drop,
}

// String is the word for a verb; there is none for useBackend.
func (v verb) String() string { return wordFor(verbs, v) }

// String is the word for a reason.
func (r reason) String() string { return wordFor(reasonNames, r) }

func wordFor[V comparable](words map[string]V, v V) string {
	for word, stands := range words {
		if stands == v {
			return word
		}
	}
	return ""
}

// action is a verb and, for useBackend, its object.
type action struct {
	verb    verb
	backend *balancer.Backend
}

// newActions reads on. Outcomes that it does not mention are rejected, but for
// sslv2 where there is a default backend: such a hello cannot carry a name.
func newActions(app *balancer.App, on map[string]string, fallback *balancer.Backend) (actions [reasons]action, err error) {
	if fallback != nil {
		actions[sslv2] = action{useBackend, fallback}
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

func newAction(app *balancer.App, words string, fallback *balancer.Backend) (action, error) {
	if err := checkAction(words); err != nil {
		return action{}, err
	}
	word, name, _ := strings.Cut(words, " ")
	switch word {
	case "backend":
		b, err := app.Backend(name)
		return action{useBackend, b}, err
	case "default":
		if fallback == nil {
			return action{}, fmt.Errorf("action %q: expected a default_backend, or servers of the frontend's own", words)
		}
		return action{useBackend, fallback}, nil
	default:
		return action{verb: verbs[word]}, nil
	}
}

// checkRefusal says what is wrong with the action of a rule that refuses.
func checkRefusal(word string) error {
	if _, ok := verbs[word]; !ok {
		return fmt.Errorf("unknown action %q%s", word, options.Suggest(word, slices.Collect(maps.Keys(verbs))))
	}
	return nil
}

// checkAction says what is wrong with an action by itself.
func checkAction(words string) error {
	word, name, more := strings.Cut(words, " ")
	if _, ok := verbs[word]; (ok || word == "default") && !more {
		return nil
	}
	if word == "backend" && more {
		return balancer.CheckName(name)
	}
	known := append(slices.Collect(maps.Keys(verbs)), "default", "backend NAME")
	return fmt.Errorf("unknown action %q%s", words, options.Suggest(words, known))
}
