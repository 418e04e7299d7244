// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/google/go-cmp/cmp"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

func TestServerNames(t *testing.T) {
	for _, c := range []struct {
		patterns string
		yes, no  string
	}{
		{"www.example.test", "www.example.test WWW.Example.TEST www.example.test.", "example.test a.www.example.test www.example.tes"},
		{"WWW.Example.TEST", "www.example.test", "api.example.test"},
		{"www.example.test.", "www.example.test www.example.test.", "www.example.tests"},
		{"*.example.test", "www.example.test API.EXAMPLE.TEST x.example.test.", "example.test a.b.example.test wwwexample.test"},
		{".example.test", "www.example.test a.b.Example.Test. a.b.c.example.test", "example.test anexample.test"},
		{"a.test *.b.test .c.test", "a.test x.b.test x.y.c.test", "b.test x.a.test x.y.b.test c.test"},
	} {
		m := provisioned(t, Matcher{SNI: strings.Fields(c.patterns)})
		for name := range strings.FieldsSeq(c.yes) {
			if !m.MatchHello(parse(t, hello(t, name))) {
				t.Errorf("%q does not match %q", c.patterns, name)
			}
		}
		for name := range strings.FieldsSeq(c.no) {
			if m.MatchHello(parse(t, hello(t, name))) {
				t.Errorf("%q matches %q", c.patterns, name)
			}
		}
		if m.MatchHello(parse(t, hello(t, ""))) {
			t.Errorf("%q matches a hello without a name", c.patterns)
		}
	}
}

func TestProtocols(t *testing.T) {
	for _, c := range []struct {
		wanted, offered string
		want            bool
	}{
		{"h2", "h2", true},
		{"h2", "http/1.1 h2", true},
		{"h2 http/1.1", "spdy/3 http/1.1", true},
		{"h2", "http/1.1", false},
		{"h2", "H2", false},
		{"h2", "h2c h", false},
		{"h2", "", false},
	} {
		m := provisioned(t, Matcher{ALPN: strings.Fields(c.wanted)})
		if got := m.MatchHello(parse(t, hello(t, "a.test", strings.Fields(c.offered)...))); got != c.want {
			t.Errorf("%q against %q: %v", c.wanted, c.offered, got)
		}
	}
}

func TestAllFieldsMustMatch(t *testing.T) {
	both := provisioned(t, Matcher{SNI: []string{"a.test"}, ALPN: []string{"h2"}})
	anything := provisioned(t, Matcher{})
	for _, c := range []struct {
		name, protocol string
		both           bool
	}{
		{"a.test", "h2", true},
		{"a.test", "http/1.1", false},
		{"b.test", "h2", false},
		{"", "h2", false},
	} {
		h := parse(t, hello(t, c.name, c.protocol))
		if got := both.MatchHello(h); got != c.both {
			t.Errorf("name %q and protocol %q: %v, want %v", c.name, c.protocol, got, c.both)
		}
		if !anything.MatchHello(h) {
			t.Errorf("name %q and protocol %q: not matched where nothing is asked for", c.name, c.protocol)
		}
	}
}

func TestNamesOnly(t *testing.T) {
	for _, c := range []struct {
		m    Matcher
		want bool
	}{
		{Matcher{}, false},
		{Matcher{SNI: []string{"a.test"}}, true},
		{Matcher{ALPN: []string{"h2"}}, false},
		{Matcher{SNI: []string{"a.test"}, ALPN: []string{"h2"}}, false},
	} {
		if got := c.m.NamesOnly(); got != c.want {
			t.Errorf("%q %q: %v", c.m.SNI, c.m.ALPN, got)
		}
	}
}

func TestProvisionRefuses(t *testing.T) {
	for _, c := range []struct {
		m    Matcher
		want string
	}{
		{Matcher{SNI: []string{"a.test", "a..test"}}, `sni: `},
		{Matcher{ALPN: []string{"h2", ""}}, `alpn: "": expected a protocol name`},
		{Matcher{ALPN: []string{"h2,http/1.1"}}, `alpn: "h2,http/1.1": expected a protocol name`},
		{Matcher{ALPN: []string{strings.Repeat("h", 256)}}, `expected a protocol name`},
	} {
		if err := c.m.Provision(caddy.Context{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: error %v, want %s", c.m.SNI, c.m.ALPN, err, c.want)
		}
	}
}

func TestCaddyfile(t *testing.T) {
	for _, c := range []struct {
		input string
		want  Matcher
	}{
		{"client_hello", Matcher{}},
		{"client_hello {\n}", Matcher{}},
		{"client_hello sni a.test *.b.test .c.test", Matcher{SNI: []string{"a.test", "*.b.test", ".c.test"}}},
		{"client_hello alpn h2 acme-tls/1", Matcher{ALPN: []string{"h2", "acme-tls/1"}}},
		{"client_hello {\n sni a.test\n alpn h2\n}", Matcher{SNI: []string{"a.test"}, ALPN: []string{"h2"}}},
		{"client_hello sni a.test {\n alpn h2\n}", Matcher{SNI: []string{"a.test"}, ALPN: []string{"h2"}}},
	} {
		var got Matcher
		if err := got.UnmarshalCaddyfile(caddyfile.NewTestDispenser(c.input)); err != nil {
			t.Errorf("%q: %v", c.input, err)
		} else if diff := cmp.Diff([2][]string{c.want.SNI, c.want.ALPN}, [2][]string{got.SNI, got.ALPN}); diff != "" {
			t.Errorf("%q: %s", c.input, diff)
		}
	}
}

func TestCaddyfileMistakes(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"client_hello {\n sni\n}", `"sni" needs at least one argument, at Testfile:2`},
		{"client_hello sni a..test", `sni: `},
		{"client_hello {\n sin a.test\n}", `unknown option "sin"; did you mean "sni"? (known: alpn, sni), at Testfile:2`},
		{"client_hello {\n sni a.test\n sni b.test\n}", `option "sni" is given twice, at Testfile:3`},
		{"client_hello sni a.test alpn h2", `sni takes the rest of its line: expected alpn on a line of its own, in a block, at Testfile:1`},
		{"client_hello alpn h2 sni a.test", `alpn takes the rest of its line: expected sni on a line of its own`},
		{"client_hello alpn h2,http/1.1", `alpn: "h2,http/1.1": expected a protocol name such as h2 or http/1.1, at Testfile:1`},
		{`client_hello alpn ""`, `alpn: "": expected a protocol name`},
	} {
		err := new(Matcher).UnmarshalCaddyfile(caddyfile.NewTestDispenser(c.input))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.input, err, c.want)
		}
	}
}

func provisioned(t *testing.T, m Matcher) *Matcher {
	t.Helper()
	if err := m.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return &m
}

func parse(t *testing.T, raw []byte) *clienthello.Hello {
	t.Helper()
	h, err := clienthello.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &h
}

// hello is what a Go client sends first. That client leaves out a dot at the
// end of the name, so it is put in afterwards.
func hello(t *testing.T, name string, protocols ...string) []byte {
	t.Helper()
	sent, dotted := strings.CutSuffix(name, ".")
	if dotted {
		sent += "!"
	}
	raw := hellotest.Hello(t, sent, protocols...)
	if dotted {
		raw = bytes.Replace(raw, []byte(sent), []byte(name), 1)
	}
	return raw
}

// wrapped is a connection of which begin has been read ahead.
func wrapped(conn net.Conn, begin []byte) *layer4.Connection {
	return layer4.WrapConnection(conn, begin, zap.NewNop())
}

func isAskingForMore(err error) bool { return errors.Is(err, layer4.ErrConsumedAllPrefetchedBytes) }
