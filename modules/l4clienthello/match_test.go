// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// The matcher asks for more bytes until the hello is complete, wherever it is cut.
func TestMatchOfEveryBeginning(t *testing.T) {
	raw := append(hello(t, "a.test", "h2"), "what follows"...)
	whole := len(raw) - len("what follows")
	m := provisioned(t, Matcher{SNI: []string{"a.test"}})
	other := provisioned(t, Matcher{SNI: []string{"b.test"}})
	for n := range len(raw) + 1 {
		cx := wrapped(new(hellotest.Conn), raw[:n])
		got, err := m.Match(cx)
		if want := n >= whole; got != want || isAskingForMore(err) == want || want && err != nil {
			t.Fatalf("%d of %d bytes: %v, %v", n, whole, got, err)
		}
		if got, err := other.Match(cx); got || isAskingForMore(err) != (n < whole) {
			t.Fatalf("another name, %d of %d bytes: %v, %v", n, whole, got, err)
		}
	}
}

// The inspection is stored with the connection, and resumed.
func TestMatchResumes(t *testing.T) {
	raw := hello(t, "a.test")
	m := provisioned(t, Matcher{SNI: []string{"a.test"}})
	conn := new(hellotest.Conn)
	var kept any
	for n := range len(raw) + 1 {
		cx := wrapped(conn, raw[:n])
		cx.SetVar(varKey, kept)
		got, err := m.Match(cx)
		if got != (n == len(raw)) || isAskingForMore(err) == got {
			t.Fatalf("%d of %d bytes: %v, %v", n, len(raw), got, err)
		}
		if n > 0 && cx.GetVar(varKey) != kept {
			t.Fatalf("%d bytes: another inspection", n)
		}
		kept = cx.GetVar(varKey)
	}
}

func TestHelloIsParsedOnce(t *testing.T) {
	cx := wrapped(new(hellotest.Conn), hello(t, "a.test", "h2"))
	for i, c := range []struct {
		m    Matcher
		want bool
	}{
		{Matcher{SNI: []string{"b.test"}}, false},
		{Matcher{SNI: []string{"a.test"}}, true},
		{Matcher{ALPN: []string{"h2"}}, true},
		{Matcher{}, true},
	} {
		before := cx.GetVar(varKey)
		if got, err := provisioned(t, c.m).Match(cx); got != c.want || err != nil {
			t.Errorf("matcher %d: %v, %v", i+1, got, err)
		}
		if i > 0 && cx.GetVar(varKey) != before {
			t.Errorf("matcher %d made an inspection of its own", i+1)
		}
	}
}

// Bytes that begin no hello match nothing, not even an empty matcher, and the matcher does not ask
// for more.
func TestNonTLSNeverMatches(t *testing.T) {
	for outcome, raw := range map[clienthello.Outcome]string{
		clienthello.NotTLS:    "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
		clienthello.SSLv2:     "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + strings.Repeat("\x01", 37),
		clienthello.Malformed: "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00",
		clienthello.TooLarge:  "\x16\x03\x01\x40\x00\x01\xff\xff\xff" + strings.Repeat("\x03", 64),
	} {
		cx := wrapped(new(hellotest.Conn), []byte(raw))
		if got, err := provisioned(t, Matcher{}).Match(cx); got || err != nil {
			t.Errorf("%v: %v, %v", outcome, got, err)
		}
		if got := cx.GetVar(varKey).(*clienthello.Inspection).Outcome(); got != outcome {
			t.Errorf("outcome %v, want %v", got, outcome)
		}
		checkPlaceholders(t, cx, map[string]string{"outcome": outcome.String()})
	}
}

// A handler may have unwrapped the connection: the inner layer may begin with another hello.
func TestInnerLayerIsInspectedAnew(t *testing.T) {
	m := provisioned(t, Matcher{SNI: []string{"inner.test"}})
	outer := wrapped(new(hellotest.Conn), hello(t, "outer.test"))
	if got, err := m.Match(outer); got || err != nil {
		t.Fatalf("outer: %v, %v", got, err)
	}
	inner := wrapped(new(hellotest.Conn), hello(t, "inner.test"))
	inner.SetVar(varKey, outer.GetVar(varKey))
	if got, err := m.Match(inner); !got || err != nil {
		t.Errorf("inner: %v, %v", got, err)
	}
}

// A handler may have consumed bytes that the matcher has seen.
func TestConsumedBytesAreForgotten(t *testing.T) {
	const preamble = "\x16\x03\x01\x00\x05"
	first, second := hello(t, "first.test"), hello(t, "second.test")
	m := provisioned(t, Matcher{SNI: []string{"second.test"}})
	for name, begin := range map[string]string{"a whole hello": string(first), "half a hello": preamble} {
		conn := new(hellotest.Conn)
		before := wrapped(conn, []byte(begin))
		_, _ = m.Match(before)
		for _, rest := range [][]byte{second, second[:3]} {
			cx := wrapped(conn, rest)
			cx.SetVar(varKey, before.GetVar(varKey))
			if got, err := m.Match(cx); got != (len(rest) > 3) || isAskingForMore(err) == got {
				t.Errorf("%d bytes after %s was taken: %v, %v", len(rest), name, got, err)
			}
		}
	}
}

// Matchers trust a shared inspection and read nothing.
func TestShare(t *testing.T) {
	i := clienthello.NewInspection(0)
	defer i.Release()
	if i.Feed(hello(t, "a.test")) != clienthello.Found {
		t.Fatal(i.Err())
	}
	cx := wrapped(new(hellotest.Conn), i.Bytes())
	Share(cx, i)
	for name, want := range map[string]bool{"a.test": true, "b.test": false} {
		if got, err := provisioned(t, Matcher{SNI: []string{name}}).Match(cx); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got := Inspect(cx); got != i {
		t.Error("the shared inspection was replaced")
	}
}

func init() {
	caddy.RegisterModule(passed{})
}

// passed is a handler that records the placeholder of the server name.
type passed struct{}

var arrived = make(chan string, 8)

func (passed) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "layer4.handlers.test_passed", New: func() caddy.Module { return new(passed) }}
}

func (passed) Handle(cx *layer4.Connection, _ layer4.Handler) error {
	name, _ := cx.Replacer().GetString("l4.client_hello.sni")
	arrived <- name
	return nil
}

// TestRoutes sends hellos byte by byte through routes of caddy-l4.
func TestRoutes(t *testing.T) {
	plain := hellotest.Plain(hellotest.SNI("plain.test"), hellotest.SupportedVersions(0x0302))
	grease := hellotest.Plain(hellotest.SNI("grease.test"), hellotest.Extension(hellotest.TypeECH, []byte("random")))
	routes := compiled(t, fmt.Sprintf(`[
		{"match": [{"client_hello": {"sni": ["a.test"]}}], "handle": [{"handler": "test_passed"}]},
		{"match": [{"client_hello": {"sni_file": [%q], "sni_regexp": ["^x[0-9]"]}}], "handle": [{"handler": "test_passed"}]},
		{"match": [{"client_hello": {"no_sni": true, "alpn": ["h3"]}}], "handle": [{"handler": "test_passed"}]},
		{"match": [{"client_hello": {"alpn": ["h2"]}}], "handle": [{"handler": "test_passed"}]},
		{"match": [{"client_hello": {"version": ["-1.1"]}}], "handle": [{"handler": "test_passed"}]},
		{"match": [{"client_hello": {"ech": true}}], "handle": [{"handler": "test_passed"}]},
		{"match": [{"client_hello": {"post_quantum": true, "sni": [".pq.test"]}}], "handle": [{"handler": "test_passed"}]},
		{"match": [{"client_hello": {"ja4": [%q]}}], "handle": [{"handler": "test_passed"}]}
	]`, tempFile(t, "file.test"), inspected(t, hello(t, "", "spdy/3")).JA4()))
	for _, c := range []struct {
		raw  []byte
		want string
	}{
		{hello(t, "a.test"), "a.test"},
		{hello(t, "b.test", "h2"), "b.test"},
		{hello(t, "c.test"), "(no route)"},
		{[]byte("GET / HTTP/1.1\r\n"), "(no route)"},
		{hello(t, "file.test"), "file.test"},
		{hello(t, "X1.test"), "x1.test"},
		{hello(t, "", "h3"), ""},
		{hello(t, "c.test", "h3"), "(no route)"},
		{plain.Raw(), "plain.test"},
		{grease.Raw(), "grease.test"},
		{hello(t, "a.pq.test"), "a.pq.test"},
		{hello(t, "", "spdy/3"), ""},
	} {
		client, server := net.Pipe()
		go trickle(client, c.raw)
		if err := routes.Handle(wrapped(server, nil)); err != nil {
			t.Fatal(err)
		}
		if got := <-arrived; got != c.want {
			t.Errorf("%.20q went to %q, want %q", c.raw, got, c.want)
		}
		client.Close()
		server.Close()
	}
}

// compiled returns the compiled routes of caddy-l4. Connections that match none of them reach "(no
// route)".
func compiled(t *testing.T, config string) layer4.Handler {
	t.Helper()
	var routes layer4.RouteList
	if err := json.Unmarshal([]byte(config), &routes); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := routes.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	nobody := layer4.HandlerFunc(func(*layer4.Connection) error {
		arrived <- "(no route)"
		return nil
	})
	return routes.Compile(zap.NewNop(), 10*time.Second, nobody)
}

// trickle writes one byte at a time, until all are written or the connection is closed.
func trickle(c net.Conn, p []byte) {
	for i := range p {
		if _, err := c.Write(p[i : i+1]); err != nil {
			return
		}
	}
}
