// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

func TestActions(t *testing.T) {
	app, _ := newApp(t, "web", "sorry")
	web, sorry := app.Backends["web"], app.Backends["sorry"]
	for words, want := range map[string]frontend.Action{
		"reject":        {Verb: frontend.Reject},
		"close":         {Verb: frontend.Close},
		"reset":         {Verb: frontend.Reset},
		"drop":          {Verb: frontend.Drop},
		"default":       {Verb: frontend.UseBackend, Backend: web},
		"backend web":   {Verb: frontend.UseBackend, Backend: web},
		"backend sorry": {Verb: frontend.UseBackend, Backend: sorry},
	} {
		for outcome, r := range frontend.Reasons {
			actions, err := newActions(app, map[string]string{outcome: words}, web)
			if err != nil {
				t.Errorf("on %s %s: %v", outcome, words, err)
			}
			for other, got := range actions {
				expected := map[frontend.Reason]frontend.Action{frontend.SSLv2: {Verb: frontend.UseBackend, Backend: web}} // others reject
				expected[r] = want
				if got != expected[frontend.Reason(other)] {
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
		if got != (frontend.Action{Verb: frontend.Reject}) {
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
		{"timeout", "rejct", `on timeout: unknown action "rejct"; did you mean "reject"? (known: backend NAME, close, default, drop, next, reject, reset)`},
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
