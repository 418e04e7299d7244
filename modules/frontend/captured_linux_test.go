// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// capturedOf returns the last faulty message of a frontend's clients, or of a backend's servers.
func capturedOf(frontend, backend string) (c Captured) {
	for _, c := range AllCaptured() {
		if c.Frontend == frontend && c.Backend == backend {
			return c
		}
	}
	return c
}

// TestCaptured sends bytes that are refused, and looks at the copy.
func TestCaptured(t *testing.T) {
	long := make([]byte, 2000)
	copy(long, "GET / HTTP/1.1\r\n")
	sendsHeader := Config{AcceptProxy: HeaderPolicy{{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}}
	for way, serve := range ways {
		for name, c := range map[string]struct {
			sent     []byte
			config   Config
			reason   string
			position int
		}{
			"not TLS":         {[]byte("GET / HTTP/1.1\r\n\r\n"), Config{}, "not TLS: first byte begins no hello", 0},
			"long":            {long, Config{}, "not TLS: first byte begins no hello", 0},
			"malformed":       {[]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0}, Config{}, "malformed: ClientHello too short for its mandatory fields", 9},
			"a wrong record":  {[]byte{22, 3, 1, 0, 2, 1, 0, 23, 3, 1, 0, 2}, Config{}, "malformed: record of another type before the end of the hello", 7},
			"too large":       {[]byte{22, 3, 1, 0, 5, 1, 1, 0, 0, 0}, Config{}, "too large: ClientHello of 65536 bytes, expected at most 1024", 9},
			"no header":       {hellotest.Hello(t, "a.example.test"), sendsHeader, "no PROXY protocol header", 0},
			"a faulty header": {[]byte("PROXY TCP4 nothing\r\n"), sendsHeader, "invalid PROXY protocol header", 0},
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				app := newAppOf(t, map[string]string{"web": `{"servers": []}`})
				c.config.Name, c.config.MaxHello, c.config.InspectDelay = "f", 1024, time.Hour
				f, _ := frontendTo(app, "web", c.config)
				f.setActive()
				before := CountCaptured()
				calls(t, f, serve, []clientDoes{sends(c.sent)})
				got := capturedOf("f", "")
				if got.Position != c.position || string(got.Bytes) != string(c.sent[:min(len(c.sent), 1024)]) || got.Size != len(c.sent) || got.Event != before {
					t.Errorf("captured event %d at %d of %d: %q", got.Event, got.Position, got.Size, got.Bytes)
				}
				if !strings.HasPrefix(got.Reason, c.reason) || got.Client.IP() != netip.MustParseAddr("127.0.0.1") || got.ID == 0 || got.At.IsZero() || got.IsAnswer() {
					t.Errorf("captured at %v of %v, number %d: %s", got.At, got.Client, got.ID, got.Reason)
				}
			})
		}
	}
	ClearCaptured()
	if all := AllCaptured(); len(all) != 0 {
		t.Errorf("still captured: %+v", all)
	}
}

// TestCapturedAnswers lets servers answer a hello by something other than a ServerHello.
func TestCapturedAnswers(t *testing.T) {
	for answer, reason := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n": "not TLS",
		"\x15\x03\x01\x00\x02\x02\x28":     "TLS alert 40 handshake_failure",
		"\x16\x03":                         "",
	} {
		server := programs.Listen(t, time.Minute, func(c *net.TCPConn) { _, _ = c.Write([]byte(answer)) })
		for way, serve := range liveWays() {
			backend := fmt.Sprintf("answers-%s-%d", way, len(answer))
			app := newAppOf(t, map[string]string{backend: `{"servers": [{"name": "s1", "address": "` + server + `"}]}`})
			f, _ := frontendTo(app, backend, Config{MaxHello: 65536, InspectDelay: time.Hour})
			calls(t, f, serve, []clientDoes{sends(hellotest.Hello(t, "a.example.test"))})
			got := capturedOf("f", backend)
			if got.Reason != reason {
				t.Errorf("%s, %q: captured %+v", way, answer, got)
			}
			if reason != "" && (string(got.Bytes) != answer || got.Server != "s1" || !got.IsAnswer() || got.Client.IP() != netip.MustParseAddr("127.0.0.1")) {
				t.Errorf("%s, %q: captured %+v", way, answer, got)
			}
		}
	}
}
