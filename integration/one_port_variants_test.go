// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// onePortVariants are http servers with a passed-through name, with what clients get: of the own
// site, of the passed-through name, and for plain HTTP.
var onePortVariants = []struct {
	name, options, sites string
	header               string // of each client
	own, plain           string
}{
	{
		name: "behind proxy_protocol", options: "servers {\n listener_wrappers {\n proxy_protocol {\n allow 127.0.0.0/8\n }\n passthrough\n tls\n }\n }",
		sites: ":PORT {\n passthrough pass.test SERVER\n}\nown.test {\n tls CERT KEY\n respond \"own {http.request.remote}\"\n}", header: lineOf4,
		own: "own " + clientOf4, plain: "Client sent an HTTP request to an HTTPS server",
	},
	{
		name: "before http_redirect", options: "servers {\n listener_wrappers {\n passthrough\n http_redirect\n tls\n }\n }",
		sites: ":PORT {\n passthrough pass.test SERVER\n}\nown.test {\n tls CERT KEY\n respond own\n}", own: "own", plain: "308 Permanent Redirect",
	},
	{name: "auto_https off", options: "auto_https off", sites: ":PORT {\n tls CERT KEY\n passthrough pass.test SERVER\n}\nown.test {\n tls CERT KEY\n respond own\n}", own: "own", plain: "Client sent an HTTP request"},
	{
		name: "client certificates", sites: ":PORT {\n passthrough pass.test SERVER\n}\nown.test {\n tls CERT KEY {\n client_auth {\n mode require\n }\n }\n respond own\n}",
		own: "tls: certificate required", plain: "Client sent an HTTP request",
	},
	{name: "without TLS", options: "auto_https off\n https_port 2", sites: ":PORT {\n passthrough pass.test SERVER\n respond plain\n}", own: "first record does not look like a TLS handshake", plain: "plain"},
}

// Other wrappers and unusual http servers leave the passed-through name to its server, and the
// other connections to the http server.
func TestOnePortVariants(t *testing.T) {
	t.Parallel()
	a, server := newAuthority(t), freeAddress(t)
	cert, key := a.issue(t, "pass.test", 30)
	startGoServer(t, server, cert, key)
	cert, key = a.issue(t, "own.test", 30)
	for _, v := range onePortVariants {
		t.Run(v.name, func(t *testing.T) {
			address := freeAddress(t)
			p := &process{dir: t.TempDir(), admin: freeAddress(t)}
			options := v.options
			if !strings.Contains(options, "https_port") {
				options += "\n https_port PORT"
			}
			text := strings.NewReplacer("PORT", portOf(t, address), "REDIRECTS", portOf(t, freeAddress(t)), "SERVER", server, "CERT", cert, "KEY", key).Replace(fmt.Sprintf(
				"{\n admin %s\n storage file_system %s\n http_port REDIRECTS\n default_bind 127.0.0.1\n %s\n}\n%s\n", p.admin, filepath.Join(p.dir, "state"), options, v.sites))
			if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			p.run(t, "Caddyfile", 0)
			for name, want := range map[string]string{"own.test": v.own, "pass.test": "go HTTP/1.1 ", "": v.plain} {
				if got := askOnePort(t, address, v.header, name, a.ca()); !strings.Contains(got, want) {
					t.Errorf("%q: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// askOnePort requests a page of a name over TLS, or of any without, and returns the answer or the
// error.
func askOnePort(t *testing.T, address, header, name, ca string) string {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(raw, header)
	c := raw
	if name != "" {
		c = tls.Client(raw, &tls.Config{ServerName: name, RootCAs: caIn(t, ca)})
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+cmp.Or(name, "any")+"\r\nConnection: close\r\n\r\n"); err != nil {
		return err.Error()
	}
	answer, err := io.ReadAll(c)
	return fmt.Sprint(string(answer), err)
}
