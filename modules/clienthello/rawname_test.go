// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

func TestRawServerName(t *testing.T) {
	entries := func(list ...byte) []byte { return hellotest.Extension(0, hellotest.Vector16(list)) }
	other := hellotest.SNIEntry(9, "other.example")
	name := hellotest.SNIEntry(0, "Host.Example")
	for what, c := range map[string]struct {
		hello []byte
		want  string
	}{
		"no extensions":        {hellotest.Plain().Raw(), ""},
		"no name":              {hellotest.Plain(hellotest.ALPN("h2")).Raw(), ""},
		"in lower case":        {hellotest.Plain(hellotest.SNI("a.example")).Raw(), "a.example"},
		"in mixed case":        {hellotest.Plain(hellotest.SNI("Www.Example.COM")).Raw(), "Www.Example.COM"},
		"with a dot":           {hellotest.Plain(hellotest.SNI("a.example.")).Raw(), "a.example."},
		"behind an extension":  {hellotest.Plain(hellotest.ALPN("h2"), hellotest.SNI("A.example")).Raw(), "A.example"},
		"behind another name":  {hellotest.Plain(entries(append(other, name...)...)).Raw(), "Host.Example"},
		"before another name":  {hellotest.Plain(entries(append(name, other...)...)).Raw(), "Host.Example"},
		"only another name":    {hellotest.Plain(entries(other...)).Raw(), ""},
		"over several records": {hellotest.Records(hellotest.Plain(hellotest.SNI("A.Example.")).Message(), 7), "A.Example."},
	} {
		hello, err := Parse(c.hello)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got := hello.RawServerName(); string(got) != c.want || (got == nil) != (c.want == "") {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

// TestRawServerNameIsServerName compares the two: they may differ in case and by one trailing dot.
func TestRawServerNameIsServerName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9.-]{1,60}`).Draw(t, "name")
		hello, err := Parse(hellotest.Plain(hellotest.Groups(29), hellotest.SNI(name)).Raw())
		if err != nil {
			t.Skip(err)
		}
		if got := string(hello.RawServerName()); got != name {
			t.Fatalf("%q, want %q", got, name)
		}
		lower := bytes.ToLower(bytes.TrimSuffix(hello.RawServerName(), []byte(".")))
		if got := hello.ServerName(); !bytes.Equal(got, lower) {
			t.Fatalf("%q, want %q", got, lower)
		}
	})
}

func TestRawServerNameDoesNotAllocate(t *testing.T) {
	hello, err := Parse(hellotest.Plain(hellotest.ALPN("h2"), hellotest.SNI("Www.Example.com")).Raw())
	if err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(20, func() { hello.RawServerName() }); got >= 1 {
		t.Errorf("%v allocations", got)
	}
}
