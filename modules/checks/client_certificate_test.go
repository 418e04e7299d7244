// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// certFiles are the paths of a certificate and its key, in one file and in two.
type certFiles struct{ both, cert, key string }

// files writes the certificate to files.
func (a authority) files(t testing.TB) certFiles {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return certFiles{pemFile(t, append(key, a.pem...)), pemFile(t, a.pem), pemFile(t, key)}
}

// clientCertFiles returns a client's certificate, signed by ca.
func clientCertFiles(t testing.TB, ca authority) certFiles {
	c := leaf("client")
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return sign(t, c, &ca).files(t)
}

// mutualTLSNginx runs an nginx that requires a client certificate signed by an authority.
func mutualTLSNginx(t *testing.T, own, ca string) (address string) {
	t.Helper()
	address = programs.Address(t)
	startNginx(t, t.TempDir(), "tcp", address, fmt.Sprintf("listen %s ssl; ssl_certificate %s; ssl_certificate_key %s; ssl_client_certificate %s; ssl_verify_client on; location / { return 200 ok; }\n", address, own, own, ca))
	return address
}

// TestClientCertificates compares the results with HAProxy's for servers that require a client
// certificate: openssl, in each version of TLS, and nginx. In TLS 1.3 a server judges the client's
// certificate after the client has completed its part of the handshake.
func TestClientCertificates(t *testing.T) {
	need(t, "openssl")
	ca := newAuthority(t, "Testing CA", 1000*days)
	roots, own := pemFile(t, ca.pem), sign(t, leaf("web.example"), &ca)
	good, strangers := clientCertFiles(t, ca), clientCertFiles(t, newAuthority(t, "Other CA", 1000*days))
	demanding := func(flags ...string) string {
		return openssl(t, own, append(flags, "-Verify", "2", "-verify_return_error", "-CAfile", roots)...)
	}
	old, modern, web := demanding("-tls1_2"), demanding("-tls1_3"), mutualTLSNginx(t, own.files(t).both, roots)
	tests := []struct {
		name, module, address, cert string
		code                        pool.Code
		info                        string
	}{
		{"1.2", "tls", old, good.both, pool.Layer6OK, ""},
		{"1.2, none", "tls", old, "", pool.Layer6Response, "server says: handshake failure"},
		{"1.2, a stranger's", "tls", old, strangers.both, pool.Layer6Response, "server says: unknown certificate authority"},
		{"1.3", "tls", modern, good.both, pool.Layer6OK, ""},
		{"1.3, none", "tls", modern, "", pool.Layer6OK, ""},
		{"nginx", "http", web, good.both, pool.Layer7OK, "200 OK"},
		{"nginx, none", "http", web, "", pool.Layer7Status, "400 Bad Request: status is not 200-399"},
		{"nginx, a stranger's", "http", web, strangers.both, pool.Layer7Status, "400 Bad Request: status is not 200-399"},
	}
	var theirs []haproxyCase
	for _, test := range tests {
		line, options := " server s "+test.address+" check inter 900ms check-ssl verify none", `"verify": "none"`
		if test.cert != "" {
			line += " crt " + test.cert
			options += fmt.Sprintf(`, "client_certificate": {"certificate": %q}`, test.cert)
		}
		config := "{" + options + "}"
		if test.module == "http" {
			line, config = " option httpchk GET /\n"+line, fmt.Sprintf(`{"tls": %s}`, config)
		}
		theirs = append(theirs, haproxyCase{test.name, line + "\n", test.code})
		expectResult(t, checked(provisioned(t, test.module, config), to(test.address)), test.code, test.info)
	}
	config := fmt.Sprintf(`{"verify": "none", "client_certificate": {"certificate": %q, "key": %q}}`, good.cert, good.key)
	expectResult(t, checked(provisioned(t, "tls", config), to(old)), pool.Layer6OK, "")
	expectHAProxyCodes(t, theirs)
}

func TestClientCertificateMistakes(t *testing.T) {
	ca := newAuthority(t, "Testing CA", 1000*days)
	good, other := clientCertFiles(t, ca), clientCertFiles(t, ca)
	for config, want := range map[string]string{
		`{"certificate": ""}`:                          "client_certificate: certificate: expected a PEM file",
		`{"certificate": "/nowhere/x"}`:                "client_certificate: /nowhere/x: open /nowhere/x: no such file or directory",
		`{"certificate": "CERT"}`:                      "found a certificate rather than a key",
		`{"certificate": "KEY"}`:                       "failed to find certificate PEM data",
		`{"certificate": "CERT", "key": "OTHER"}`:      "private key does not match public key",
		`{"certificate": "CERT", "key": "/nowhere/x"}`: "open /nowhere/x: no such file or directory",
	} {
		config = strings.NewReplacer("CERT", good.cert, "KEY", good.key, "OTHER", other.key).Replace(config)
		_, err := load("tls", `{"client_certificate": `+config+`}`)
		contains(t, err, want)
	}
}
