// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// onlyHTTP and onlyALPN leave one challenge to a site.
const (
	onlyHTTP = "tls {\n\t\tissuer acme {\n\t\t\tdisable_tlsalpn_challenge\n\t\t}\n\t}"
	onlyALPN = "tls {\n\t\tissuer acme {\n\t\t\tdisable_http_challenge\n\t\t}\n\t}"
)

// Caddy gets certificates for its own names on a port that passes others through, and servers
// behind it get theirs, by both challenges; each has an account of its own, and no storage is
// shared. 127.0.0.1 has ports 80 and 443 of all names.
func TestACME(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		skipOutsideCI(t, "no privilege to create network namespaces")
	}
	n := newIsland(t, "")
	dns := newNameserver(t, n)
	for _, name := range []string{"own-http", "own-alpn", "http.git", "alpn.git", "mail", "covered.own"} {
		dns.says(map[string]string{name: "127.0.0.1"})
	}
	ca := newPebble(t, n)

	front := startACME(t, ca, 3, "\tdefault_bind durable/127.0.0.1\n", fmt.Sprintf(`http:// {
	passthrough
}
:443 {
	passthrough *.git.test 127.0.0.2:443
	passthrough covered.own.test 127.0.0.2:443
	passthrough mail.test 127.0.0.3:8443 {
		redirect
		acme_to 127.0.0.3:8080
	}
}
own-http.test {
	%s
	respond own
}
own-alpn.test {
	%s
	respond own
}
*.own.test {
	tls internal
	respond own
}
`, onlyHTTP, onlyALPN))
	git := startACME(t, ca, 3, "\tdefault_bind 127.0.0.2\n", fmt.Sprintf(`http.git.test, covered.own.test {
	%s
	respond git
}
alpn.git.test {
	%s
	respond git
}
`, onlyHTTP, onlyALPN))
	mail := startACME(t, ca, 1, "\tdefault_bind 127.0.0.3\n\thttp_port 8080\n\thttps_port 8443\n", "mail.test {\n\t"+onlyHTTP+"\n\trespond mail\n}\n")

	roots := ca.roots(t)
	for name, want := range map[string]string{
		"own-http.test": "own", "own-alpn.test": "own", "http.git.test": "git", "alpn.git.test": "git", "covered.own.test": "git", "mail.test": "mail",
	} {
		if got := n.overTLS(t, name, roots); got != want {
			t.Errorf("https://%s: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"own-http.test":    "308 https://own-http.test/a?b",
		"http.git.test":    "404 ",
		"covered.own.test": "404 ",
		"mail.test":        "308 https://mail.test/a?b",
		"other.test":       "308 https://other.test/a?b",
	} {
		if got := n.overHTTP(t, name, "/a?b"); got != want {
			t.Errorf("http://%s/a?b: %q, want %q", name, got, want)
		}
	}
	for _, p := range []*process{front, git, mail} {
		p.stop(t)
		p.over = true
	}
}

// startACME starts a Caddy in Pebble's island with Pebble as its CA, and waits until it has a
// number of certificates.
func startACME(t *testing.T, ca *pebble, certificates int, options, sites string) *process {
	t.Helper()
	p := &process{dir: t.TempDir(), admin: programs.Address(t), wrap: []string{"ip", "netns", "exec", ca.island.name}}
	// Without an email, names whose accounts are made at once disturb each other: Caddy takes the
	// directory of an account without one, default, for its email.
	text := "{\n" + servedLog + fmt.Sprintf("\tadmin %s\n\tstorage file_system %s\n\tskip_install_trust\n\tacme_ca %s\n\tacme_ca_root %s\n\temail web@own.test\n%s}\n%s",
		p.admin, filepath.Join(p.dir, "state"), directory, ca.ca, options, sites)
	if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "Caddyfile", certificates)
	return p
}

// overTLS returns the body of a site that 127.0.0.1:443 serves with a certificate of one of the
// roots. A certificate is logged a little before it is served.
func (n *island) overTLS(t *testing.T, name string, roots *x509.CertPool) string {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		body, err := n.askOverTLS(name, roots)
		if err == nil {
			return body
		}
		if time.Now().After(over) {
			t.Errorf("https://%s: %v", name, err)
			return ""
		}
	}
}

func (n *island) askOverTLS(name string, roots *x509.CertPool) (string, error) {
	raw, err := n.dial("127.0.0.1:443")
	if err != nil {
		return "", err
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(patience))
	conn := tls.Client(raw, &tls.Config{ServerName: name, RootCAs: roots})
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", name)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// overHTTP returns the status and the Location of an answer of 127.0.0.1:80.
func (n *island) overHTTP(t *testing.T, host, uri string) string {
	t.Helper()
	conn, err := n.dial("127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", uri, host)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return strings.TrimSpace(answer.Status[:3]) + " " + answer.Header.Get("Location")
}
