// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

func TestNormalizeName(t *testing.T) {
	for name, want := range map[string]string{
		"Git.Example.COM":    "git.example.com",
		"git.example.com.":   "git.example.com",
		"*.Example.com":      "*.example.com",
		".example.com":       ".example.com",
		"+.example.com":      "+.example.com",
		"bücher.example":     "xn--bcher-kva.example",
		"*.bücher.example":   "*.xn--bcher-kva.example",
		"my_host.local":      "my_host.local",
		"*":                  `error: "*" alone, expected "*.example.com"`,
		"a.*.example.com":    `error: "*" within the name`,
		"git*.example.com":   `error: "*" within the name`,
		"git.example.com:80": "error: port or IPv6 address, expected a name only",
		"https://x.example":  "error: URL or path",
		"a..example.com":     "error: empty label",
		"10.0.0.5":           "error: TLS clients send no IP address",
		"::1":                "error: TLS clients send no IP address",
		"[2001:db8::1]":      "error: TLS clients send no IP address",
		"{env.NAME}":         `error: character '{'`,
		"":                   "error: empty, expected a name",
		"xn--\u00fc.example": "error: expected a name that has an ASCII form",
	} {
		got, err := normalizeName(name)
		wrong, isError := strings.CutPrefix(want, "error: ")
		switch {
		case !isError && (err != nil || got != want):
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		case isError && (err == nil || !strings.Contains(err.Error(), wrong)):
			t.Errorf("%s: got %q, %v, want %q", name, got, err, wrong)
		}
	}
}

// newWrapper returns a wrapper with the names of sites, one line each, and with the hosts of its
// http server.
func newWrapper(t *testing.T, own []string, sites ...string) (*Wrapper, error) {
	t.Helper()
	m := caddyhttp.MatchHost(own)
	w := &Wrapper{server: &caddyhttp.Server{Routes: caddyhttp.RouteList{{MatcherSets: caddyhttp.MatcherSets{{&m}}}}}}
	for _, line := range sites {
		w.Sites = append(w.Sites, &Site{Names: strings.Fields(line), patterns: strings.Fields(line), BackendName: "b"})
	}
	return w, w.compileNames()
}

func TestMostSpecificNameDecides(t *testing.T) {
	w, err := newWrapper(t, []string{"own.example.com", "*.wild.example.com", "10.0.0.1", "*"},
		"*.example.com .deep.example.com", "git.example.com", "one.wild.example.com", "+.example.org", "*.example.org")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"git.example.com":       "git.example.com",
		"GIT.example.com.":      "git.example.com",
		"other.example.com":     "*.example.com",
		"own.example.com":       "",
		"one.wild.example.com":  "one.wild.example.com",
		"two.wild.example.com":  "",
		"a.b.deep.example.com":  "*.example.com",
		"a.deep.example.com":    "*.example.com",
		"deep.example.com":      "*.example.com",
		"example.com":           "",
		"example.org":           "+.example.org",
		"a.example.org":         "*.example.org",
		"a.b.example.org":       "+.example.org",
		"":                      "",
		"10.0.0.1":              "",
		strings.Repeat("a", 70): "",
	} {
		got := ""
		if s := w.siteOf(host); s != nil {
			got = s.Names[0]
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

func TestNamesAreOrderedBySpecificity(t *testing.T) {
	want := strings.Fields("a.b.example.com b.example.com *.b.example.com .b.example.com *.example.com .example.com +.example.com .com")
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareSpecificity)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestNamesGivenTwice(t *testing.T) {
	for _, c := range []struct {
		own   []string
		sites []string
		want  string
	}{
		{nil, []string{"a.example.com", "b.example.com a.example.com"}, "the name is given twice"},
		{nil, []string{"a.example.com *.example.com a.example.com"}, "the name is given twice"},
		{[]string{"a.example.com"}, []string{"a.example.com"}, "the name is a site of this server, too"},
		{[]string{"*.example.com"}, []string{"*.example.com"}, "the name is a site of this server, too"},
		{[]string{"*.example.com"}, []string{"a.example.com", ".example.com"}, ""},
	} {
		got := ""
		if _, err := newWrapper(t, c.own, c.sites...); err != nil {
			got = err.Error()
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%v, %v: got %q, want %q", c.own, c.sites, got, c.want)
		}
	}
}

func TestListenRestricts(t *testing.T) {
	t.Setenv("PORT", "8443")
	s := &caddyhttp.Server{Listen: []string{":8443", "127.0.0.1:443"}}
	for listen, want := range map[string]bool{"": true, ":8443": true, ":{env.PORT}": true, "127.0.0.1:443": true, ":443": false} {
		w := new(Wrapper)
		if listen != "" {
			w.Listen = []string{":1", listen}
		}
		if got := w.appliesTo(s); got != want {
			t.Errorf("%s: got %v", listen, got)
		}
	}
}

func TestWrapperNeedsHTTPServer(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	if err := new(Wrapper).Provision(ctx); err == nil || !strings.Contains(err.Error(), "no http server") {
		t.Error(err)
	}
}

// matches reports whether a pattern matches a host, as package names documents it.
func matches(pattern, host string) bool {
	kind, rest := splitKind(pattern)
	before, below := strings.CutSuffix(host, "."+rest)
	switch kind {
	case "*.":
		return below && before != "" && !strings.Contains(before, ".")
	case ".":
		return below && before != ""
	case "+.":
		return below && before != "" || host == rest
	default:
		return host == rest
	}
}

// The first pattern that matches in the order of the rules is the one that the table finds: both
// the frontend and the http server decide alike.
func TestOrderAgreesWithTable(t *testing.T) {
	label := rapid.SampledFrom([]string{"a", "b", "test"})
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(label, 1, 4).Draw(t, "labels"), ".") })
		pattern := rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"", "*.", ".", "+."}).Draw(t, "kind") + host.Draw(t, "host")
		})
		patterns := rapid.SliceOfNDistinct(pattern, 1, 8, rapid.ID).Draw(t, "patterns")
		w := &Wrapper{server: new(caddyhttp.Server)}
		for _, p := range patterns {
			w.Sites = append(w.Sites, &Site{Names: []string{p}, patterns: []string{p}})
		}
		if err := w.compileNames(); err != nil {
			t.Fatal(err)
		}
		name, got, want := host.Draw(t, "name"), "", ""
		if s := w.siteOf(name); s != nil {
			got = s.Names[0]
		}
		if i := slices.IndexFunc(w.owners, func(o owner) bool { return matches(o.pattern, name) }); i >= 0 {
			want = w.owners[i].pattern
		}
		if got != want {
			t.Fatalf("%v: %s: the table finds %q, the first rule is %q", patterns, name, got, want)
		}
	})
}

// Names of the http server's own that are not routed are never taken by a site.
func TestRoutedNamesAgreeWithSites(t *testing.T) {
	label := rapid.SampledFrom([]string{"a", "b", "test"})
	host := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(label, 1, 4).Draw(t, "labels"), ".") })
	patterns := func(kinds ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom(kinds).Draw(t, "kind") + host.Draw(t, "host")
		}), 0, 6, rapid.ID)
	}
	rapid.Check(t, func(t *rapid.T) {
		own := caddyhttp.MatchHost(patterns("", "*.").Draw(t, "own"))
		w := &Wrapper{server: &caddyhttp.Server{Routes: caddyhttp.RouteList{{MatcherSets: caddyhttp.MatcherSets{{&own}}}}}}
		for _, p := range patterns("", "*.", ".", "+.").Draw(t, "sites") {
			if !slices.Contains(own, p) {
				w.Sites = append(w.Sites, &Site{Names: []string{p}, patterns: []string{p}, backend: new(balancer.Backend)})
			}
		}
		if err := w.compileNames(); err != nil {
			t.Fatal(err)
		}
		name := host.Draw(t, "name")
		site := w.siteOf(name)
		all := w.routed()
		i := slices.IndexFunc(all, func(n l4passthrough.Name) bool { return matches(n.Pattern, name) })
		passed := i >= 0 && !slices.Contains(own, all[i].Pattern)
		if passed != (site != nil) {
			t.Fatalf("%s: passed through: %v; its site: %v", name, passed, site)
		}
	})
}
