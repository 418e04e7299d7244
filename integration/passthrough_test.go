// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// proxied is one process with three sites, s1 to s3, behind a frontend.
type proxied struct {
	*process
	address string    // the frontend's
	origins [3]string // the sites' own
}

// startProxied runs the three sites, a backend web of s1 and s2, a backend api of s3, and a
// frontend tls with the given options.
func startProxied(t testing.TB, frontend string) *proxied {
	t.Helper()
	p := &proxied{address: freeAddress(t)}
	sites := ""
	for i := range p.origins {
		p.origins[i] = freeAddress(t)
		sites += site(fmt.Sprintf("s%d", i+1), p.origins[i])
	}
	p.process = start(t, fmt.Sprintf(`
	passthrough {
		backend web {
			server s1 %s
			server s2 %s
		}
		backend api {
			server s3 %s
		}
	}
	layer4 {
		durable/%s {
			route {
				passthrough {
					name tls
					%s
				}
			}
		}
	}`, p.origins[0], p.origins[1], p.origins[2], p.address, frontend), sites)
	return p
}

func TestCurlThroughTheProxy(t *testing.T) {
	p := startProxied(t, "use_backend web sni www.example.test")
	for i, want := range []string{"s1", "s2", "s1"} {
		out, err := p.curl(t, p.address, "www.example.test", " %{http_code} %{http_version}")
		if want += " www.example.test 200 2"; err != nil || out != want {
			t.Errorf("request %d: %q (%v), want %q", i+1, out, err, want)
		}
	}
	origins := map[string]string{"s1": p.origins[0], "s2": p.origins[1]}
	for _, l := range p.sessions(t, 3) {
		if l.Frontend != "tls" || l.Backend != "web" || l.Address == "" || l.Address != origins[l.Server] || l.Local != p.address ||
			l.SNI != "www.example.test" || strings.Join(l.ALPN, " ") != "h2 http/1.1" || l.Version != "1.3" || l.Outcome != "hello" ||
			!l.isInOrder() || l.Retries != 0 || l.In == 0 || l.Out == 0 || l.Duration == 0 || l.HelloWait < 0 || l.Connect < 0 {
			t.Errorf("log line %+v", l)
		}
	}
}

// The certificate that a client sees is the server's own, byte for byte, in both versions of TLS.
func TestClientSeesServerCertificate(t *testing.T) {
	p := startProxied(t, "default_backend api")
	direct := leaf(t, openssl(t, p.origins[2], "-servername", "www.example.test"))
	for _, version := range []string{"1.2", "1.3"} {
		p.forget()
		flag := "-tls" + strings.ReplaceAll(version, ".", "_")
		printed := openssl(t, p.address, "-servername", "www.example.test", "-alpn", "h2", flag, "-CAfile", p.ca())
		if !bytes.Equal(leaf(t, printed), direct) {
			t.Errorf("TLS %s: another certificate than the server's", version)
		}
		for _, want := range []string{"Verification: OK", "ALPN protocol: h2", "TLSv" + version} {
			if !strings.Contains(printed, want) {
				t.Errorf("TLS %s: s_client did not print %q:\n%s", version, want, printed)
			}
		}
		if l := p.sessions(t, 1)[0]; l.Version != version || strings.Join(l.ALPN, " ") != "h2" {
			t.Errorf("TLS %s: logged version %q, ALPN %q", version, l.Version, l.ALPN)
		}
	}
}
