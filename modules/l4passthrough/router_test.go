// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// What rules and hellos of the property test are made of: every way in which an
// exact name, a wildcard and a suffix can meet.
var (
	someNames     = []string{"", "test", "a.test", "b.test", "x.a.test", "X.A.Test", "x.y.a.test", "a.org"}
	somePatterns  = []string{"a.test", "A.TEST", "b.test", "x.a.test", "x.y.a.test", "*.test", "*.a.test", "*.y.a.test", ".test", ".a.test", ".org"}
	someProtocols = []string{"", "h2", "http/1.1"}
	someAnswers   = []string{"yes", "no", "more", "error"}
)

// sample is one hello.
type sample struct {
	name, protocol string
	raw            []byte
	hello          clienthello.Hello
}

// criteria are one matcher set as the test understands it: empty fields ask for
// nothing.
type criteria struct {
	sni, alpn []string
	not       string // a name that the hello must not have
	answer    string // what the matcher test_answer says
}

var errAsked = errors.New("the matcher failed")

// match is the definition that the router must agree with.
func (c criteria) match(s *sample) (bool, error) {
	if len(c.sni) > 0 && !slices.ContainsFunc(c.sni, func(pattern string) bool { return nameMatches(pattern, s.name) }) {
		return false, nil
	}
	if len(c.alpn) > 0 && !slices.Contains(c.alpn, s.protocol) || c.not != "" && nameMatches(c.not, s.name) {
		return false, nil
	}
	if c.answer == "error" {
		return false, errAsked
	}
	return c.answer == "" || c.answer == "yes", nil
}

func nameMatches(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	switch {
	case strings.HasPrefix(pattern, "*."):
		_, rest, ok := strings.Cut(name, ".")
		return ok && rest == pattern[2:]
	case strings.HasPrefix(pattern, "."):
		return strings.HasSuffix(name, pattern)
	default:
		return name == pattern
	}
}

// firstMatch tries the rules one after the other: -1 where none matches.
func firstMatch(rules [][]criteria, s *sample) (int, error) {
	for i, sets := range rules {
		if len(sets) == 0 {
			return i, nil
		}
		for _, set := range sets {
			if matched, err := set.match(s); matched || err != nil {
				return i, err
			}
		}
	}
	return -1, nil
}

// Whatever the rules are compiled into, the first that matches wins; and a rule
// that is refused as hidden is one that no hello would ever have reached.
func TestRouterAgreesWithTryingTheRulesInOrder(t *testing.T) {
	samples := allSamples(t)
	app, ctx := newApp(t, "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "fallback")
	fallback := app.Backends["fallback"]
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(drawCriteria), 0, 2), 1, 8).Draw(t, "rules")
		r, err := newRouter(ctx, app, jsonRules(t, rules), fallback)
		for err != nil {
			var hidden, by int
			if _, scanned := fmt.Sscanf(err.Error(), "rule %d ", &hidden); scanned != nil || !strings.Contains(err.Error(), "can never match") {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(err.Error(), "first of them ")
			if _, scanned := fmt.Sscanf(rest, "rule %d ", &by); scanned != nil || by >= hidden {
				t.Fatalf("the hiding rule of: %v", err)
			}
			for i := range samples {
				if first, _ := firstMatch(rules[:hidden], &samples[i]); first == hidden-1 {
					t.Fatalf("%+v is for rule %d, but: %v", samples[i].name, hidden, err)
				}
			}
			rules = slices.Delete(rules, hidden-1, hidden)
			r, err = newRouter(ctx, app, jsonRules(t, rules), fallback)
		}
		for i := range samples {
			s := &samples[i]
			want, wantErr := firstMatch(rules, s)
			got, err := r.route(&s.hello, func() *layer4.Connection { return layer4.WrapConnection(new(hellotest.Conn), s.raw, zap.NewNop()) })
			switch {
			case wantErr != nil:
				if got != nil || !errors.Is(err, errAsked) || !strings.HasPrefix(err.Error(), fmt.Sprintf("rule %d: ", want+1)) {
					t.Fatalf("name %q, protocol %q: %v, %v, want the failure of rule %d", s.name, s.protocol, got, err, want+1)
				}
			case err != nil:
				t.Fatal(err)
			case want < 0 && got != fallback || want >= 0 && got != app.Backends[fmt.Sprintf("r%d", want)]:
				t.Fatalf("name %q, protocol %q: backend %s, want that of rule %d", s.name, s.protocol, got.Name(), want+1)
			}
		}
	})
}

func TestRouterWithoutRules(t *testing.T) {
	app, ctx := newApp(t, "web")
	s := newSample(t, "a.test", "")
	for _, fallback := range []string{"web", "none"} {
		r, err := newRouter(ctx, app, nil, app.Backends[fallback])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.route(&s.hello, nil); got != app.Backends[fallback] || err != nil {
			t.Errorf("fallback %s: %v, %v", fallback, got, err)
		}
	}
}

// Rules about the hello alone need no connection to look at.
func TestRouterMakesNoConnectionForHellos(t *testing.T) {
	app, ctx := newApp(t, "r0", "r1", "r2")
	rules := [][]criteria{{{alpn: []string{"h2"}}}, {{sni: []string{"a.test"}}}, {{answer: "yes"}}}
	r, err := newRouter(ctx, app, jsonRules(t, rules), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, protocol, backend string
		connections             int
	}{{"b.test", "h2", "r0", 0}, {"a.test", "", "r1", 0}, {"b.test", "", "r2", 1}} {
		s, made := newSample(t, c.name, c.protocol), 0
		got, err := r.route(&s.hello, func() *layer4.Connection {
			made++
			return layer4.WrapConnection(new(hellotest.Conn), s.raw, zap.NewNop())
		})
		if err != nil || got != app.Backends[c.backend] || made != c.connections {
			t.Errorf("name %q, protocol %q: backend %v, %d connections, %v", c.name, c.protocol, got.Name(), made, err)
		}
	}
}

// The matchers of a set are asked in the order of their names: where one fails
// and one before it does not match, the same happens in every run.
func TestRouterAsksTheMatchersOfASetInOrder(t *testing.T) {
	app, ctx := newApp(t, "r0")
	s := newSample(t, "a.test", "")
	for range 20 {
		r, err := newRouter(ctx, app, jsonRules(t, [][]criteria{{{not: "a.test", answer: "error"}}}), nil)
		if err != nil {
			t.Fatal(err)
		}
		connection := func() *layer4.Connection { return layer4.WrapConnection(new(hellotest.Conn), s.raw, zap.NewNop()) }
		if got, err := r.route(&s.hello, connection); got != nil || err != nil {
			t.Fatalf("backend %v, %v", got, err)
		}
	}
}

func allSamples(t *testing.T) (samples []sample) {
	for _, name := range someNames {
		for _, protocol := range someProtocols {
			samples = append(samples, newSample(t, name, protocol))
		}
	}
	return samples
}

func drawCriteria(t *rapid.T) (c criteria) {
	switch rapid.SampledFrom([]string{"names", "names", "names", "alpn", "both", "not", "answer", "all"}).Draw(t, "kind") {
	case "names":
		c.sni = drawSome(t, somePatterns)
	case "alpn":
		c.alpn = drawSome(t, someProtocols[1:])
	case "both":
		c.sni, c.alpn = drawSome(t, somePatterns), drawSome(t, someProtocols[1:])
	case "not":
		c.not = rapid.SampledFrom(somePatterns).Draw(t, "not")
	case "answer":
		c.answer = rapid.SampledFrom(someAnswers).Draw(t, "answer")
	default:
		c.sni, c.alpn = drawSome(t, somePatterns), drawSome(t, someProtocols[1:])
		c.not, c.answer = rapid.SampledFrom(somePatterns).Draw(t, "not"), rapid.SampledFrom(someAnswers).Draw(t, "answer")
	}
	return c
}

func drawSome(t *rapid.T, words []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, 3, rapid.ID).Draw(t, "words")
}

// jsonRules are the rules as a configuration has them; rule i goes to backend
// r<i>.
func jsonRules(t interface{ Fatal(...any) }, rules [][]criteria) (parsed []*Rule) {
	for i, sets := range rules {
		rule := &Rule{Backend: fmt.Sprintf("r%d", i)}
		for _, c := range sets {
			rule.MatcherSetsRaw = append(rule.MatcherSetsRaw, c.json(t))
		}
		parsed = append(parsed, rule)
	}
	return parsed
}

func (c criteria) json(t interface{ Fatal(...any) }) caddy.ModuleMap {
	set := make(caddy.ModuleMap)
	add := func(name string, matcher any) {
		raw, err := json.Marshal(matcher)
		if err != nil {
			t.Fatal(err)
		}
		set[name] = raw
	}
	if len(c.sni)+len(c.alpn) > 0 {
		add("client_hello", map[string]any{"sni": c.sni, "alpn": c.alpn})
	}
	if c.not != "" {
		add("not", []any{map[string]any{"client_hello": map[string]any{"sni": []string{c.not}}}})
	}
	if c.answer != "" {
		add("test_answer", map[string]any{"answer": c.answer})
	}
	return set
}
