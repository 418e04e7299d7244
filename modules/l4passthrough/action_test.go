// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

func TestActions(t *testing.T) {
	app, _ := newApp(t, "web", "sorry")
	web, sorry := app.Backends["web"], app.Backends["sorry"]
	for words, want := range map[string]Action{
		"reject":        {Verb: Reject},
		"close":         {Verb: Close},
		"reset":         {Verb: Reset},
		"drop":          {Verb: Drop},
		"default":       {Verb: UseBackend, Backend: web},
		"backend web":   {Verb: UseBackend, Backend: web},
		"backend sorry": {Verb: UseBackend, Backend: sorry},
	} {
		for outcome, r := range Reasons {
			actions, err := newActions(app, map[string]string{outcome: words}, web)
			if err != nil {
				t.Errorf("on %s %s: %v", outcome, words, err)
			}
			for other, got := range actions {
				expected := map[Reason]Action{SSLv2: {Verb: UseBackend, Backend: web}} // all others reject
				expected[r] = want
				if got != expected[Reason(other)] {
					t.Errorf("on %s %s: reason %d has %+v", outcome, words, other, got)
				}
			}
		}
	}
}

// Where there is no default backend, a hello in the format of SSLv2 is rejected like
// everything that on does not mention.
func TestActionsWithoutADefaultBackend(t *testing.T) {
	app, _ := newApp(t, "web")
	actions, err := newActions(app, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for r, got := range actions {
		if got != (Action{Verb: Reject}) {
			t.Errorf("reason %d has %+v", r, got)
		}
	}
}

func TestActionsThatAreRefused(t *testing.T) {
	app, _ := newApp(t, "web", "sorry")
	for _, c := range []struct{ outcome, words, want string }{
		{"timout", "reject", `on: unknown outcome "timout"; did you mean "timeout"? (known: malformed, no_match, no_server, not_tls, sslv2, timeout, too_large)`},
		{"hello", "reject", `on: unknown outcome "hello" (known: malformed, `},
		{"client_left", "reject", `on: unknown outcome "client_left" (known: malformed, `},
		{"timeout", "rejct", `on timeout: unknown action "rejct"; did you mean "reject"? (known: backend NAME, close, default, drop, reject, reset)`},
		{"timeout", "", `on timeout: unknown action "" (known: backend NAME, `},
		{"timeout", "close now", `on timeout: unknown action "close now"; did you mean "close"? (known: backend NAME, `},
		{"timeout", "default web", `on timeout: unknown action "default web"; did you mean "default"? (known: backend NAME, `},
		{"timeout", "backend", `on timeout: unknown action "backend"; did you mean "backend NAME"? (known: backend NAME, `},
		{"timeout", "backend a b", `on timeout: name "a b": expected letters`},
		{"timeout", "backend sory", `on timeout: backend "sory" is not defined; did you mean "sorry"? (known: sorry, web)`},
		{"no_match", "default", `on no_match: action "default": expected a default_backend, or servers of the frontend's own`},
	} {
		if _, err := newActions(app, map[string]string{c.outcome: c.words}, nil); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("on %s %s:\n got %v\nwant %s", c.outcome, c.words, err, c.want)
		}
	}
}

// Every outcome that is not a hello, a client that stays and a verdict has a
// word of its own, and that word is the outcome's name.
func TestEveryOutcomeHasAWord(t *testing.T) {
	for outcome := clienthello.Pending; outcome.String() != "unknown"; outcome++ {
		r, ok := reasonOf[outcome]
		switch outcome {
		case clienthello.Pending, clienthello.Found, clienthello.ClientLeft:
			if ok {
				t.Errorf("%v has a word", outcome)
			}
		default:
			if named, known := Reasons[outcome.String()]; !ok || !known || named != r {
				t.Errorf("%v has no word", outcome)
			}
		}
	}
	if len(Reasons) != int(reasons) {
		t.Errorf("%d words for %d reasons", len(Reasons), reasons)
	}
}
