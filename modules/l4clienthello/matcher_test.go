// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
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
			if !m.MatchHello(inspected(t, hello(t, name))) {
				t.Errorf("%q does not match %q", c.patterns, name)
			}
		}
		for name := range strings.FieldsSeq(c.no) {
			if m.MatchHello(inspected(t, hello(t, name))) {
				t.Errorf("%q matches %q", c.patterns, name)
			}
		}
		if m.MatchHello(inspected(t, hello(t, ""))) {
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
		if got := m.MatchHello(inspected(t, hello(t, "a.test", strings.Fields(c.offered)...))); got != c.want {
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
		i := inspected(t, hello(t, c.name, c.protocol))
		if got := both.MatchHello(i); got != c.both {
			t.Errorf("name %q and protocol %q: %v, want %v", c.name, c.protocol, got, c.both)
		}
		if !anything.MatchHello(i) {
			t.Errorf("name %q and protocol %q: not matched where nothing is asked for", c.name, c.protocol)
		}
	}
}

func provisioned(t testing.TB, m Matcher) *Matcher {
	t.Helper()
	if err := m.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return &m
}

// inspected returns an inspection that has found the hello in raw.
func inspected(t testing.TB, raw []byte) *clienthello.Inspection {
	t.Helper()
	i := clienthello.NewInspection(0)
	if i.Feed(raw) != clienthello.Found {
		t.Fatal(i.Outcome(), i.Err())
	}
	t.Cleanup(i.Release)
	return i
}

// hello returns the first bytes of a Go client. That client drops a trailing dot of the name, so it
// is inserted afterwards.
func hello(t testing.TB, name string, protocols ...string) []byte {
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

// wrapped returns a connection of which begin has been read ahead.
func wrapped(conn net.Conn, begin []byte) *layer4.Connection {
	return layer4.WrapConnection(conn, begin, zap.NewNop())
}

func isAskingForMore(err error) bool { return errors.Is(err, layer4.ErrConsumedAllPrefetchedBytes) }
