// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// onePort is a process whose own sites share a port with names that are passed through, and the
// servers of these names. Each server has a CA of its own.
type onePort struct {
	*process
	address string
	proxied string // where PROXY headers are expected
	// impatient has short timeouts, as bare has, an http server with the same site, but without the
	// wrapper.
	impatient, bare string
	servers         map[string]string
	cas             map[string]*x509.CertPool // by what answers
}

var onePortNames = []onePortName{
	{"h1.own.test", "own", []string{"HTTP/1.1"}},
	{"h2.own.test", "own", []string{"HTTP/1.1", "HTTP/2.0"}},
	{"h3.own.test", "own", []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"}},
	{"own.wild.test", "own", []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"}}, // beats *.wild.test
	{"git.pass.test", "nginx", []string{"HTTP/1.1"}},
	{"mail.pass.test", "openssl", []string{"HTTP/1.1"}},
	{"a.wild.test", "go", []string{"HTTP/1.1", "HTTP/2.0"}},
	{"B.WILD.test", "go", []string{"HTTP/1.1", "HTTP/2.0"}},
}

// generalWay is a build in which each connection has a goroutine, and none is served on shards.
var generalWay = programs.Caddy{Flags: []string{"-race", "-tags=generalway"}}

// startOnePort starts the servers, and the process. WAY=general takes the build of that name.
func startOnePort(t *testing.T) *onePort {
	t.Helper()
	o := &onePort{process: new(process), address: freeAddress(t), proxied: freeAddress(t), impatient: freeAddress(t), bare: freeAddress(t)}
	if os.Getenv("WAY") == "general" {
		o.of = &generalWay
	}
	o.startServers(t)
	o.dir, o.admin = t.TempDir(), freeAddress(t)
	o.writeConfig(t, "own")
	o.run(t, "Caddyfile", 4)
	o.cas["own"] = caIn(t, o.ca())
	for _, n := range onePortNames { // a certificate may come a moment after its line in the log
		if n.answers == "own" {
			o.visitUntil(t, n)
		}
	}
	return o
}

// startServers starts the servers of the names that are passed through.
func (o *onePort) startServers(t *testing.T) {
	t.Helper()
	o.servers, o.cas = make(map[string]string), make(map[string]*x509.CertPool)
	for server, name := range map[string]string{"nginx": "git.pass.test", "openssl": "mail.pass.test", "go": "*.wild.test"} {
		a, address := newAuthority(t), freeAddress(t)
		cert, key := a.issue(t, name, 30)
		o.servers[server], o.cas[server] = address, caIn(t, a.ca())
		switch server {
		case "nginx":
			startNginx(t, address, cert, key)
		case "openssl":
			runServer(t, "openssl", "s_server", "-accept", address, "-cert", cert, "-key", key, "-www", "-quiet")
		default:
			startGoServer(t, address, cert, key)
		}
		listening(t, address)
	}
}

// startGoServer starts an HTTPS server that answers with its word, the host and the client.
func startGoServer(t *testing.T, address, cert, key string) {
	t.Helper()
	server := &http.Server{Addr: address, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "go %s %s %s", r.Proto, r.Host, r.RemoteAddr)
	})}
	t.Cleanup(func() { server.Close() })
	go func() { _ = server.ListenAndServeTLS(cert, key) }()
}

// caIn returns the CA in a file.
func caIn(t testing.TB, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cas := x509.NewCertPool()
	if !cas.AppendCertsFromPEM(text) {
		t.Fatalf("%s: no certificate", file)
	}
	return cas
}

// Each name is answered by its own site or server, and everything else by the http server.
func TestOnePort(t *testing.T) {
	o := startOnePort(t)
	t.Run("names", o.testNames)
	t.Run("behind a proxy", o.testBehindProxy)
	t.Run("strays", o.testStrays)
	t.Run("slow", o.testSlow)
	t.Run("crowd", o.testCrowd)
	t.Run("reloads", o.testReloads)
}

// Each name is answered in each version of HTTP, with the certificate of what answers. Own sites
// see and log the client's address.
func (o *onePort) testNames(t *testing.T) {
	before, own, sessions := o.counts(t, "port"), []string{}, 0
	for _, n := range onePortNames {
		for _, version := range n.versions {
			v := o.visit(n, version, o.address, "")
			if want := n.says(version, v.local); v.err != nil || !strings.HasPrefix(v.answer, want) {
				t.Errorf("%s by %s: %q (%v), want %q", n.name, version, v.answer, v.err, want)
			}
			switch {
			case n.answers != "own":
				sessions++
			case version != "HTTP/3.0": // UDP
				own = append(own, version+" "+n.name+" "+v.local)
			}
		}
	}
	o.logged(t, own)
	o.sessions(t, sessions)
	if n := o.counts(t, "port").Ended["passed_on"] - before.Ended["passed_on"]; n != len(own) {
		t.Errorf("%d connections were passed on, want %d", n, len(own))
	}
	if n := strings.Count(o.log(), "certificate obtained successfully"); n != 4 {
		t.Errorf("%d certificates were obtained, want 4, for the own sites", n)
	}
}

// Behind a proxy that sends PROXY headers, own sites and sessions have the address in the header.
func (o *onePort) testBehindProxy(t *testing.T) {
	o.forget()
	sessions := 0
	for _, header := range []string{lineOf4, string(headerV2(proxyCommand, tcp4, addresses4()))} {
		var own []string
		for _, n := range onePortNames {
			for _, version := range n.versions {
				if version == "HTTP/3.0" {
					continue
				}
				v := o.visit(n, version, o.proxied, header)
				if want := n.says(version, clientOf4); v.err != nil || !strings.HasPrefix(v.answer, want) {
					t.Errorf("%s by %s: %q (%v), want %q", n.name, version, v.answer, v.err, want)
				}
				if n.answers == "own" {
					own = append(own, version+" "+n.name+" "+clientOf4)
				} else {
					sessions++
				}
			}
		}
		o.logged(t, own)
	}
	for _, l := range o.sessions(t, sessions) {
		if l.Client != clientOf4 || !strings.HasPrefix(l.Peer, "127.0.0.1:") || l.Frontend != "proxied" {
			t.Errorf("log line %+v", l)
		}
	}
	if got := outcomeOf(o.proxied, []byte("GET / HTTP/1.1\r\n\r\n"), false); got != "" {
		t.Errorf("without a header: %q", got)
	}
}
