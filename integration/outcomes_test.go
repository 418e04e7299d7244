// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// delay is the inspect_delay of these tests, and slack the longest delay of an end.
const (
	delay = time.Second
	slack = 900 * time.Millisecond
)

// stimuli are bytes sent in place of a hello. Afterwards the client waits silently or closes.
func stimuli(t *testing.T) []stimulus {
	whole := hellotest.Hello(t, "www.example.test")
	return []stimulus{
		{name: "plain HTTP", say: []byte("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"), outcome: "not_tls"},
		{name: "random bytes", say: []byte{0x9f, 0x1c, 0x55, 0x00, 0xff, 0x23, 0x42}, outcome: "not_tls"},
		{name: "one byte", say: []byte{'S'}, outcome: "not_tls"},
		{name: "silence", outcome: "timeout", waits: true},
		{name: "half a hello, then silence", say: whole[:len(whole)/2], outcome: "timeout", waits: true},
		{name: "one byte of a hello, then silence", say: whole[:1], outcome: "timeout", waits: true},
		{name: "empty connection", leaves: true, outcome: "client_left"},
		{name: "half a hello, then gone", say: whole[:len(whole)/2], leaves: true, outcome: "client_left"},
		{name: "SSLv2 hello", say: []byte{0x80, 0x2e, 0x01, 0x00, 0x02, 0x00, 0x15, 0x00, 0x00, 0x00, 0x10}, outcome: "sslv2"},
		{name: "empty record", say: []byte{22, 3, 1, 0, 0}, outcome: "malformed", alert: 50},
		{name: "server's message", say: []byte{22, 3, 3, 0, 4, 2, 0, 0, 0}, outcome: "malformed", alert: 50},
		{name: "hello of 16 MiB", say: []byte{22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}, outcome: "too_large", alert: 50},
	}
}

type stimulus struct {
	name    string
	say     []byte
	leaves  bool // afterwards the client closes its side
	outcome string
	waits   bool // the end comes only when the delay is over
	alert   byte // the answer of reject
}

// play sends a stimulus and returns everything that the proxy answers until the end, how that came,
// and when.
func (s stimulus) play(t *testing.T, address string) (answer []byte, took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	c := dial(t, address)
	if _, err := c.Write(s.say); err != nil {
		t.Fatal(err)
	}
	if s.leaves {
		_ = c.CloseWrite()
	}
	answer, err = io.ReadAll(c)
	return answer, time.Since(began), err
}

// Each way not to send a hello has its own outcome, in time and with the corresponding alert.
func TestOutcomes(t *testing.T) {
	p := startProxied(t, "inspect_delay 1s\n default_backend web\n on sslv2 reject")
	for _, s := range stimuli(t) {
		t.Run(s.name, func(t *testing.T) {
			inTime := func(took time.Duration) bool {
				return took <= delay+slack && (s.waits && took >= delay || !s.waits && took <= slack)
			}
			p.forget()
			answer, took, err := s.play(t, p.address)
			for tries := 1; !inTime(took) && tries < 4; tries++ { // the machine may be busy
				p.sessions(t, 1)
				p.forget()
				answer, took, err = s.play(t, p.address)
			}
			var want []byte
			if s.alert != 0 {
				want = []byte{21, 3, 1, 0, 2, 2, s.alert}
			}
			if err != nil && !errors.Is(err, syscall.ECONNRESET) || !bytes.Equal(answer, want) {
				t.Errorf("the client got %v (%v), want %v and the end", answer, err, want)
			}
			if !inTime(took) {
				t.Errorf("took %v with a delay of %v", took, delay)
			}
			l := p.sessions(t, 1)[0]
			end := "refused PR proxy"
			if s.outcome == "client_left" {
				end = "client_left CR client"
			}
			if got := fmt.Sprint(l.End, " ", l.Termination, " ", l.EndedBy); l.Outcome != s.outcome || got != end || l.Backend != "" {
				t.Errorf("logged %s, %s to %q; want %s, %s", l.Outcome, got, l.Backend, s.outcome, end)
			}
		})
	}
}

// Every outcome can go to the default backend, with the bytes read so far; a hello in the format of
// SSLv2 does by default.
func TestOutcomesToDefaultBackend(t *testing.T) {
	t.Parallel()
	got := make(chan []byte, 1)
	origin := listen(t, func(c *net.TCPConn) {
		fmt.Fprint(c, "welcome")
		_ = c.CloseWrite()
		said, _ := io.ReadAll(c)
		got <- said
	})
	address := freeAddress(t)
	p := start(t, fmt.Sprintf(`
	passthrough {
		backend any {
			server s1 %s
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					inspect_delay 1s
					default_backend any
					on timeout default
					on not_tls default
					on malformed backend any
					on too_large default
				}
			}
		}
	}`, origin, address), "")
	for _, s := range stimuli(t) {
		if s.leaves {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			p.forget()
			c := dial(t, address)
			if _, err := c.Write(s.say); err != nil {
				t.Fatal(err)
			}
			if answer, err := io.ReadAll(c); string(answer) != "welcome" || err != nil {
				t.Errorf("answer %q (%v)", answer, err)
			}
			_ = c.CloseWrite()
			if said := <-got; !bytes.Equal(said, s.say) {
				t.Errorf("the server got %q, want %q", said, s.say)
			}
			if l := p.sessions(t, 1)[0]; l.Outcome != s.outcome || l.Backend != "any" || l.Termination != "--" || int(l.In) != len(s.say) {
				t.Errorf("log line %+v", l)
			}
		})
	}
}

// The actions that are visible from outside without privileges.
func TestActions(t *testing.T) {
	p := startProxied(t, `
					use_backend web sni www.example.test
					on no_match close
					on not_tls reset`)
	t.Run("close", func(t *testing.T) {
		answer, _, err := stimulus{say: hellotest.Hello(t, "unknown.test")}.play(t, p.address)
		if len(answer) != 0 || err != nil {
			t.Errorf("got %v, %v; want a plain end", answer, err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		answer, _, err := stimulus{say: []byte("GET / HTTP/1.0\r\n\r\n")}.play(t, p.address)
		if len(answer) != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, %v; want a reset", answer, err)
		}
	})
}
