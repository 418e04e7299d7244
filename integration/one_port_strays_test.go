// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// strayClients send first bytes that lead to no site.
func strayClients(t *testing.T) map[string][]byte {
	hello := hellotest.Hello(t, "h2.own.test", "h2")
	return map[string][]byte{
		"unknown name":          hellotest.Hello(t, "unknown.test"),
		"below a wildcard":      hellotest.Hello(t, "a.b.wild.test"),
		"no name":               hellotest.Hello(t, ""),
		"plain HTTP":            []byte("GET / HTTP/1.1\r\nHost: git.pass.test\r\n\r\n"),
		"garbage":               []byte("\x00\xff\x17garbage, and more of it\r\n\r\n"),
		"malformed hello":       append(append([]byte{}, hello[:44]...), bytes.Repeat([]byte{0xff}, len(hello)-44)...),
		"SSLv2 hello":           {0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10},
		"too large hello":       hugeHello(),
		"PROXY header":          append([]byte(lineOf4), hello...),
		"half a hello, and FIN": hello[:100],
		"nothing, and FIN":      nil,
		"half a hello":          hello[:100],
		"one byte":              hello[:1],
		"silent":                nil,
	}
}

// hugeHello is the beginning of a hello that is larger than any TLS library takes.
func hugeHello() (all []byte) {
	record := append([]byte{22, 3, 1, 0x40, 0}, make([]byte, 1<<14)...)
	for range 5 {
		all = append(all, record...)
	}
	copy(all[5:], []byte{1, 1, 0x40, 0}) // a ClientHello of 81920 bytes
	return all
}

// outcomeOf sends bytes and returns everything that comes back.
func outcomeOf(address string, first []byte, fin bool) string {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(first)
	if fin {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	answer, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "it stays open"
	}
	return string(answer) // and a reset, if the server leaves bytes unread
}

// Strays get from the http server the same answer as without the wrapper.
func (o *onePort) testStrays(t *testing.T) {
	type outcome struct{ here, bare string }
	before, outcomes, strays := o.counts(t, "impatient"), make(map[string]*outcome), strayClients(t)
	var wg sync.WaitGroup
	for name, first := range strays {
		got, fin := new(outcome), strings.HasSuffix(name, "FIN")
		outcomes[name] = got
		wg.Go(func() { got.here = outcomeOf(o.impatient, first, fin) })
		wg.Go(func() { got.bare = outcomeOf(o.bare, first, fin) })
	}
	wg.Wait()
	for name, got := range outcomes {
		if got.here != got.bare {
			t.Errorf("%s: %q, without the wrapper %q", name, got.here, got.bare)
		}
	}
	if got := outcomes["plain HTTP"].here; !strings.Contains(got, "Client sent an HTTP request to an HTTPS server") {
		t.Errorf("plain HTTP: %q", got)
	}
	after := o.counts(t, "impatient")
	passed, left := after.Ended["passed_on"]-before.Ended["passed_on"], after.Ended["client_left"]-before.Ended["client_left"]
	if passed != len(strays)-2 || left != 2 {
		t.Errorf("%d were passed on, %d left before that: want %d and 2", passed, left, len(strays)-2)
	}
}

// A client that is too slow for the frontend goes on to the http server, with what it has sent. If
// it wants an own site, that serves it.
func (o *onePort) testSlow(t *testing.T) {
	for _, n := range []onePortName{{name: "h2.own.test", answers: "own"}, {name: "git.pass.test", answers: "nginx"}} {
		before := o.counts(t, "impatient").Ended["passed_on"]
		c := &pausingConn{Conn: dial(t, o.impatient), resume: func() {
			for o.counts(t, "impatient").Ended["passed_on"] == before {
				time.Sleep(10 * time.Millisecond)
			}
		}}
		err := tls.Client(c, &tls.Config{RootCAs: o.cas[n.answers], ServerName: n.name}).Handshake()
		if own := n.answers == "own"; own != (err == nil) || !own && !strings.Contains(err.Error(), "tls: internal error") {
			t.Errorf("%s: %v", n.name, err)
		}
	}
}

// pausingConn sends its first half alone, and the rest when it may go on.
type pausingConn struct {
	net.Conn
	resume func()
	sent   bool
}

func (c *pausingConn) Write(b []byte) (int, error) {
	if c.sent {
		return c.Conn.Write(b)
	}
	c.sent = true
	if n, err := c.Conn.Write(b[:len(b)/2]); err != nil {
		return n, err
	}
	c.resume()
	n, err := c.Conn.Write(b[len(b)/2:])
	return len(b)/2 + n, err
}
