// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// shownCertificates is the answer of the admin endpoint about certificates.
type shownCertificates struct {
	Certificates []struct {
		Names    []string
		DaysLeft int `json:"days_left"`
		Issuer   string
		Servers  []struct{ Backend, Server, Verification, Root string }
	}
	Conflicts []struct {
		Frontend, Backend, Kept string
		Names                   []string
		RoutedTo                string `json:"routed_to"`
	}
}

func (p *process) certificates(t *testing.T) (c shownCertificates) {
	t.Helper()
	status, text := p.ask(t, http.MethodGet, "/passthrough/certificates", "")
	if err := json.Unmarshal([]byte(text), &c); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	return c
}

// TestCertificatesOfServers shows what checks see of the certificates of OpenSSL's servers: it is
// listed, outlives reloads, and follows a renewal; names of one certificate that lead to two
// backends are logged, once, and are gone once the certificate has changed.
func TestCertificatesOfServers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	shared, key := a.issue(t, "*.certs.test", 40)
	addresses := []string{freeAddress(t), freeAddress(t)}
	serve := func(address, cert, key string) (stop func()) {
		return runServer(t, "openssl", "s_server", "-accept", address, "-cert", cert, "-key", key, "-www", "-quiet")
	}
	stop := serve(addresses[0], shared, key)
	serve(addresses[1], shared, key)
	front := freeAddress(t)
	config := func(interval string) string {
		const backend = " backend %[1]s {\n server s1 %[2]s\n check tls {\n server_name %[1]s.certs.test\n ca %[3]s\n interval %[4]s\n timeout 10s\n rise 1\n }\n }\n"
		return "passthrough {\n frontend tls {\n bind " + front + "\n use_backend one sni one.certs.test\n use_backend two sni two.certs.test\n }\n" +
			fmt.Sprintf(backend, "one", addresses[0], a.ca(), interval) + fmt.Sprintf(backend, "two", addresses[1], a.ca(), interval) + "}\n"
	}
	p := start(t, config("100ms"), "")
	until(t, "the certificate of both servers, verified", func() bool {
		c := p.certificates(t).Certificates
		return len(c) == 1 && len(c[0].Servers) == 2 && c[0].Servers[0].Verification == "verified"
	})
	one := p.certificates(t).Certificates[0]
	if one.Names[0] != "*.certs.test" || one.DaysLeft != 40 || one.Issuer != "CN=the test's authority" || one.Servers[1].Root != "CN=the test's authority" {
		t.Errorf("got %+v", one)
	}
	until(t, "two conflicts", func() bool { return len(p.certificates(t).Conflicts) == 2 })
	if k := p.certificates(t).Conflicts[0]; k.Frontend != "tls" || k.Backend != "one" || k.Kept != "one.certs.test" || k.RoutedTo != "two" || k.Names[0] != "two.certs.test" {
		t.Errorf("got %+v", k)
	}
	until(t, "both in the log", func() bool { return strings.Count(p.log(), "requests may reach the wrong backend") == 2 })
	out, err := exec.Command(program.Path(t), "passthrough", "certificates", "--address", p.admin).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "one/s1 two/s1") || !strings.Contains(string(out), "also valid for two.certs.test, which lead to two") {
		t.Errorf("the command printed %v\n%s", err, out)
	}
	if err := p.reload(t, config("1h"), ""); err != nil {
		t.Fatal(err)
	}
	if c := p.certificates(t); len(c.Certificates) != 1 || len(c.Conflicts) != 2 {
		t.Errorf("after a reload: %+v", c)
	}
	stop()
	own, ownKey := a.issue(t, "one.certs.test", 80)
	serve(addresses[0], own, ownKey)
	if err := p.reload(t, config("100ms"), ""); err != nil {
		t.Fatal(err)
	}
	until(t, "the renewed certificate, and one conflict", func() bool {
		c := p.certificates(t)
		return len(c.Certificates) == 2 && c.Certificates[1].DaysLeft == 80 && len(c.Conflicts) == 1 && c.Conflicts[0].Backend == "two"
	})
	if n := strings.Count(p.log(), "requests may reach the wrong backend"); n != 2 {
		t.Errorf("%d conflicts are logged, expected 2:\n%s", n, p.log())
	}
}

// TestCertificateOfPassedName shows that a name of a site of Caddy is found in the certificate of a
// server that connections are passed through to, and a name that is passed through in the site's
// own one.
func TestCertificateOfPassedName(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := a.issue(t, "*.example.test", 30)
	port, behind := portOf(t, freeAddress(t)), freeAddress(t)
	runServer(t, "openssl", "s_server", "-accept", behind, "-cert", cert, "-key", key, "-www", "-quiet")
	p := start(t, "", "")
	config := fmt.Sprintf(`https://own.example.test:%[1]s {
	bind 127.0.0.1
	tls %[2]s %[3]s
	respond own
}
:%[1]s {
	bind 127.0.0.1
	passthrough git.example.test %[4]s {
		check tls {
			server_name git.example.test
			ca %[5]s
			interval 100ms
			timeout 10s
		}
	}
}
`, port, cert, key, behind, a.ca())
	if err := p.reload(t, "", config); err != nil {
		t.Fatal(err)
	}
	until(t, "the site's name in the server's certificate", func() bool {
		c := p.certificates(t).Conflicts
		return len(c) == 1 && c[0].Backend == "git.example.test" && c[0].RoutedTo == "" && c[0].Names[0] == "*.example.test" && c[0].Names[1] == "own.example.test"
	})
	if !strings.Contains(p.log(), "a certificate for own sites is valid for a name that is passed through") {
		t.Errorf("no warning of the site's certificate:\n%s", p.log())
	}
}
