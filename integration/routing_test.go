// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"strings"
	"testing"
)

// handshake connects by s_client with a name ("" for none) and returns its output and the log line
// of the connection.
func (p *proxied) handshake(t *testing.T, name string, args ...string) (string, logLine) {
	t.Helper()
	p.forget()
	args = append(args, "-noservername")
	if name != "" {
		args[len(args)-1] = "-servername"
		args = append(args, name)
	}
	printed := openssl(t, p.address, args...)
	return printed, p.sessions(t, 1)[0]
}

func TestRouting(t *testing.T) {
	p := startProxied(t, `
					use_backend api sni api.example.test
					use_backend web sni *.example.test
					use_backend api sni .deep.example.test
					use_backend api alpn acme-tls/1
					use_backend api {
						sni only.local.test
						remote_ip 127.0.0.0/8
					}
					use_backend web {
						sni never.local.test
						remote_ip 192.0.2.0/24
					}
					use_backend api {
						sni version.local.test
						vars {l4.client_hello.version} 1.2
					}
					use_backend web not client_hello sni other.test fallback.test
					default_backend api`)
	for _, c := range []struct {
		name, args, backend string
	}{
		{"api.example.test", "", "api"},
		{"www.example.test", "", "web"},
		{"API.Example.TEST", "", "api"},
		{"WWW.EXAMPLE.TEST", "", "web"},
		{"api.example.test.", "", "api"},
		{"www.example.test.", "", "web"},
		{"deep.example.test", "", "web"},
		{"a.www.example.test", "", "web"},
		{"a.deep.example.test", "", "api"},
		{"a.b.deep.example.test", "", "api"},
		{"fallback.test", "", "api"},
		{"fallback.test", "-alpn h2", "api"},
		{"other.test", "-alpn acme-tls/1", "api"},
		{"www.example.test", "-alpn acme-tls/1", "web"},
		{"only.local.test", "", "api"},
		{"never.local.test", "", "web"},
		{"version.local.test", "-tls1_2", "api"},
		{"version.local.test", "", "web"},
		{"", "", "web"},
	} {
		_, l := p.handshake(t, c.name, strings.Fields(c.args)...)
		sni := strings.TrimSuffix(strings.ToLower(c.name), ".")
		if l.Backend != c.backend || l.SNI != sni || l.Outcome != "hello" {
			t.Errorf("%q %s: went to %q with name %q, outcome %s; want %q with %q",
				c.name, c.args, l.Backend, l.SNI, l.Outcome, c.backend, sni)
		}
	}
}

// A name that no rule matches is refused with the alert of a server with virtual hosts: 112
// unrecognized_name.
func TestNoMatchIsRefused(t *testing.T) {
	p := startProxied(t, "use_backend web sni www.example.test")
	for _, name := range []string{"unknown.test", "example.test", "", "wwww.example.test", "www.example.test.evil.test"} {
		printed, l := p.handshake(t, name)
		if !strings.Contains(printed, "SSL alert number 112") {
			t.Errorf("%q: no alert 112 in:\n%s", name, printed)
		}
		if l.Outcome != "hello" || l.Termination != "SC" || l.End != "no_backend" || l.EndedBy != "proxy" || l.Backend != "" || l.Server != "" || l.SNI != name {
			t.Errorf("%q: log line %+v", name, l)
		}
	}
}

// A hello without a name goes to the default backend.
func TestNoNameUsesDefaultBackend(t *testing.T) {
	p := startProxied(t, "use_backend web sni www.example.test\n default_backend api")
	for _, name := range []string{"", "unknown.test"} {
		if _, l := p.handshake(t, name); l.Backend != "api" || l.Server != "s3" {
			t.Errorf("%q went to %s/%s, want api/s3", name, l.Backend, l.Server)
		}
	}
}

// The anonymous backend of a frontend has the frontend's name.
func TestAnonymousBackend(t *testing.T) {
	origin, address := freeAddress(t), freeAddress(t)
	p := start(t, fmt.Sprintf(`
	layer4 {
		durable/%s {
			route {
				passthrough {
					server only %s
				}
			}
		}
	}`, address, origin), site("alone", origin))
	out, err := p.curl(t, address, "www.example.test", " %{http_code}")
	if err != nil || out != "alone www.example.test 200" {
		t.Errorf("got %q (%v)", out, err)
	}
	if l := p.sessions(t, 1)[0]; l.Frontend != "default" || l.Backend != "default" || l.Server != "only" {
		t.Errorf("log line names %s, %s, %s", l.Frontend, l.Backend, l.Server)
	}
}

// A matcher of the route reads ahead; none of those bytes is lost, and both examine the hello.
func TestRouteMatcherBeforeFrontend(t *testing.T) {
	origin, address := freeAddress(t), freeAddress(t)
	p := start(t, fmt.Sprintf(`
	layer4 {
		durable/%s {
			@tls client_hello sni *.example.test
			route @tls {
				passthrough {
					use_backend b sni www.example.test
					default_backend b
				}
			}
			route {
				echo
			}
		}
	}
	passthrough {
		backend b {
			server only %s
		}
	}`, address, origin), site("alone", origin))
	out, err := p.curl(t, address, "www.example.test", " %{http_code}")
	if err != nil || out != "alone www.example.test 200" {
		t.Errorf("got %q (%v)", out, err)
	}
	c := dial(t, address)
	fmt.Fprint(c, "ping")
	if buf := make([]byte, 4); read(t, c, buf) != "ping" {
		t.Errorf("bytes that are not TLS did not reach the other route")
	}
}
