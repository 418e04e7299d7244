// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// checkPlaceholders checks the placeholders of cx, by name.
func checkPlaceholders(t *testing.T, cx *layer4.Connection, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for _, name := range []string{"sni", "alpn", "version", "ja3", "ja4", "outcome", "", "SNI", "ech", "sni.x"} {
		if value, known := cx.Replacer().GetString(replPrefix + name); known {
			got[name] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("placeholders: -want +got\n%s", diff)
	}
}

func TestPlaceholders(t *testing.T) {
	for _, c := range []struct {
		raw                []byte
		sni, alpn, version string
	}{
		{hello(t, "WWW.Example.Test", "h2", "http/1.1"), "www.example.test", "h2,http/1.1", "1.3"},
		{hello(t, "a.test"), "a.test", "", "1.3"},
		{hello(t, "a.test."), "a.test", "", "1.3"},
		{hello(t, "", "h2"), "", "h2", "1.3"},
		{hellotest.Plain().Raw(), "", "", "1.2"},
		{hellotest.Plain(hellotest.SupportedVersions(0x0a0a)).Raw(), "", "", "0x0000"},
	} {
		cx := wrapped(new(hellotest.Conn), c.raw)
		if _, err := provisioned(t, Matcher{SNI: []string{"other.test"}}).Match(cx); err != nil {
			t.Fatal(err)
		}
		i := inspected(t, c.raw)
		checkPlaceholders(t, cx, map[string]string{
			"sni": c.sni, "alpn": c.alpn, "version": c.version, "ja3": i.JA3(), "ja4": i.JA4(), "outcome": "hello",
		})
	}
}

// Placeholders are evaluated when they are used.
func TestPlaceholdersAreLazy(t *testing.T) {
	raw := hello(t, "a.test", "h2")
	cx := wrapped(new(hellotest.Conn), nil)
	checkPlaceholders(t, cx, map[string]string{})

	i := clienthello.NewInspection(0)
	defer i.Release()
	Share(cx, i)
	for _, part := range [][]byte{nil, raw[:1], raw[1:100], raw[100 : len(raw)-1]} {
		i.Feed(part)
		checkPlaceholders(t, cx, map[string]string{"outcome": "pending"})
	}
	i.Feed(raw[len(raw)-1:])
	found := map[string]string{"sni": "a.test", "alpn": "h2", "version": "1.3", "ja3": i.JA3(), "ja4": i.JA4(), "outcome": "hello"}
	checkPlaceholders(t, cx, found)
	if got, want := cx.Replacer().ReplaceAll("{l4.client_hello.sni}:443 {l4.client_hello.x}.", "-"), "a.test:443 -."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// An inspection that ends without a hello has no placeholder but its outcome.
func TestPlaceholdersWithoutHello(t *testing.T) {
	for outcome, end := range map[string]func(*clienthello.Inspection) clienthello.Outcome{
		"timeout":     (*clienthello.Inspection).Expire,
		"client_left": (*clienthello.Inspection).Leave,
		"not_tls":     func(i *clienthello.Inspection) clienthello.Outcome { return i.Feed([]byte("GET")) },
	} {
		cx := wrapped(new(hellotest.Conn), nil)
		i := clienthello.NewInspection(0)
		Share(cx, i)
		end(i)
		checkPlaceholders(t, cx, map[string]string{"outcome": outcome})
		i.Release()
	}
}

// The memory of a released inspection may be in use by another connection.
func TestPlaceholdersAfterRelease(t *testing.T) {
	raw := hello(t, "a.test")
	cx := wrapped(new(hellotest.Conn), raw)
	Share(cx, inspected(t, raw))
	Share(cx, nil)
	checkPlaceholders(t, cx, map[string]string{})
	if got := cx.Replacer().ReplaceKnown("{l4.client_hello.sni}", ""); got != "{l4.client_hello.sni}" {
		t.Errorf("%q is known", got)
	}
	// A later matcher makes an inspection of its own.
	if got, err := provisioned(t, Matcher{SNI: []string{"a.test"}}).Match(cx); !got || err != nil {
		t.Errorf("the matcher says %v, %v", got, err)
	}
	if name, _ := cx.Replacer().GetString("l4.client_hello.sni"); name != "a.test" {
		t.Errorf("placeholder sni is %q", name)
	}
}

// The replacer gets one function per connection, whatever the number of matchers, rounds of
// matching and inspections.
func TestPlaceholdersAreAddedOnce(t *testing.T) {
	providers := func(cx *layer4.Connection) int {
		return reflect.ValueOf(cx.Replacer()).Elem().FieldByName("providers").Len()
	}
	raw := hello(t, "a.test")
	cx := wrapped(new(hellotest.Conn), raw)
	before := providers(cx)
	for _, name := range []string{"a.test", "b.test", "c.test"} {
		_, _ = provisioned(t, Matcher{SNI: []string{name}}).Match(cx)
	}
	for range 3 {
		Share(cx, inspected(t, raw))
		Share(cx, nil)
	}
	if _, err := provisioned(t, Matcher{}).Match(cx); err != nil {
		t.Fatal(err)
	}
	if added := providers(cx) - before; added != 1 {
		t.Errorf("%d functions were added", added)
	}
}

// A connection wrapped for another layer has the placeholders of the last inspection.
func TestPlaceholdersOfAWrappedConnection(t *testing.T) {
	outer := wrapped(new(hellotest.Conn), nil)
	i := inspected(t, hello(t, "outer.test"))
	Share(outer, i)
	inner := outer.Wrap(new(hellotest.Conn))
	for _, cx := range []*layer4.Connection{outer, inner} {
		if name, _ := cx.Replacer().GetString("l4.client_hello.sni"); name != "outer.test" {
			t.Errorf("placeholder sni is %q", name)
		}
	}
	Share(inner, inspected(t, hello(t, "inner.test")))
	if name, _ := outer.Replacer().GetString("l4.client_hello.sni"); name != "inner.test" {
		t.Errorf("placeholder sni is %q", name)
	}
}

// A client may put anything into its name: a placeholder in it stays text.
func TestPlaceholdersAreNotExpandedTwice(t *testing.T) {
	for _, name := range []string{"{l4.client_hello.alpn}", "{env.PATH}", "{file./etc/hostname}", `a\}`} {
		raw := hellotest.Plain(hellotest.SNI(name), hellotest.ALPN("h2")).Raw()
		cx := wrapped(new(hellotest.Conn), nil)
		Share(cx, inspected(t, raw))
		if got := cx.Replacer().ReplaceAll("<{l4.client_hello.sni}>", ""); got != "<"+strings.ToLower(name)+">" {
			t.Errorf("%q became %q", name, got)
		}
	}
}

// The placeholders that configurations may use are those that a hello provides.
func TestPlaceholdersAreKnown(t *testing.T) {
	i := inspected(t, hello(t, "a.test"))
	for _, name := range options.HelloPlaceholders {
		if _, known := placeholder(i, replPrefix+name); !known {
			t.Errorf("{%s%s} is taken, and nothing provides it", replPrefix, name)
		}
	}
	if _, known := placeholder(i, replPrefix+"nothing"); known {
		t.Error("a placeholder of nothing has a value")
	}
}
