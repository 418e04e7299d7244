// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// sentinels are the errors that the outcomes' errors begin with.
var sentinels = map[string]error{
	"not_tls":   clienthello.ErrNotTLS,
	"sslv2":     clienthello.ErrSSLv2,
	"malformed": clienthello.ErrMalformed,
	"too_large": clienthello.ErrTooLarge,
}

// decodeError is the answer of reject to a client that sent TLS, but not a ClientHello.
var decodeError = []byte{21, 3, 1, 0, 2, 2, 50}

// A talk is the result of a client that sent bytes and read until the end.
type talk struct {
	ends   string // both addresses of its connection
	answer []byte
	err    error // of reading; nil if the end came in order
}

// speak sends raw in writes of size bytes and, with finishes, closes its direction; then it reads
// until the end.
func speak(address string, raw []byte, size int, finishes bool) talk {
	d := net.Dialer{Timeout: patience, LocalAddr: ownSource()}
	c, err := d.Dial("tcp", address)
	if err != nil {
		return talk{err: err}
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	return talkOn(c, raw, size, finishes)
}

// talkOn does that on a connection.
func talkOn(c net.Conn, raw []byte, size int, finishes bool) talk {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		tcp := c.(*net.TCPConn)
		_ = segments(tcp, raw, size) // the proxy may refuse before all bytes are sent
		if finishes {
			_ = tcp.CloseWrite()
		}
	}()
	t := talk{ends: endsOf(c)}
	t.answer, t.err = io.ReadAll(c)
	<-sent
	return t
}

// sources counts the source addresses used by clients.
var sources atomic.Uint32

// ownSource returns a loopback address that no other client connects from. The kernel may reuse the
// ports of one address as soon as a connection has ended, and log lines are matched by client
// address.
func ownSource() net.Addr {
	n := sources.Add(1)
	return &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}
}

// together calls do for each of n clients, a few at a time, and waits for all.
func together(n int, do func(i int)) {
	const atOnce = 24
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

// endsOf returns both addresses of a client's connection, since connections to several frontends
// can share a client port.
func endsOf(c net.Conn) string {
	return fmt.Sprint(c.LocalAddr(), " to ", c.RemoteAddr())
}

// byClient waits for n log lines, and returns them by endsOf.
func (p *process) byClient(t *testing.T, n int) map[string]logLine {
	t.Helper()
	lines := make(map[string]logLine)
	for _, l := range p.sessions(t, n) {
		ends := l.Client + " to " + l.Local
		if _, twice := lines[ends]; twice {
			t.Errorf("two log lines for %s", ends)
		}
		lines[ends] = l
	}
	return lines
}

// startRefusing runs a frontend that sends one name to a TLS server, and everything else to an
// echo.
func startRefusing(t *testing.T, options string) (p *process, address string, e *echo) {
	t.Helper()
	e, address = startEcho(t), freeAddress(t)
	p = start(t, fmt.Sprintf(`
	passthrough {
		backend web {
			server s1 %s
		}
		backend any {
			server s1 %s
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					inspect_delay 1m
					use_backend web sni www.example.test
					default_backend any
					%s
				}
			}
		}
	}`, e.address, listen(t, sendBack), address, options), "")
	return p, address, e
}

// handshake connects to the TLS server through the proxy: it still serves.
func (e *echo) handshake(t *testing.T, address string) {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{ServerName: "www.example.test", RootCAs: e.roots})
	if err != nil {
		t.Errorf("handshake afterwards: %v", err)
		return
	}
	defer c.Close()
	if heard, err := io.ReadAll(c); len(heard) == 0 || err != nil {
		t.Errorf("after the handshake: %d bytes, %v", len(heard), err)
	}
}

// refusedForms are the ways to send the table's messages: whole, and byte by byte where that is
// quick.
var refusedForms = []struct {
	name  string
	size  int
	cases []hellotest.Refusal
}{
	{"one write", 1 << 20, hellotest.Refused()},
	{"1-byte writes", 1, slices.DeleteFunc(hellotest.Refused(), func(r hellotest.Refusal) bool { return len(r.Raw) > 1000 })},
}

// Each first message of the table ends as expected, in time: with an alert if it was TLS.
func TestRefusedMessages(t *testing.T) {
	p, address, e := startRefusing(t, "on sslv2 reject")
	goroutines, descriptors := p.goroutines(t), p.descriptors(t)
	for _, form := range refusedForms {
		t.Run(form.name, func(t *testing.T) {
			p.forget()
			talks := make([]talk, len(form.cases))
			together(len(talks), func(i int) { talks[i] = speak(address, form.cases[i].Raw, form.size, false) })
			lines := p.byClient(t, len(talks))
			for i, tt := range form.cases {
				got, l := talks[i], lines[talks[i].ends]
				var want []byte
				if tt.Outcome == "malformed" || tt.Outcome == "too_large" {
					want = decodeError
				}
				if got.err != nil && !errors.Is(got.err, syscall.ECONNRESET) || !bytes.Equal(got.answer, want) {
					t.Errorf("%s: the client got %v (%v), want %v and the end", tt.Name, got.answer, got.err, want)
				}
				if end := fmt.Sprint(l.Outcome, " ", l.Termination, " ", l.End, " ", l.EndedBy); end != tt.Outcome+" PR refused proxy" {
					t.Errorf("%s: logged %s, want %s", tt.Name, end, tt.Outcome)
				}
				if !saysWhy(tt, l.Error) || l.Backend != "" || l.Level != "info" {
					t.Errorf("%s: log line %+v, want error %q", tt.Name, l, tt.Detail)
				}
			}
		})
	}
	e.handshake(t, address)
	within(t, "goroutines", goroutines, func() int { return p.goroutines(t) })
	within(t, "descriptors", descriptors, func() int { return p.descriptors(t) })
}

// saysWhy reports whether an error is the one in the table.
func saysWhy(r hellotest.Refusal, text string) bool {
	rest, ok := strings.CutPrefix(text, sentinels[r.Outcome].Error())
	if r.Detail == "" { // no detail, or one that depends on the limit
		return ok
	}
	return ok && rest == ": "+r.Detail
}

// All of these messages can go to a server, which receives each byte unchanged.
func TestRefusedMessagesToDefaultBackend(t *testing.T) {
	p, address, e := startRefusing(t, "on malformed default\n on too_large default\n on not_tls default")
	goroutines, descriptors := p.goroutines(t), p.descriptors(t)
	for _, form := range refusedForms {
		t.Run(form.name, func(t *testing.T) {
			p.forget()
			talks := make([]talk, len(form.cases))
			together(len(talks), func(i int) { talks[i] = speak(address, form.cases[i].Raw, form.size, true) })
			lines := p.byClient(t, len(talks))
			for i, tt := range form.cases {
				got, l := talks[i], lines[talks[i].ends]
				if got.err != nil || !bytes.Equal(got.answer, tt.Raw) {
					t.Errorf("%s: the server got\n%x (%v), want\n%x", tt.Name, got.answer, got.err, tt.Raw)
				}
				if l.Outcome != tt.Outcome || l.Backend != "any" || l.Termination != "--" || int(l.In) != len(tt.Raw) {
					t.Errorf("%s: log line %+v", tt.Name, l)
				}
			}
		})
	}
	e.handshake(t, address)
	within(t, "goroutines", goroutines, func() int { return p.goroutines(t) })
	within(t, "descriptors", descriptors, func() int { return p.descriptors(t) })
}
