// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestHAProxy_7209c204b: HAProxy read fields (TLVs) from the wrong place when data followed them.
// Here bytes in the same segment as the hello change nothing, and reach the server after it, byte
// for byte.
func TestHAProxy_7209c204b(t *testing.T) {
	const listener = `
		durable/%s {
			%s
			route %s {
				passthrough {
					name %s
					use_backend right sni www.example.test
					default_backend wrong
				}
			}
		}`
	fronts := []struct{ name, matcher string }{
		{"alone", ""},
		{"first-byte", "@m regexp ^\\x16 1"},
		{"some-bytes", "@m regexp ^\\x16 40"},
		{"whole-hello", "@m client_hello sni www.example.test"},
		{"caddy-l4", "@m tls"},
		{"more-than-the-hello", "@m regexp ^\\x16 6000"},
	}
	var listeners strings.Builder
	addresses := make(map[string]string)
	for _, f := range fronts {
		addresses[f.name] = freeAddress(t)
		use, _, _ := strings.Cut(f.matcher, " ")
		fmt.Fprintf(&listeners, listener, addresses[f.name], f.matcher, use, f.name)
	}
	origin := listen(t, sendBack)
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend right {
			server s1 %[1]s
		}
		backend wrong {
			server s1 %[1]s
		}
	}
	layer4 {%[2]s
	}`, origin, &listeners), "")

	other := hellotest.Plain(hellotest.SNI("evil.example.test")).Raw()
	random := make([]byte, 20_000)
	_, _ = rand.Read(random)
	behind := [][]byte{
		other, other[:4], hellotest.Record(21, []byte{2, 80}), hellotest.Record(22, nil),
		[]byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), make([]byte, 5000),
	}
	hello := hellotest.Hello(t, "www.example.test")
	// caddy-l4 and this handler read up to 2048 bytes at once.
	for _, size := range []int{1, 2, 3, 4, 5, 6, 2048 - len(hello), 2049 - len(hello), 4096 - len(hello), 4097 - len(hello), 20_000} {
		if size > 0 {
			behind = append(behind, random[:size])
		}
	}
	type visitor struct {
		front string
		raw   []byte
	}
	var visitors []visitor
	for _, f := range fronts {
		for _, more := range behind {
			for _, hello := range [][]byte{hello, records(hello, 100)} {
				raw := slices.Concat(hello, more)
				if f.name == "caddy-l4" && hello[4] == 100 || f.name == "more-than-the-hello" && len(raw) < 6000 {
					continue // one wants the hello in one record, the other more bytes
				}
				visitors = append(visitors, visitor{f.name, raw})
			}
		}
	}
	talks := make([]talk, len(visitors))
	together(len(talks), func(i int) { talks[i] = speak(addresses[visitors[i].front], visitors[i].raw, 1<<20, true) })
	lines := p.byClient(t, len(talks))
	for i, v := range visitors {
		got, l := talks[i], lines[talks[i].ends]
		if l.Backend != "right" || l.SNI != "www.example.test" || int(l.In) != len(v.raw) || !bytes.Equal(got.answer, v.raw) {
			t.Errorf("%s, %d bytes: the server got %d (%v), log line %+v", v.front, len(v.raw), len(got.answer), got.err, l)
		}
	}
}

// TestHAProxy_336170007: HAProxy leaked the state of a second ClientHello, after a
// HelloRetryRequest. Here the proxy does not look at it: the handshake succeeds, the server
// receives every byte, and nothing is left behind.
func TestHAProxy_336170007(t *testing.T) {
	const name = "retry.example.test"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{roots: x509.NewCertPool()}
	config := &tls.Config{Certificates: []tls.Certificate{e.certificate(t, key)}, CurvePreferences: []tls.CurveID{tls.CurveP521}}
	origin := listen(t, func(c *net.TCPConn) {
		heard := &recordingConn{TCPConn: c}
		server := tls.Server(heard, config)
		if err := server.Handshake(); err != nil || !server.ConnectionState().HelloRetryRequest {
			t.Errorf("at the server: %v, HelloRetryRequest sent: %v", err, server.ConnectionState().HelloRetryRequest)
			return
		}
		_, _ = server.Write(heard.bytes)
		_ = server.CloseWrite()
		_, _ = io.Copy(io.Discard, server)
	})
	p, address := startServers(t, "inspect_delay 1m", origin)
	goroutines, descriptors := p.goroutines(t), p.descriptors(t)

	// A share of X25519 only, which the server does not accept.
	c := goClient(e, "retrying", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP521}}, shown{})
	const each = 5
	visits := make([]visit, each*len(cuttings))
	together(len(visits), func(i int) { visits[i] = visitServer(address, name, c.open, cuttings[i/each]) })
	for i, v := range visits {
		if v.err != nil || !bytes.Equal(v.answer, v.sent) || len(v.sent) == 0 {
			t.Errorf("%s: %v; the server received\n%x, the client sent\n%x", cuttings[i/each].name, v.err, v.answer, v.sent)
		}
	}
	printed := openssl(t, address, "-servername", name, "-groups", "X25519:P-521", "-tls1_3")
	if !strings.Contains(printed, "Cipher is TLS_") {
		t.Errorf("s_client:\n%s", printed)
	}
	for _, l := range p.sessions(t, len(visits)+1) {
		if l.Outcome != "hello" || l.SNI != name || l.Version != "1.3" || !l.isInOrder() {
			t.Errorf("log line %+v", l)
		}
	}
	within(t, "goroutines", goroutines, func() int { return p.goroutines(t) })
	within(t, "descriptors", descriptors, func() int { return p.descriptors(t) })
}
