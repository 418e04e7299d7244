// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestCVE_2026_32305: Traefik saw no name in a hello split over several records, and applied the
// laxest configuration. Here, where hellos without a name go to an open backend, neither a cut
// hello nor a refused message gets there.
func TestCVE_2026_32305(t *testing.T) {
	var opened atomic.Int32
	open := listen(t, func(c *net.TCPConn) {
		opened.Add(1)
		sendBack(c)
	})
	address := freeAddress(t)
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend open {
			server s1 %s
		}
		backend guarded {
			server s1 %s
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					inspect_delay 1m
					use_backend guarded sni %s
					default_backend open
					on sslv2 reject
				}
			}
		}
	}`, open, listen(t, sendBack), address, secretName), "")

	type message struct {
		name, outcome string
		raw           []byte
	}
	var messages []message
	add := func(name, outcome string, raw []byte) { messages = append(messages, message{name, outcome, raw}) }
	small := hellotest.Plain(hellotest.SNI(secretName)).Message()
	for at := 1; at < len(small); at++ {
		add(fmt.Sprintf("cut at %d", at), "hello", hellotest.Records(small, at, uncut))
	}
	for size := 1; size < 10; size++ {
		add(fmt.Sprintf("records of %d", size), "hello", hellotest.Records(small, size))
	}
	for _, name := range []string{secretName, "SECRET.Example.TEST", secretName + "."} {
		whole := hellotest.Hello(t, name, "h2")[5:]
		for at := 1; at < len(whole); at += 1 + len(whole)/40 {
			add(fmt.Sprintf("%s of crypto/tls, cut at %d", name, at), "hello", hellotest.Records(whole, at, uncut))
		}
		add(name+" of crypto/tls, records of 1", "hello", hellotest.Records(whole, 1))
	}
	for _, refused := range hellotest.Refused() {
		raw := refused.Raw
		add(refused.Name, refused.Outcome, raw)
		if isRecord := len(raw) > 5 && raw[0] == 22 && len(raw) == 5+int(raw[3])<<8+int(raw[4]); isRecord && len(raw) <= uncut {
			add(refused.Name+", records of 1", refused.Outcome, records(raw, 1))
		}
	}

	talks := make([]talk, len(messages))
	together(len(talks), func(i int) { talks[i] = speak(address, messages[i].raw, 1<<20, true) })
	lines := p.byClient(t, len(talks))
	for i, m := range messages {
		got, l := talks[i], lines[talks[i].ends]
		want := "guarded"
		if m.outcome != "hello" {
			want = ""
		}
		if l.Outcome != m.outcome || l.Backend != want || want != "" && !bytes.Equal(got.answer, m.raw) {
			t.Errorf("%s: %s to %q with name %q (%v); want %s to %q", m.name, l.Outcome, l.Backend, l.SNI, got.err, m.outcome, want)
		}
	}
	if n := opened.Load(); n != 0 {
		t.Errorf("%d of %d connections reached the open backend", n, len(messages))
	}
	// A hello without a name does.
	p.forget()
	speak(address, hellotest.Plain().Raw(), 1<<20, true)
	if l := p.sessions(t, 1)[0]; l.Backend != "open" || opened.Load() != 1 {
		t.Errorf("hello without a name: %+v", l)
	}
	t.Logf("%d connections", len(messages))
}

// TestCVE_2022_41724: crypto/tls panicked at large handshake records. Here the largest record and
// the largest hello pass byte for byte, one byte more is refused, and the process lives.
func TestCVE_2022_41724(t *testing.T) {
	p, address, e := startRefusing(t, "")
	padded := func(size int) []byte { return hellotest.Plain(hellotest.SNI("large.example.test")).Pad(size).Message() }
	for _, c := range []struct {
		name, outcome string
		raw           []byte
	}{
		{"record of 16384 bytes", "hello", hellotest.Record(22, padded(16384-4))},
		{"record of 16385 bytes", "malformed", hellotest.Record(22, padded(16385-4))},
		{"record of 65535 bytes", "malformed", hellotest.Record(22, padded(65535-4))},
		{"second record of 16384 bytes", "hello", hellotest.Records(padded(16384), 4, 16384)},
		{"second record of 16385 bytes", "malformed", hellotest.Records(padded(16385), 4, 16385)},
		{"hello of 64 KiB", "hello", hellotest.Records(padded(65536))},
		{"hello of 64 KiB in records of 1 byte", "hello", hellotest.Records(padded(65536), 1)},
		{"hello of 64 KiB and 1 byte", "too_large", hellotest.Records(padded(65536 + 1))},
		{"record of 65535 bytes after the hello", "hello", slices.Concat(
			hellotest.Records(padded(300)), hellotest.Record(22, bytes.Repeat([]byte{1}, 65535)))},
	} {
		p.forget()
		got := speak(address, c.raw, 1<<20, true)
		want, backend := decodeError, ""
		if c.outcome == "hello" {
			want, backend = c.raw, "any"
		}
		if !bytes.Equal(got.answer, want) {
			t.Errorf("%s: an answer of %d bytes (%v), want %d", c.name, len(got.answer), got.err, len(want))
		}
		if l := p.sessions(t, 1)[0]; l.Outcome != c.outcome || l.Backend != backend {
			t.Errorf("%s: log line %+v, want %s to %q", c.name, l, c.outcome, backend)
		}
	}
	e.handshake(t, address)
}

// TestCVE_2025_46806: one of sslh's probes read at a misaligned address, and three more took a
// short read for all there is. Here every matcher decides the same for a hello that arrives byte by
// byte as for one that arrives at once, in rules and in routes.
func TestCVE_2025_46806(t *testing.T) {
	match := hellotest.Plain(
		hellotest.SNI("match.example.test"), hellotest.ALPN("http/1.1", "h2"), hellotest.Groups(0x11ec, 0x001d),
		hellotest.SupportedVersions(0x3a3a, 0x0304), hellotest.KeyShares(0x11ec), hellotest.Extension(hellotest.TypeECH, []byte{1}),
	).Raw()
	hellos := map[string][]byte{
		"match":   match,
		"other":   hellotest.Plain(hellotest.SNI("other.example.test"), hellotest.ALPN("http/1.1")).Raw(),
		"no name": hellotest.Plain(hellotest.SupportedVersions(0x0303), hellotest.KeyShares(0x001d)).Raw(),
	}
	parsed, err := clienthello.Parse(match)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(file, []byte("match.example.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	matchers := []struct{ words, matches string }{
		{"sni match.example.test", "match"},
		{"sni_file " + file, "match"},
		{"sni_regexp ^m.*test$", "match"},
		{"no_sni", "no name"},
		{"alpn h2", "match"},
		{"version 1.3", "match"},
		{"ech", "match"},
		{"post_quantum", "match"},
		{"ja3 " + parsed.JA3(), "match"},
		{"ja4 " + parsed.JA4(), "match"},
	}
	const listeners = `
		durable/%[1]s {
			route {
				passthrough {
					inspect_delay 1m
					name rule%[4]d
					use_backend yes %[3]s
					default_backend no
				}
			}
		}
		durable/%[2]s {
			matching_timeout 1m
			@m client_hello %[3]s
			route @m {
				passthrough {
					inspect_delay 1m
					name yes%[4]d
					default_backend yes
				}
			}
			route {
				passthrough {
					inspect_delay 1m
					name no%[4]d
					default_backend no
				}
			}
		}`
	type visitor struct{ address, where, backend, hello string }
	var visitors []visitor
	var text strings.Builder
	for i, m := range matchers {
		rule, route := freeAddress(t), freeAddress(t)
		fmt.Fprintf(&text, listeners, rule, route, m.words, i)
		for hello := range hellos {
			backend := "no"
			if hello == m.matches {
				backend = "yes"
			}
			for address, where := range map[string]string{rule: " in a rule", route: " in a route"} {
				visitors = append(visitors, visitor{address, m.words + where, backend, hello})
			}
		}
	}
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend yes {
			server s1 %[1]s
		}
		backend no {
			server s1 %[1]s
		}
	}
	layer4 {%[2]s
	}`, listen(t, sendBack), &text), "")
	for _, size := range []int{uncut, 1} {
		p.forget()
		talks := make([]talk, len(visitors))
		together(len(talks), func(i int) { talks[i] = speak(visitors[i].address, hellos[visitors[i].hello], size, true) })
		lines := p.byClient(t, len(talks))
		for i, v := range visitors {
			if l := lines[talks[i].ends]; l.Backend != v.backend || !bytes.Equal(talks[i].answer, hellos[v.hello]) {
				t.Errorf("%s, hello %q in writes of %d: to %q, want %q (%v)", v.where, v.hello, size, l.Backend, v.backend, talks[i].err)
			}
		}
	}
}
