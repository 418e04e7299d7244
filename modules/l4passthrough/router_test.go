// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mholt/caddy-l4/layer4"
	"pgregory.net/rapid"
)

// Whatever the rules are compiled into, the first that matches wins; and a rule
// that is refused as hidden is one that no hello would ever have reached.
func TestRouterAgreesWithTryingTheRulesInOrder(t *testing.T) {
	samples := allSpecimens(t)
	dir := t.TempDir()
	app, ctx := newApp(t, allBackends...)
	fallback := app.Backends["fallback"]
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(drawSpec), 1, 8).Draw(t, "rules")
		r, err := newRouter(ctx, app, jsonRules(t, dir, rules), fallback)
		for err != nil {
			hidden := hiddenRule(t, err)
			for i := range samples {
				if first, _, _ := firstMatch(rules[:hidden], &samples[i]); first == hidden-1 {
					t.Fatalf("%+v is for rule %d, but: %v", samples[i].name, hidden, err)
				}
			}
			rules = slices.Delete(rules, hidden-1, hidden)
			r, err = newRouter(ctx, app, jsonRules(t, dir, rules), fallback)
		}
		for i := range samples {
			s := &samples[i]
			rule, want, wantErr := firstMatch(rules, s)
			got, _, err := r.Route(seen(s.hello, s.connection))
			switch {
			case wantErr != nil:
				if got != nil || !errors.Is(err, errAsked) || !strings.HasPrefix(err.Error(), fmt.Sprintf("rule %d: ", rule+1)) {
					t.Fatalf("name %q, protocol %q: %v, %v, want the failure of rule %d", s.name, s.protocol, got, err, rule+1)
				}
			case err != nil:
				t.Fatal(err)
			case got != app.Backends[want]:
				t.Fatalf("name %q, protocol %q: backend %s, want %s by rule %d", s.name, s.protocol, got.Name(), want, rule+1)
			}
		}
	})
}

// hiddenRule is the number of the rule that an error says is hidden.
func hiddenRule(t *rapid.T, err error) (hidden int) {
	if _, scanned := fmt.Sscanf(err.Error(), "rule %d ", &hidden); scanned != nil || !strings.Contains(err.Error(), "can never match") {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(err.Error(), "first of them ")
	var by int
	if _, scanned := fmt.Sscanf(rest, "rule %d ", &by); scanned != nil || by >= hidden {
		t.Fatalf("the hiding rule of: %v", err)
	}
	return hidden
}

func TestRouterWithoutRules(t *testing.T) {
	app, ctx := newApp(t, "web")
	s := newSpecimen(t, "a.test", "")
	for _, fallback := range []string{"web", "none"} {
		r, err := newRouter(ctx, app, nil, app.Backends[fallback])
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := r.Route(seen(s.hello, nil)); got != app.Backends[fallback] || err != nil {
			t.Errorf("fallback %s: %v, %v", fallback, got, err)
		}
	}
}

// Rules about the hello alone need no connection to look at, and neither do
// maps; templates need one.
func TestRouterMakesNoConnectionForHellos(t *testing.T) {
	app, ctx := newApp(t, "r0", "r1", "r2", "c.test", "m")
	r, err := newRouter(ctx, app, jsonRules(t, t.TempDir(), []spec{
		{sets: []criteria{{alpn: []string{"h2"}}}},
		{sets: []criteria{{sni: []string{"a.test"}}}},
		{sets: []criteria{{answer: "yes", sni: []string{"b.test"}}}},
		{sets: []criteria{{noSNI: true}, {begins: "m"}}, lines: []line{{"m.test", "m"}}},
		{sets: []criteria{{tls13: true}}, lines: []line{{"n.test", "m"}}},
		{lines: []line{{"o.test", "m"}}},
		{template: "{l4.client_hello.sni}"},
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, protocol, backend string
		connections             int
	}{
		{"b.test", "h2", "r0", 0},
		{"a.test", "", "r1", 0},
		{"b.test", "", "r2", 1},
		{"m.test", "", "m", 0},
		{"n.test", "", "m", 0},
		{"o.test", "", "m", 0},
		{"c.test", "", "c.test", 1},
	} {
		s, made := newSpecimen(t, c.name, c.protocol), 0
		got, _, err := r.Route(seen(s.hello, func() *layer4.Connection {
			made++
			return s.connection()
		}))
		if err != nil || got != app.Backends[c.backend] || made != c.connections {
			t.Errorf("name %q, protocol %q: backend %v, %d connections, %v", c.name, c.protocol, got.Name(), made, err)
		}
	}
}

// The matchers of a set are asked in the order of their names: where one fails
// and one before it does not match, the same happens in every run.
func TestRouterAsksTheMatchersOfASetInOrder(t *testing.T) {
	app, ctx := newApp(t, "r0")
	s := newSpecimen(t, "a.test", "")
	for range 20 {
		r, err := newRouter(ctx, app, jsonRules(t, t.TempDir(), []spec{{sets: []criteria{{not: "a.test", answer: "error"}}}}), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := r.Route(seen(s.hello, s.connection)); got != nil || err != nil {
			t.Fatalf("backend %v, %v", got, err)
		}
	}
}

// A map whose matchers match every hello is tried in its order if one of them may fail first.
func TestRouterAsksTheMatchersOfAMap(t *testing.T) {
	app, ctx := newApp(t, "m")
	s := newSpecimen(t, "m.test", "")
	for sets, want := range map[string]error{
		`[{"test_answer": {"answer": "error"}}, {}]`: errAsked,
		`[{}, {"test_answer": {"answer": "error"}}]`: nil,
	} {
		r, err := newRouter(ctx, app, parseRules(t, `[{"match": %s, "backend_map": %q}]`, sets, tempFile(t, "m.test m\n")), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Route(seen(s.hello, s.connection)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", sets, err, want)
		}
	}
}
