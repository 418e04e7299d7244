// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestCVE_2023_25076: sniproxy copied the name into a buffer of fixed size if the backend was a
// wildcard. Here, with the client's name as the server's address, a name of any length or form that
// is not a host name leads nowhere, not even to a DNS query.
func TestCVE_2023_25076(t *testing.T) {
	var connected atomic.Int32
	origin := listen(t, func(c *net.TCPConn) {
		connected.Add(1)
		sendBack(c)
	})
	address, allowing := freeAddress(t), freeAddress(t)
	port := portOf(t, origin)
	p := start(t, fmt.Sprintf(`
	layer4 {
		durable/%[1]s {
			route {
				passthrough {
					server any {l4.client_hello.sni}:%[3]s
				}
			}
		}
		durable/%[2]s {
			route {
				passthrough {
					name allowing
					server any {l4.client_hello.sni}:%[3]s
					allow_local_addresses
				}
			}
		}
	}`, address, allowing, port), "")
	label := strings.Repeat("a", 63) + "."
	names := []string{
		"127.0.0.1", "127.0.0.1.", "127.0.0.1..", "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F000001", "0x7f.1",
		"0x7f.0x1", "0177.0.0.1", "017700000001", "127.0.0.0x1", "127.0.0.01", "0", "0.0.0.0", "1.2.3.4.5", "localhost.1",
		"localhost.0x7f", "localhost", "LOCALHOST.", "::1", "[::1]", "::", "[::]", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "0:0:0:0:0:0:0:1",
		"fe80::1%lo", "::1%25lo", "::127.0.0.1", origin, "localhost:" + port, "localhost:", ":", ":80", "a:b@localhost",
		"@localhost", "user@127.0.0.1", "127.0.0.1@localhost", "/", "//127.0.0.1", "localhost/", "/localhost", "../127.0.0.1",
		"..", "../../etc/passwd", "http://127.0.0.1", "unix//run/x", "unix/localhost", "%", "%00", "127.0.0.1%00",
		"127%2e0%2e0%2e1", "%6cocalhost", "localhost%lo", "{env.HOME}", "{l4.client_hello.sni}", "$(id)",
		"\x00", "127.0.0.1\x00", "127.0.0.1\x00.example.test", "localhost\x00", "\x00localhost",
		".localhost", ".127.0.0.1", ".", "a..localhost", "*", "*.", "*.localhost", "*.127.0.0.1", "l*calhost",
		" localhost", "localhost ", "127.0.0.1 ", "\tlocalhost", "localhost\n", "localhost\r\nX: y", "127.0.0.1\n",
		"１２７.0.0.1", "127。0。0。1", "ⓛocalhost", "localhoſt", "l\xffcalhost", "\xff\xfe", "localhost,127.0.0.1",
		"localhost;127.0.0.1", strings.Repeat("a", 64), strings.Repeat("a", 255), strings.Repeat("1", 255),
		label + label + label + label[:62], strings.Repeat("a.", 127) + "a", strings.Repeat("a", 256), strings.Repeat(".", 255),
		strings.Repeat(label, 4) + "a", strings.Repeat("a", 60_000),
	}
	var hellos [][]byte
	for _, name := range names {
		hellos = append(hellos, hellotest.Plain(hellotest.SNI(name)).Raw())
	}
	announced := slices.Concat([]byte{0xff, 0xff, 0, 0xff, 0xff}, bytes.Repeat([]byte("a"), 65_000))
	names = append(names, "a name of 65535 bytes")
	hellos = append(hellos, hellotest.Plain(hellotest.Extension(hellotest.TypeServerName, announced)).Raw())

	talks := make([]talk, len(names))
	together(len(names), func(i int) { talks[i] = speak(address, hellos[i], 1<<20, true) })
	lines := p.byClient(t, len(names))
	ends := make(map[string]int)
	for i, name := range names {
		l := lines[talks[i].ends]
		end := l.Outcome + " " + l.End
		if end != "malformed refused" && end != "hello no_address" || strings.Contains(l.Error, "lookup") {
			t.Errorf("%.80q: log line %+v", name, l)
		}
		ends[end]++
	}
	if n := connected.Load(); n != 0 {
		t.Errorf("%d connections reached 127.0.0.1", n)
	}
	t.Logf("%d names ended as %v", len(names), ends)

	p.forget()
	raw := hellotest.Plain(hellotest.SNI("LocalHost.")).Raw()
	if got := speak(allowing, raw, 1<<20, true); !bytes.Equal(got.answer, raw) || connected.Load() != 1 {
		t.Errorf("localhost: %x (%v), %d connections", got.answer, got.err, connected.Load())
	}
	if l := p.sessions(t, 1)[0]; l.Address != "localhost:"+port || l.Termination != "--" {
		t.Errorf("localhost: log line %+v", l)
	}
}

// secrets are the parts of a hello that belong to the client rather than to its program.
var secrets = map[string]string{
	"PSK identity": "the-identity-of-one-client-4711",
	"PSK binder":   "the-binder-of-one-client-0815-ab",
	"ticket":       "the-ticket-of-one-client-271828",
	"session id":   "the-session-id-of-one-client-314",
	"random":       "the-random-of-one-client-1618033",
	"key":          "the-key-share-of-one-client-1414",
	"ECH":          "the-inside-of-ECH-of-one-client!",
}

// secretive returns a hello with all secrets, and more extensions.
func secretive(name string, more ...[]byte) []byte {
	identities := hellotest.Vector16(append(hellotest.Vector16([]byte(secrets["PSK identity"])), 0, 0, 0, 0))
	binders := hellotest.Vector16(hellotest.Vector8([]byte(secrets["PSK binder"])))
	h := hellotest.Plain(slices.Concat([][]byte{
		hellotest.SNI(name),
		hellotest.ALPN("h2"),
		hellotest.SupportedVersions(0x0304),
		hellotest.Groups(0x001d),
		hellotest.Extension(35, []byte(secrets["ticket"])),
		hellotest.Extension(hellotest.TypeKeyShare, hellotest.Vector16(hellotest.KeyShare(0x001d, []byte(secrets["key"])))),
		hellotest.Extension(hellotest.TypeECH, []byte(secrets["ECH"])),
	}, more, [][]byte{hellotest.Extension(hellotest.TypePreSharedKey, slices.Concat(identities, binders))})...)
	h.SessionID = []byte(secrets["session id"])
	body := h.Body()
	copy(body[2:], secrets["random"])
	return hellotest.Records(hellotest.Handshake(1, body))
}

// reveals reports whether a text contains a secret as it is, in hexadecimal or decimal digits, or
// in base64.
func reveals(text, secret string) bool {
	lower := strings.ToLower(text)
	numbers := strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")
	for _, form := range []string{
		secret, fmt.Sprintf("%x", secret), fmt.Sprintf("% x", secret), numbers, strings.ReplaceAll(numbers, " ", ","),
	} {
		if strings.Contains(lower, strings.ToLower(form)) {
			return true
		}
	}
	for before, spoilt := range []int{0, 2, 3} { // base64 depends on the number of bytes before it
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			form := encoding.EncodeToString(append(make([]byte, before), secret...))
			if strings.Contains(text, form[spoilt:len(form)-2]) {
				return true
			}
		}
	}
	return false
}

// TestCVE_2026_42505: crypto/tls showed pre-shared key identities in the outer hello, by which
// clients with ECH can be identified. Here nothing that belongs to one client reaches the log,
// whatever rules ask about the hello and however the connection ends.
func TestCVE_2026_42505(t *testing.T) {
	for what, secret := range secrets {
		for _, text := range []string{
			"x" + secret, fmt.Sprintf("%x", "x"+secret), fmt.Sprintf("%X", secret), fmt.Sprintf("%d", []byte("x"+secret)),
			base64.StdEncoding.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte("x" + secret + "y")),
			base64.URLEncoding.EncodeToString([]byte("xx" + secret)),
		} {
			if !reveals(text, secret) {
				t.Fatalf("the test does not find the %s in %s", what, text)
			}
		}
	}
	parsed, err := clienthello.Parse(secretive("some.example.test"))
	if err != nil || !parsed.PSK() || !parsed.ECH() || string(parsed.SessionID()) != secrets["session id"] {
		t.Fatalf("%+v: %v", parsed, err)
	}
	address, routed := freeAddress(t), freeAddress(t)
	p := start(t, fmt.Sprintf(`
	debug
	passthrough {
		backend any.example.test {
			server s1 %[1]s
		}
		backend by-name {
			server s1 {l4.client_hello.sni}:1
		}
		backend down {
			server s1 %[2]s
			retries 0
		}
	}
	layer4 {
		durable/%[3]s {
			route {
				passthrough {
					inspect_delay 1m
					use_backend down {
						sni down.example.test
						ja3 %[5]s
						ja4 %[6]s
					}
					use_backend by-name sni 127.0.0.1
					use_backend any.example.test {
						sni vars.example.test
						vars {l4.client_hello.ja3} %[5]s
						not client_hello ja4 *_*_000000000000
					}
					use_backend any.example.test {
						sni vars.example.test
						vars {l4.client_hello.ja4} %[6]s
					}
					use_backend {l4.client_hello.sni} alpn h2
				}
			}
		}
		durable/%[4]s {
			@m client_hello ja4 %[6]s
			route @m {
				passthrough {
					name routed
					default_backend any.example.test
				}
			}
		}
	}`, listen(t, sendBack), freeAddress(t), address, routed, parsed.JA3(), parsed.JA4()), "")

	whole := secretive("any.example.test")
	visits := []struct {
		address, end string
		raw          []byte
	}{
		{address, "hello --", whole},
		{routed, "hello --", whole},
		{address, "hello --", secretive("vars.example.test")},
		{address, "hello SC", secretive("down.example.test")},
		{address, "hello SC", secretive("127.0.0.1")},
		{address, "hello SC", secretive("unknown.example.test")},
		{address, "malformed PR", secretive("any.example.test", hellotest.ALPN("h2"))},
		{address, "malformed PR", slices.Concat(records(whole, 100)[:2*105], []byte{23, 3, 3})},
		{address, "client_left CR", whole[:len(whole)-1]},
	}
	for i, v := range visits {
		got := speak(v.address, v.raw, 1<<20, true)
		if l := p.byClient(t, i+1)[got.ends]; l.Outcome+" "+l.Termination != v.end {
			t.Errorf("log line %+v, want %s", l, v.end)
		}
	}
	text := p.log()
	if !strings.Contains(text, "any.example.test") || !strings.Contains(text, `"level":"debug"`) {
		t.Errorf("the log lacks expected fields:\n%s", text)
	}
	for what, secret := range secrets {
		if reveals(text, secret) {
			t.Errorf("the log contains the %s:\n%s", what, text)
		}
	}
}
