// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// seenBy checks a server and returns what the check has seen of its certificate.
func seenBy(c pool.Checker, address string) *certificates.Seen {
	target, about := to(address), new(pool.Subject)
	target.Subject = about
	checked(c, target)
	return about.Seen
}

// answering returns the address of a server that answers what it reads first by a response.
func answering(t *testing.T, s tlsServer) string {
	t.Helper()
	return serve(t, func(c *net.TCPConn) {
		secure := s.wrap(c)
		if n, err := secure.Read(make([]byte, 4096)); n > 0 && err == nil {
			io.WriteString(secure, "HTTP/1.1 204 No Content\r\n\r\n")
		}
		io.Copy(io.Discard, secure)
	})
}

// TestSeen shows what checks note of the certificate, also of one that they reject.
func TestSeen(t *testing.T) {
	t.Parallel()
	good := secureServer(t, leaf("web.example", "www.example"))
	expired := leaf("web.example")
	expired.NotBefore, expired.NotAfter = time.Now().Add(-10*days), time.Now().Add(-3*days)
	old := secureServer(t, expired)
	for _, test := range []struct {
		name, checker, config string
		server                tlsServer
		verification          certificates.Verification
		problem               string
	}{
		{"tls", "tls", `{"ca": "$", "server_name": "web.example"}`, good, certificates.Verified, ""},
		{"chain alone", "tls", `{"ca": "$", "server_name": "web.example", "verify": "chain"}`, good, certificates.VerifiedChain, ""},
		{"not verified", "tls", `{"server_name": "web.example", "verify": "none"}`, good, certificates.Unverified, ""},
		{"another name", "tls", `{"ca": "$", "server_name": "no.example"}`, good, certificates.Failed, "certificate is for web.example, www.example, not for no.example"},
		{"unknown authority", "tls", `{"server_name": "web.example"}`, good, certificates.Failed, "certificate signed by an unknown authority (CN=Testing CA)"},
		{"expired", "tls", `{"ca": "$", "server_name": "web.example"}`, old, certificates.Failed, "certificate expired on " + date(-3*days)},
		{"expired, chain alone", "tls", `{"ca": "$", "verify": "chain"}`, old, certificates.Failed, "certificate expired on " + date(-3*days)},
		{"no common protocol", "tls", `{"ca": "$", "server_name": "web.example", "alpn": ["x"]}`, good, certificates.Verified, ""},
		{"http", "http", `{"tls": {"ca": "$", "server_name": "web.example"}}`, good, certificates.Verified, ""},
		{"script", "tcp_script", `{"steps": [{"connect": {"tls": {"ca": "$", "server_name": "web.example"}}}]}`, good, certificates.Verified, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := seenBy(provisioned(t, test.checker, strings.ReplaceAll(test.config, "$", test.server.ca)), answering(t, test.server))
			if s == nil {
				t.Fatal("nothing was seen")
			}
			if s.Verification != test.verification || s.Problem != test.problem {
				t.Errorf("got %q %q, expected %q %q", s.Verification, s.Problem, test.verification, test.problem)
			}
			if got := s.Own().Names[0]; got != "web.example" || s.Sent != 1 || s.Version != "TLS 1.3" {
				t.Errorf("got name %q of %d certificates with %s", got, s.Sent, s.Version)
			}
			if verifiesRoot := s.Verification == certificates.Verified; verifiesRoot != (s.Root == "CN=Testing CA") {
				t.Errorf("got root %q", s.Root)
			}
			if s.Trust != "" && s.Trust != test.server.ca || time.Since(s.At) > time.Hour {
				t.Errorf("got trust %q at %v", s.Trust, s.At)
			}
		})
	}
}

// TestNothingSeen shows that a check which gets no certificate notes none.
func TestNothingSeen(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]func(*net.TCPConn){
		"closes": afterFirst(closes), "not TLS": afterFirst(says("HTTP/1.1 400 Bad Request\r\n\r\n")), "alert": afterFirst(says("\x15\x03\x01\x00\x02\x02\x28")),
	} {
		if s := seenBy(provisioned(t, "tls", `{"verify": "none"}`), serve(t, server)); s != nil {
			t.Errorf("%s: got %+v", name, s)
		}
	}
	if s := seenBy(provisioned(t, "tcp", `{}`), secureServer(t, leaf()).serve(t)); s != nil {
		t.Errorf("tcp: got %+v", s)
	}
}
