// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// passing is a frontend of the app that passes names to a server, and everything else on to the
// sites of the same address.
type passing struct {
	address, second string // TCP
	path            string // a Unix socket
	server          string
}

func newPassing(t *testing.T) *passing {
	return &passing{
		address: freeAddress(t), second: freeAddress(t), path: filepath.Join(t.TempDir(), "s"),
		server: listen(t, func(c *net.TCPConn) {
			if skipHello(c) == nil {
				fmt.Fprint(c, "passed through")
			}
		}),
	}
}

// options returns the global options with the frontend.
func (p *passing) options(next string) string {
	return fmt.Sprintf(`passthrough {
		frontend tls {
			bind %s
			bind %s {
				accept_proxy optional 127.0.0.0/8
			}
			bind unix/%s
			use_backend web sni *.passed.test www.example.test
			%s
		}
		backend web {
			server s1 %s
		}
	}`, p.address, p.second, p.path, next, p.server)
}

// sites returns the sites behind it, which answer with a word, the protocol and the client.
func (p *passing) sites(t *testing.T, word string) string {
	answer := "respond \"" + word + " {http.request.proto} {http.request.remote.host}\"\n"
	tls := func(address string) string {
		return fmt.Sprintf("https://*.example.test:%s {\n bind durable/127.0.0.1\n tls internal\n %s}\n", portOf(t, address), answer)
	}
	return tls(p.address) + tls(p.second) + fmt.Sprintf("http://unix.test {\n bind durable/unix/%s\n %s}\n", p.path, answer)
}

const nextAlways = "on no_match next\non not_tls next\non timeout next\non malformed next\non too_large next\non sslv2 next"

// A frontend of the app passes connections on to the sites that are bound to its addresses, with
// the bytes that it has read; reloads replace both.
func TestNextSite(t *testing.T) {
	t.Parallel()
	at := newPassing(t)
	p := new(process)
	p.dir, p.admin = t.TempDir(), freeAddress(t)
	p.write(t, at.options(nextAlways), at.sites(t, "own"))
	p.run(t, "Caddyfile", 1)
	at.awaitCertificate(t, p)
	for i := range 2 {
		at.check(t, p, "own")
		if err := p.reload(t, at.options(nextAlways+fmt.Sprintf("\ninspect_delay %ds", i+2)), at.sites(t, "new")); err != nil {
			t.Fatal(err)
		}
		at.check(t, p, "new")
		if err := p.reload(t, at.options(nextAlways), at.sites(t, "own")); err != nil {
			t.Fatal(err)
		}
	}
	// The frontend leaves, and comes back.
	if err := p.reload(t, "", at.sites(t, "alone")); err != nil {
		t.Fatal(err)
	}
	if got, err := p.curl(t, at.address, "a.example.test", ""); err != nil || !strings.HasPrefix(got, "alone") {
		t.Errorf("without the frontend: %q, %v", got, err)
	}
	if err := p.reload(t, at.options(nextAlways), at.sites(t, "back")); err != nil {
		t.Fatal(err)
	}
	at.check(t, p, "back")
	// Nothing is passed on.
	if err := p.reload(t, at.options("on no_match close"), ""); err != nil {
		t.Fatal(err)
	}
	if got, err := p.curl(t, at.address, "a.example.test", ""); err == nil {
		t.Errorf("without the sites: %q", got)
	}
	for _, l := range p.sessions(t, 15) {
		if l.Outcome != "hello" || l.SNI != "www.example.test" && l.SNI != "a.example.test" {
			t.Errorf("logged: %+v", l)
		}
	}
}

// awaitCertificate waits until the sites have their certificate, which may be a moment after its
// line in the log.
func (p *passing) awaitCertificate(t *testing.T, caddy *process) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		_, err := caddy.curl(t, p.address, "a.example.test", "")
		if err == nil {
			return
		}
		if time.Now().After(over) {
			t.Fatal(err)
		}
	}
}

// check makes connections of all kinds.
func (p *passing) check(t *testing.T, caddy *process, word string) {
	t.Helper()
	for _, address := range []string{p.address, p.second} {
		for version, proto := range map[string]string{"--http2": "HTTP/2.0", "--http1.1": "HTTP/1.1"} {
			want := word + " " + proto + " 127.0.0.1"
			if got, err := caddy.curl(t, address, "a.example.test", "", version); err != nil || got != want {
				t.Errorf("%s %s: %q, %v, want %q", address, version, got, err, want)
			}
		}
	}
	if got, want := p.withHeader(t), word+" HTTP/1.1 198.51.100.7"; got != want {
		t.Errorf("after a PROXY header: %q, want %q", got, want)
	}
	if got, err := run(t, "curl", "--silent", "--show-error", "--max-time", "45", "--unix-socket", p.path, "http://unix.test/"); err != nil || !strings.HasPrefix(got, word+" HTTP/1.1") {
		t.Errorf("%s: %q, %v", p.path, got, err)
	}
	if got, err := run(t, "curl", "--silent", "--show-error", "--max-time", "45", "http://"+p.address); err != nil || !strings.Contains(got, "HTTP request to an HTTPS server") {
		t.Errorf("plain HTTP: %q, %v", got, err)
	}
	for _, to := range []string{p.address, p.second, p.path} {
		network := "tcp"
		if to == p.path {
			network = "unix"
		}
		c, err := net.DialTimeout(network, to, patience)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(hellotest.Hello(t, "www.example.test")); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != "passed through" {
			t.Errorf("%s: %q, %v", to, got, err)
		}
		c.Close()
	}
}

// withHeader returns the answer of a site to a client that sends a PROXY header.
func (p *passing) withHeader(t *testing.T) string {
	t.Helper()
	raw := dial(t, p.second)
	if _, err := io.WriteString(raw, "PROXY TCP4 198.51.100.7 192.0.2.1 50676 443\r\n"); err != nil {
		t.Fatal(err)
	}
	c := tls.Client(raw, &tls.Config{ServerName: "a.example.test", InsecureSkipVerify: true})
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.example.test\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(got), "\r\n\r\n")
	return body
}
