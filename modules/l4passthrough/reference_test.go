// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// What rules and hellos of the property test are made of: every way in which an
// exact name, a wildcard and a suffix can meet.
var (
	someNames     = []string{"", "test", "a.test", "b.test", "x.a.test", "X.A.Test", "x.y.a.test", "a.org"}
	somePatterns  = []string{"a.test", "A.TEST", "b.test", "x.a.test", "x.y.a.test", "*.test", "*.a.test", "*.y.a.test", ".test", ".a.test", ".org"}
	someProtocols = []string{"", "h2", "http/1.1"}
	someAnswers   = []string{"yes", "no", "more", "error"}
	someBackends  = []string{"r0", "a.test", "x.a.test", "h2.a.test", "t-h2", "t-"}
	someTemplates = []string{"{l4.client_hello.sni}", "x.{l4.client_hello.sni}", "t-{l4.client_hello.alpn}", "{l4.client_hello.alpn}.{l4.client_hello.sni}", "{l4.vars.unknown}a.test"}
)

// allBackends are those that rules of the test can lead to: rule i to r<i>,
// unless it has a map or a template.
var allBackends = append([]string{"r1", "r2", "r3", "r4", "r5", "r6", "r7", "fallback"}, someBackends...)

// spec is a rule as the test understands it.
type spec struct {
	sets     []criteria
	template string
	lines    []line // of a map
}

// line is one of a map.
type line struct{ pattern, backend string }

// criteria are one matcher set: empty fields ask for nothing.
type criteria struct {
	sni, alpn []string
	fromFile  bool   // sni is in a file
	noSNI     bool   // or there is no name
	begins    string // or the name begins so
	tls13     bool   // the version is 1.3
	not       string // a name that the hello must not have
	answer    string // what the matcher test_answer says
}

var errAsked = errors.New("the matcher failed")

// firstMatch tries the rules one after the other: -1 where none matches. It is
// the definition that the router must agree with.
func firstMatch(rules []spec, s *specimen) (rule int, backend string, err error) {
	for i, r := range rules {
		backend, listed := r.backend(i, s)
		if listed && len(r.sets) == 0 {
			return i, backend, nil
		}
		for _, set := range r.sets {
			if !listed {
				break
			}
			if matched, err := set.match(s); matched || err != nil {
				return i, backend, err
			}
		}
	}
	return -1, "fallback", nil
}

// backend is where rule i sends the hello if its matchers let it through.
func (r *spec) backend(i int, s *specimen) (backend string, listed bool) {
	if r.template != "" {
		fill := strings.NewReplacer("{l4.client_hello.sni}", strings.ToLower(s.name), "{l4.client_hello.alpn}", s.protocol, "{l4.vars.unknown}", "")
		if backend = fill.Replace(r.template); slices.Contains(allBackends, backend) {
			return backend, true
		}
		return "fallback", true
	}
	if len(r.lines) == 0 {
		return fmt.Sprintf("r%d", i), true
	}
	most := 0
	for _, l := range r.lines {
		if n := specificity(l.pattern); nameMatches(l.pattern, s.name) && n > most {
			most, backend, listed = n, l.backend, true
		}
	}
	return backend, listed
}

// specificity orders the patterns that match one name.
func specificity(pattern string) int {
	switch rest := strings.TrimLeft(pattern, "*."); {
	case rest == pattern:
		return 1000
	case pattern[0] == '*':
		return 2*len(rest) + 1
	default:
		return 2 * len(rest)
	}
}

func (c criteria) match(s *specimen) (bool, error) {
	if c.asksForName() && !slices.ContainsFunc(c.sni, func(pattern string) bool { return nameMatches(pattern, s.name) }) &&
		(!c.noSNI || s.name != "") && (c.begins == "" || !strings.HasPrefix(strings.ToLower(s.name), c.begins)) {
		return false, nil
	}
	if len(c.alpn) > 0 && !slices.Contains(c.alpn, s.protocol) || c.tls13 && !s.tls13 || c.not != "" && nameMatches(c.not, s.name) {
		return false, nil
	}
	if c.answer == "error" {
		return false, errAsked
	}
	return c.answer == "" || c.answer == "yes", nil
}

func (c criteria) asksForName() bool { return len(c.sni) > 0 || c.noSNI || c.begins != "" }

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

func allSpecimens(t *testing.T) (samples []specimen) {
	for _, name := range someNames {
		for _, protocol := range someProtocols {
			for _, tls13 := range []bool{false, true} {
				var extensions [][]byte
				if name != "" {
					extensions = append(extensions, hellotest.SNI(name))
				}
				if protocol != "" {
					extensions = append(extensions, hellotest.ALPN(protocol))
				}
				if tls13 {
					extensions = append(extensions, hellotest.SupportedVersions(0x0304, 0x0303))
				}
				raw := hellotest.Plain(extensions...).Raw()
				samples = append(samples, specimen{name, protocol, tls13, raw, inspected(t, raw)})
			}
		}
	}
	return samples
}

func drawSpec(t *rapid.T) (r spec) {
	r.sets = rapid.SliceOfN(rapid.Custom(drawCriteria), 0, 2).Draw(t, "sets")
	switch rapid.SampledFrom([]string{"backend", "backend", "map", "map", "template"}).Draw(t, "target") {
	case "map":
		patterns := rapid.SliceOfNDistinct(rapid.SampledFrom(somePatterns), 1, 5, strings.ToLower).Draw(t, "patterns")
		for _, pattern := range patterns {
			r.lines = append(r.lines, line{pattern, rapid.SampledFrom(someBackends).Draw(t, "backend")})
		}
	case "template":
		r.template = rapid.SampledFrom(someTemplates).Draw(t, "template")
	}
	return r
}

func drawCriteria(t *rapid.T) (c criteria) {
	switch rapid.SampledFrom([]string{"names", "names", "names", "name", "alpn", "version", "both", "not", "answer", "all"}).Draw(t, "kind") {
	case "names":
		c.sni, c.fromFile = drawSome(t, somePatterns), rapid.Bool().Draw(t, "from a file")
	case "name":
		c.noSNI, c.begins = rapid.Bool().Draw(t, "no name"), rapid.SampledFrom([]string{"", "x.", "a"}).Draw(t, "begins")
		if rapid.Bool().Draw(t, "or names") {
			c.sni = drawSome(t, somePatterns)
		}
	case "alpn":
		c.alpn = drawSome(t, someProtocols[1:])
	case "version":
		c.tls13 = true
	case "both":
		c.sni, c.alpn = drawSome(t, somePatterns), drawSome(t, someProtocols[1:])
	case "not":
		c.not = rapid.SampledFrom(somePatterns).Draw(t, "not")
	case "answer":
		c.answer = rapid.SampledFrom(someAnswers).Draw(t, "answer")
	default:
		c.sni, c.alpn, c.tls13 = drawSome(t, somePatterns), drawSome(t, someProtocols[1:]), rapid.Bool().Draw(t, "TLS 1.3")
		c.not, c.answer = rapid.SampledFrom(somePatterns).Draw(t, "not"), rapid.SampledFrom(someAnswers).Draw(t, "answer")
	}
	return c
}

func drawSome(t *rapid.T, words []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, 3, rapid.ID).Draw(t, "words")
}

// jsonRules are the rules as a configuration has them, with their files in dir.
func jsonRules(t rapid.TB, dir string, rules []spec) (parsed []*Rule) {
	for i, r := range rules {
		rule := &Rule{Backend: r.template}
		var lines strings.Builder
		for _, l := range r.lines {
			fmt.Fprintf(&lines, "%s\t%s\n", l.pattern, l.backend)
		}
		switch {
		case len(r.lines) > 0:
			rule.BackendMap = writeFile(t, filepath.Join(dir, fmt.Sprintf("%d.map", i)), lines.String())
		case r.template == "":
			rule.Backend = fmt.Sprintf("r%d", i)
		}
		for k, c := range r.sets {
			rule.MatcherSetsRaw = append(rule.MatcherSetsRaw, c.json(t, filepath.Join(dir, fmt.Sprintf("%d.%d.txt", i, k))))
		}
		parsed = append(parsed, rule)
	}
	return parsed
}

func (c criteria) json(t rapid.TB, file string) caddy.ModuleMap {
	set := make(caddy.ModuleMap)
	add := func(name string, matcher any) {
		raw, err := json.Marshal(matcher)
		if err != nil {
			t.Fatal(err)
		}
		set[name] = raw
	}
	hello := map[string]any{"sni": c.sni, "alpn": c.alpn, "no_sni": c.noSNI}
	if c.fromFile {
		hello["sni"], hello["sni_file"] = nil, []string{writeFile(t, file, strings.Join(c.sni, "\n"))}
	}
	if c.begins != "" {
		hello["sni_regexp"] = []string{"^" + c.begins}
	}
	if c.tls13 {
		hello["version"] = []string{"1.3-"}
	}
	if c.asksForName() || len(c.alpn) > 0 || c.tls13 {
		add("client_hello", hello)
	}
	if c.not != "" {
		add("not", []any{map[string]any{"client_hello": map[string]any{"sni": []string{c.not}}}})
	}
	if c.answer != "" {
		add("test_answer", map[string]any{"answer": c.answer})
	}
	return set
}
