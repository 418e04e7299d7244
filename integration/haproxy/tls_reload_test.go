// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// A reload changes the certificates of a site: their order, which file has which, and a file that
// has been renewed. Caddy's cache of certificates is of the process.
func TestCertificatesOverReloads(t *testing.T) {
	dir, https, loop, admin := t.TempDir(), programs.Address(t), programs.Address(t), programs.Address(t)
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure := func(first, second string) {
		t.Helper()
		write("haproxy.cfg", fmt.Appendf(nil, `defaults
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend https
    bind %s
    default_backend here
backend here
    server loop %s send-proxy-v2
frontend sites
    mode http
    bind %s accept-proxy ssl crt %s crt %s
    http-request return status 200
`, https, loop, loop, first, second))
	}
	one, two := certificate(t, "one.test"), certificate(t, "two.test")
	write("1.pem", one)
	write("2.pem", two)
	configure("1.pem", "2.pem")
	run(t, dir, admin, https, "haproxy", "haproxy.cfg")
	sees := func(when, asked, want string) {
		t.Helper()
		conn, err := tls.Dial("tcp", https, &tls.Config{ServerName: asked, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().PeerCertificates[0].DNSNames[0]; got != want {
			t.Errorf("%s: the certificate for %s is %s, want %s", when, asked, got, want)
		}
	}
	reload := func() {
		t.Helper()
		if a := command(t, dir, program.Path(t), "reload", "--force", "--address", admin, "--adapter", "haproxy", "--config", "haproxy.cfg"); a.code != 0 {
			t.Fatal(a.stderr)
		}
	}
	sees("at first", "other.test", "one.test")
	sees("at first", "two.test", "two.test")
	configure("2.pem", "1.pem")
	reload()
	sees("in another order", "other.test", "two.test")
	write("1.pem", two)
	write("2.pem", one)
	reload()
	sees("swapped", "other.test", "one.test")
	sees("swapped", "two.test", "two.test")
	write("2.pem", certificate(t, "new.test"))
	reload()
	sees("renewed", "other.test", "new.test")
	sees("renewed", "one.test", "new.test")
}
