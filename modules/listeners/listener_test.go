// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // an http server with TLS

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

// networks are those that an http server may listen by. An address of the last one is not durable.
var networks = []string{"durable/", "", "tcp/"}

// running loads a configuration with an own site and a passthrough site at an address, and stops
// it at the end of the test. Other listener wrappers may stand before the one of this package. It
// returns the directory of its state.
func running(t *testing.T, network, at, server, own string, before ...string) (state string) {
	t.Helper()
	state = t.TempDir()
	load(t, state, network, at, server, own, before...)
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	// The certificate is made in the background.
	for until := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, err := get(at, "http/1.1")
		if err == nil {
			return state
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

func load(t *testing.T, state, network, at, server, own string, before ...string) {
	t.Helper()
	config := fmt.Sprintf(`{
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "ERROR"}}},
		"storage": {"module": "file_system", "root": %q},
		"apps": {
			"tls": {"certificates": {"automate": ["own.example.test"]}, "automation": {"policies": [{"issuers": [{"module": "internal"}]}]}},
			"pki": {"certificate_authorities": {"local": {"install_trust": false}}},
			"http": {"http_port": 1, "https_port": 2, "servers": {"srv0": {
				"listen": [%q], "automatic_https": {"disable_redirects": true}, "tls_connection_policies": [{}],
				"listener_wrappers": [%s{"wrapper": "passthrough", "inspect_delay": "10s", "sites": [{"names": ["git.example.test", "*.example.test"], "servers": [{"name": "s", "address": %q}]}]}, {"wrapper": "tls"}],
				"routes": [{"match": [{"host": ["own.example.test"]}], "handle": [{"handler": "static_response", "body": %q}]}]}}}}}`,
		state, network+at, strings.Join(append(before, ""), ", "), server, own)
	if err := caddy.Load([]byte(config), true); err != nil {
		t.Fatal(err)
	}
}

// greeting starts a server that greets each client once it has sent something.
func greeting(t *testing.T) string {
	return programs.Listen(t, time.Minute, func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "server")
	})
}

// get requests the own site by a protocol.
func get(at, protocol string) (string, error) {
	dialer := &tls.Config{InsecureSkipVerify: true, ServerName: "own.example.test", NextProtos: []string{protocol}}
	transport := &http.Transport{TLSClientConfig: dialer, ForceAttemptHTTP2: protocol == "h2", DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, "https://"+at+"/", nil)
	if err != nil {
		return "", err
	}
	req.Host = "own.example.test"
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.Proto + " " + string(body), err
}

// sent returns what a client gets for bytes.
func sent(t *testing.T, at string, b []byte) string {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1000)
	n, _ := c.Read(got)
	return string(got[:n])
}

// An http server gets all connections but those for the names of the sites.
func TestListener(t *testing.T) {
	for _, network := range networks {
		t.Run(network, func(t *testing.T) {
			at := programs.Address(t)
			running(t, network, at, greeting(t), "own at {http.request.remote.host}")
			for protocol, want := range map[string]string{"h2": "HTTP/2.0 own at 127.0.0.1", "http/1.1": "HTTP/1.1 own at 127.0.0.1"} {
				if got, err := get(at, protocol); got != want {
					t.Errorf("%s: %q (%v), expected %q", protocol, got, err, want)
				}
			}
			for name, want := range map[string]string{"git.example.test": "server", "a.example.test": "server", "a.b.example.test": alertOf(80), "": alertOf(80)} {
				if got := sent(t, at, hellotest.Hello(t, name)); got != want {
					t.Errorf("%q: %q, expected %q", name, got, want)
				}
			}
			if got := sent(t, at, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); !strings.Contains(got, "Client sent an HTTP request to an HTTPS server") {
				t.Errorf("plain HTTP: %q", got)
			}
			if got := sent(t, at, bytes.Repeat([]byte{22, 3, 1, 0}, 10)); !strings.HasPrefix(got, "\x15\x03") {
				t.Errorf("a malformed hello: %q, expected an alert of crypto/tls", got)
			}
		})
	}
}

// alertOf is a fatal alert as crypto/tls sends it.
func alertOf(description byte) string { return string([]byte{21, 3, 3, 0, 2, 2, description}) }

// A client whose hello is incomplete at a reload gets the http server of the new configuration.
func TestListenerAtReload(t *testing.T) {
	for _, network := range networks {
		t.Run(network, func(t *testing.T) {
			at := programs.Address(t)
			state := running(t, network, at, greeting(t), "old")
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			cut := &cutConn{Conn: c, first: make(chan struct{}), rest: make(chan struct{})}
			answered := make(chan string)
			go func() {
				client := tls.Client(cut, &tls.Config{InsecureSkipVerify: true, ServerName: "own.example.test"})
				_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: own.example.test\r\nConnection: close\r\n\r\n")
				got, err := io.ReadAll(client)
				answered <- fmt.Sprint(string(got), err)
			}()
			<-cut.first
			time.Sleep(50 * time.Millisecond) // until the frontend waits for the rest
			load(t, state, network, at, greeting(t), "new")
			time.Sleep(50 * time.Millisecond)
			close(cut.rest)
			if got := <-answered; !strings.HasSuffix(got, "new<nil>") {
				t.Errorf("the client gets %q, expected an answer of the new configuration", got)
			}
		})
	}
}

// cutConn sends the first bytes alone.
type cutConn struct {
	net.Conn
	first, rest chan struct{}
	sent        bool
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.sent {
		return c.Conn.Write(b)
	}
	c.sent = true
	if _, err := c.Conn.Write(b[:20]); err != nil {
		return 0, err
	}
	close(c.first)
	<-c.rest
	n, err := c.Conn.Write(b[20:])
	return n + 20, err
}

// A wrapper in front of this one may return any connection, and its errors reach the http server.
func TestListenerOverAnother(t *testing.T) {
	inner := &failing{errs: make(chan error, 2)}
	ln := newPlainListener(inner, new(frontend.Frontend))
	inner.errs <- io.ErrUnexpectedEOF
	if _, err := ln.Accept(); err != io.ErrUnexpectedEOF { //nolint:errorlint // the very same
		t.Errorf("%v", err)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	inner.errs <- net.ErrClosed
	for range 2 {
		if _, err := ln.Accept(); err == nil || !strings.Contains(err.Error(), "use of closed") {
			t.Errorf("after Close: %v", err)
		}
	}
	if len(plainListeners.open) > 0 {
		t.Errorf("%d addresses are still open", len(plainListeners.open))
	}
}

// failing is a listener whose Accept fails.
type failing struct{ errs chan error }

func (f *failing) Accept() (net.Conn, error) { return nil, <-f.errs }
func (f *failing) Close() error              { return nil }
func (f *failing) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7} }
