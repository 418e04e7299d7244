// SPDX-License-Identifier: Apache-2.0

package l4acl

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// loaded returns the matcher as Caddy loads it from JSON.
func loaded(t testing.TB, terms string) (*Matcher, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	m, err := ctx.LoadModuleByID("layer4.matchers.acl", json.RawMessage(terms))
	if err != nil {
		return nil, err
	}
	return m.(*Matcher), nil
}

func mustLoad(t testing.TB, terms string) *Matcher {
	t.Helper()
	m, err := loaded(t, terms)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// input returns the input for the bytes that a client has sent.
func input(t testing.TB, sent []byte, final bool) *sample.Input {
	t.Helper()
	i := clienthello.NewInspection(0)
	i.Feed(sent)
	t.Cleanup(i.Release)
	return &sample.Input{Hello: i, Final: final}
}

const (
	isMail  = `{"name": "is_mail", "any": [{"fetch": "req.ssl_sni", "method": "end", "ignore_case": true, "values": [".mail.test"]}]}`
	notMail = `{"not": true, "any": [{"fetch": "req.ssl_sni", "method": "end", "values": [".mail.test"]}]}`
	isHello = `{"any": [{"fetch": "req.ssl_hello_type", "values": ["1"]}]}`
	yes     = `{"any": [{"fetch": "always_true"}]}`
	no      = `{"any": [{"fetch": "always_false"}]}`
	later   = `{"any": [{"fetch": "req.len", "values": ["gt", "100000"]}]}`
	waitEnd = `{"any": [{"fetch": "wait_end"}]}`
)

// The first term that is not true decides; a criterion that is true decides its
// term.
func TestTerms(t *testing.T) {
	hello := hellotest.Hello(t, "Smtp.MAIL.test")
	for _, c := range []struct {
		name, terms string
		sent        []byte
		final       bool
		want        sample.Verdict
	}{
		{"a hello that matches", `[` + isMail + `]`, hello, false, sample.Pass},
		{"half a hello", `[` + isMail + `]`, hello[:50], false, sample.Miss},
		{"half a hello, and no more", `[` + isMail + `]`, hello[:50], true, sample.Fail},
		{"not TLS", `[` + isMail + `]`, []byte("SSH-2.0-x"), false, sample.Fail},
		{"not, where case matters", `[` + notMail + `]`, hello, false, sample.Pass},
		{"not, not known yet", `[` + notMail + `]`, hello[:50], false, sample.Miss},
		{"not, and no more", `[` + notMail + `]`, hello[:50], true, sample.Pass},
		{"both true", `[` + isHello + `,` + isMail + `]`, hello, false, sample.Pass},
		{"false, then unknown", `[` + no + `,` + later + `]`, hello, false, sample.Fail},
		{"unknown, then false", `[` + later + `,` + no + `]`, hello, false, sample.Miss},
		{"unknown, then false, no more", `[` + later + `,` + no + `]`, hello, true, sample.Fail},
		{"true, then unknown", `[` + yes + `,` + later + `]`, hello, false, sample.Miss},
		{"one of two", `[{"any": [{"fetch": "always_false"}, {"fetch": "always_true"}]}]`, hello, false, sample.Pass},
		{"unknown or true", `[{"any": [{"fetch": "wait_end"}, {"fetch": "always_true"}]}]`, hello, false, sample.Pass},
		{"unknown or false", `[{"any": [{"fetch": "wait_end"}, {"fetch": "always_false"}]}]`, hello, false, sample.Miss},
		{"false or unknown", `[{"any": [{"fetch": "always_false"}, {"fetch": "wait_end"}]}]`, hello, false, sample.Miss},
		{"not one of two", `[{"not": true, "any": [{"fetch": "always_false"}, {"fetch": "always_true"}]}]`, hello, false, sample.Fail},
		{"at the end", `[` + waitEnd + `]`, nil, true, sample.Pass},
		{"not at the end", `[` + waitEnd + `]`, hello, false, sample.Miss},
	} {
		if got := mustLoad(t, c.terms).MatchInput(input(t, c.sent, c.final)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestNeedsRequest(t *testing.T) {
	for terms, want := range map[string]bool{
		`[` + yes + `]`:    false,
		`[` + isMail + `]`: true,
		`[{"any": [{"fetch": "src", "values": ["127.0.0.0/8"]}]}]`:                                 false,
		`[` + yes + `,{"any": [{"fetch": "dst_port", "values": ["443"]}, {"fetch": "wait_end"}]}]`: true,
		`[{"any": [{"fetch": "var(sess.sni)", "method": "str", "values": ["a.test"]}]}]`:           false,
	} {
		if got := mustLoad(t, terms).NeedsRequest(); got != want {
			t.Errorf("%s: %v", terms, got)
		}
	}
}

func TestMistakes(t *testing.T) {
	for terms, want := range map[string]string{
		`[]`:   "acl: expected at least one term",
		`[{}]`: "acl: term 1: term without criteria: expected at least one in any",
		`[` + yes + `, {"name": "a", "any": []}]`:                                                "acl: term 2 (a): term without criteria",
		`[{"name": "a", "any": [{"fetch": "sni"}]}]`:                                             "acl: term 1 (a): unknown fetch method 'sni'",
		`[{"any": [{"fetch": "src", "files": ["` + filepath.Join(t.TempDir(), "none") + `"]}]}]`: "acl: term 1: ",
		`[{"fetch": "src"}]`:                       "unknown field",
		`[{"any": [{"fetch": "req.rdp_cookie"}]}]`: "is not supported: ",
	} {
		if _, err := loaded(t, terms); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", terms, err, want)
		}
	}
}

func TestFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(file, []byte("# names\nsmtp.mail.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	terms, err := json.Marshal(&Matcher{Terms: []sample.Term{{Any: []sample.Criterion{{Fetch: "req.ssl_sni", Files: []string{file}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	m := mustLoad(t, string(terms))
	for name, want := range map[string]sample.Verdict{"smtp.mail.test": sample.Pass, "imap.mail.test": sample.Fail} {
		if got := m.MatchInput(input(t, hellotest.Hello(t, name), false)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// at is a connection with the given addresses.
type at struct {
	hellotest.Conn
	remote, local net.Addr
}

func (c *at) RemoteAddr() net.Addr { return c.remote }
func (c *at) LocalAddr() net.Addr  { return c.local }

type name string

func (name) Network() string  { return "test" }
func (n name) String() string { return string(n) }

// In a caddy-l4 route the matcher sees the bytes read so far, and asks for more.
func TestMatch(t *testing.T) {
	hello := hellotest.Hello(t, "smtp.mail.test")
	m := mustLoad(t, `[`+isMail+`]`)
	for n, want := range map[int]error{0: layer4.ErrConsumedAllPrefetchedBytes, 50: layer4.ErrConsumedAllPrefetchedBytes, len(hello): nil} {
		cx := layer4.WrapConnection(new(hellotest.Conn), hello[:n:n], zap.NewNop())
		if matched, err := m.Match(cx); !errors.Is(err, want) || matched != (want == nil) {
			t.Errorf("%d bytes: %v, %v", n, matched, err)
		}
	}
	cx := layer4.WrapConnection(new(hellotest.Conn), []byte("SSH-2.0-x"), zap.NewNop())
	if matched, err := m.Match(cx); matched || err != nil {
		t.Errorf("SSH: %v, %v", matched, err)
	}
	// The first byte shows that a banner is no hello. The bytes after it are seen nevertheless.
	banner := mustLoad(t, `[{"any": [{"fetch": "req.payload(0,7)", "method": "str", "values": ["SSH-2.0"]}]}]`)
	buf := []byte("SSH-2.0-x")
	grown := layer4.WrapConnection(new(hellotest.Conn), buf[:3], zap.NewNop())
	if matched, err := banner.Match(grown); matched || !errors.Is(err, layer4.ErrConsumedAllPrefetchedBytes) {
		t.Errorf("half a banner: %v, %v", matched, err)
	}
	whole := layer4.WrapConnection(new(hellotest.Conn), buf, zap.NewNop())
	whole.SetVar("client_hello_inspection", grown.GetVar("client_hello_inspection"))
	if matched, err := banner.Match(whole); !matched || err != nil {
		t.Errorf("a banner: %v, %v", matched, err)
	}
}

// A matcher that needs no bytes does not read them.
func TestMatchWithoutRequest(t *testing.T) {
	m := mustLoad(t, `[{"any": [{"fetch": "src", "values": ["192.0.2.0/24"]}]}, {"any": [{"fetch": "dst_port", "values": ["443"]}]}]`)
	for remote, want := range map[string]bool{"192.0.2.1": true, "198.51.100.1": false} {
		cx := layer4.WrapConnection(&at{remote: &net.TCPAddr{IP: net.ParseIP(remote), Port: 5}, local: &net.TCPAddr{IP: net.ParseIP("10.0.0.1"), Port: 443}}, nil, zap.NewNop())
		if matched, err := m.Match(cx); matched != want || err != nil {
			t.Errorf("%s: %v, %v", remote, matched, err)
		}
		if cx.GetVar("client_hello_inspection") != nil {
			t.Error("the bytes were inspected")
		}
	}
}

func TestInput(t *testing.T) {
	for _, c := range []struct {
		remote net.Addr
		want   string
	}{
		// An IPv4 client of a dual-stack listener.
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 5}, "192.0.2.1:5"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 5}, "[2001:db8::1]:5"},
		{name("192.0.2.1:5"), "192.0.2.1:5"},
		{name("/run/x.sock"), "invalid AddrPort"},
		{nil, "invalid AddrPort"},
	} {
		cx := layer4.WrapConnection(&at{remote: c.remote, local: name("[2001:db8::2]:443")}, nil, zap.NewNop())
		in := Input(cx)
		if in.Source.String() != c.want || in.Destination.String() != "[2001:db8::2]:443" || in.Hello != nil || in.Final {
			t.Errorf("%v: %v to %v", c.remote, in.Source, in.Destination)
		}
	}
	cx := layer4.WrapConnection(new(hellotest.Conn), nil, zap.NewNop())
	in := Input(cx)
	cx.SetVar("sess.sni", sample.Text("a.test"))
	cx.SetVar("sess.tls", true)
	for variable, want := range map[string]string{"sess.sni": "a.test", "sess.tls": "true", "sess.other": ""} {
		if got, ok := in.Var(variable); got.String() != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", variable, got, ok)
		}
	}
}
