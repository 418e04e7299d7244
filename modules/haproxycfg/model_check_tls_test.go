// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tlsFiles writes a certificate with its key, each alone, and an empty revocation list.
func tlsFiles(t *testing.T) (dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), SubjectKeyId: []byte{1},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), NextUpdate: time.Now().Add(time.Hour)}, c, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	cert, secret := block("CERTIFICATE", der), block("PRIVATE KEY", private)
	dir = t.TempDir()
	for name, text := range map[string]string{
		"both.pem": cert + secret, "first.pem": secret + cert, "split.pem": cert, "split.pem.key": secret, "plain.crt": cert, "plain.key": secret,
		"alone.pem": cert, "secret.pem": secret, "other.pem": aCertificate + secret, "ca.pem": cert, "list.crl": block("X509 CRL", list), "ca/ca.crt": cert,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// withGlobal returns a configuration with lines of global, which end with "| ", and lines of a
// backend. DIR is a directory of files.
func withGlobal(lines, dir string) string {
	global, rest, ok := strings.Cut(lines, "| ")
	if !ok {
		global, rest = "", lines
	}
	text := "global\n\t" + strings.ReplaceAll(global, "; ", "\n\t") + "\n" + backend(strings.Split(rest, "; ")...)
	return strings.ReplaceAll(text, "DIR", dir)
}

// The TLS options of a server's line and of global set the TLS of its check.
func TestTLSOfChecks(t *testing.T) {
	dir := tlsFiles(t)
	const s1, ssl = "server s1 192.0.2.2:443 check ", "server s1 192.0.2.2:443 check check-ssl verify none "
	for lines, want := range map[string]string{
		ssl + "crt DIR/both.pem":                               `"client_certificate": {"certificate": "DIR/both.pem"}`,
		ssl + "crt DIR/first.pem":                              `"client_certificate": {"certificate": "DIR/first.pem"}`,
		ssl + "crt DIR/split.pem":                              `"client_certificate": {"certificate": "DIR/split.pem", "key": "DIR/split.pem.key"}`,
		"crt-base DIR| " + ssl + "crt split.pem":               `"client_certificate": {"certificate": "DIR/split.pem", "key": "DIR/split.pem.key"}`,
		"ssl-load-extra-del-ext| " + ssl + "crt DIR/plain.crt": `"client_certificate": {"certificate": "DIR/plain.crt", "key": "DIR/plain.key"}`,
		"default-server crt DIR/both.pem; " + ssl:              `"client_certificate": {"certificate": "DIR/both.pem"}`,
		ssl + "crl-file DIR/list.crl":                          ``,
		ssl + "ssl-min-ver TLSv1.3":                            `"min_version": "1.3"`,
		ssl + "ssl-max-ver TLSv1.2":                            `"max_version": "1.2"`,
		ssl + "ssl-min-ver TLSv1.0":                            `"min_version": "1.0"`,
		ssl + "ssl-min-ver SSLv3":                              `"min_version": "1.0"`,
		ssl + "ssl-max-ver TLSv1.1":                            `"min_version": "1.0", "max_version": "1.1"`,
		ssl + "no-tlsv12 no-tlsv13":                            `"min_version": "1.0", "max_version": "1.1"`,
		ssl + "force-tlsv12":                                   `"max_version": "1.2"`,
		ssl + "force-tlsv11 ssl-max-ver TLSv1.3":               `"min_version": "1.1"`,
		ssl + "no-sslv3 no-tlsv10 no-tlsv11":                   ``,
		ssl + "no-tlsv10":                                      `"min_version": "1.1"`,
		ssl + "no-tlsv13":                                      `"max_version": "1.2"`,
		ssl + "ciphers ECDHE+AESGCM+aRSA":                      `"ciphers": ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]`,
		ssl + "force-tlsv13 ciphers AES128-SHA":                `"min_version": "1.3"`,
		ssl + "ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256": ``,
		ssl + "ciphersuites TLS_AES_128_GCM_SHA256 force-tlsv12":                                        `"max_version": "1.2"`,
		ssl + "curves P-256:X25519:secp256r1":                                                           `"curves": ["secp256r1", "x25519"]`,
		ssl + "alpn h2,http/1.1":                                                                        `"alpn": ["h2", "http/1.1"], "alpn_optional": true`,
		ssl + "alpn h2,http/1.1 check-alpn x":                                                           `"alpn": ["x"], "alpn_optional": true`,
		"ssl-default-server-options force-tlsv12 no-tls-tickets; ssl-default-server-ciphers AES128-SHA; ssl-default-server-curves X25519| " + ssl: `"max_version": "1.2", "ciphers": ["TLS_RSA_WITH_AES_128_CBC_SHA"], "curves": ["x25519"]`,
		"ssl-default-server-options force-tlsv12; ssl-default-server-ciphers AES128-SHA| " + ssl + "ssl-max-ver TLSv1.3 ciphers AES256-SHA":       `"ciphers": ["TLS_RSA_WITH_AES_256_CBC_SHA"]`,
	} {
		if want != "" {
			want = ", " + strings.ReplaceAll(want, "DIR", dir)
		}
		equal(t, lines, at(t, apps(t, withGlobal(lines, dir)), "passthrough", "backends", "b", "check", "checker"), `{"module": "tls", "verify": "none"`+want+`}`)
	}
	for lines, want := range map[string]string{
		s1 + "check-ssl ca-file DIR/ca.pem crl-file DIR/list.crl":                 `{"module": "tls", "verify": "chain", "ca": "DIR/ca.pem", "crl": "DIR/list.crl"}`,
		"ca-base DIR| " + s1 + "check-ssl ca-file ca.pem crl-file list.crl":       `{"module": "tls", "verify": "chain", "ca": "DIR/ca.pem", "crl": "DIR/list.crl"}`,
		s1 + "check-ssl ca-file DIR/ca":                                           `{"module": "tls", "verify": "chain", "ca": "DIR/ca"}`,
		"option httpchk; " + ssl + "crt DIR/both.pem alpn h2,http/1.1":            `{"module": "http_script", "request": {"method": "OPTIONS"}, "tls": {"verify": "none", "client_certificate": {"certificate": "DIR/both.pem"}, "alpn": ["http/1.1"], "alpn_optional": true}}`,
		"option httpchk; http-check connect ssl; " + s1 + "verify none no-tlsv13": `{"module": "http_script", "request": {"method": "OPTIONS"}, "steps": [{"connect": {"tls": {"verify": "none", "max_version": "1.2"}}}]}`,
		"ssl-default-server-options no-tlsv13| option tcp-check; tcp-check connect ssl alpn a; " + s1 + "verify none crt DIR/both.pem alpn b": `{"module": "tcp_script", "steps": [
			{"connect": {"tls": {"verify": "none", "client_certificate": {"certificate": "DIR/both.pem"}, "alpn": ["a"], "alpn_optional": true}}}]}`,
	} {
		equal(t, lines, at(t, apps(t, withGlobal(lines, dir)), "passthrough", "backends", "b", "check", "checker"), strings.ReplaceAll(want, "DIR", dir))
	}
}

// Settings that cannot be offered are refused, or dropped with a warning; those without an effect
// cause a warning.
func TestTLSOfChecksWarnings(t *testing.T) {
	dir := tlsFiles(t)
	const (
		s1, ssl = "server s1 192.0.2.2:443 check ", "server s1 192.0.2.2:443 check check-ssl verify none "
		of      = "E 'server b/s1' : "
		idle    = "ignored, without any effect on the traffic: "
		differs = "differs from HAProxy: "
	)
	for _, c := range []struct{ lines, want string }{
		{ssl + "crt DIR/alone.pem", of + "'crt' : no private key found in 'DIR/alone.pem': open DIR/alone.pem.key: no such file or directory"},
		{"ssl-load-extra-files none| " + ssl + "crt DIR/split.pem", of + "'crt' : no private key found in 'DIR/split.pem', and 'ssl-load-extra-files' does not let one be looked for beside it"},
		{ssl + "crt DIR/secret.pem", of + "'crt' : 'DIR/secret.pem': tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"},
		{ssl + "crt DIR/none.pem", of + "'crt' : open DIR/none.pem: no such file or directory"},
		{ssl + "crt DIR/other.pem", of + "'crt' : 'DIR/other.pem': tls: private key does not match public key"},
		{s1 + "crl-file DIR/none.crl", of + "'crl-file' : open DIR/none.crl: no such file or directory"},
		{s1 + "crl-file DIR/ca.pem", of + "'crl-file' : DIR/ca.pem holds no revocation list: expected a file in PEM"},
		{s1 + "ca-file DIR/none.pem", of + "'ca-file' : open DIR/none.pem: no such file or directory"},
		{"server s1 192.0.2.2:443 check-ssl", of + "verify is enabled by default but no CA file specified: expected 'verify none' or 'ca-file FILE' beside 'check-ssl'"},
		{s1 + "ssl-min-ver TLSv1.4", of + "'ssl-min-ver': 'TLSv1.4': unknown ssl/tls version: expected one of SSLv3, TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3"},
		{ssl + "ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2", of + "all SSL/TLS versions are disabled for its checks: expected another 'ssl-min-ver', 'ssl-max-ver', 'force-...' or 'no-...'"},
		{ssl + "force-sslv3", of + "all SSL/TLS versions are disabled for its checks: expected another 'ssl-min-ver', 'ssl-max-ver', 'force-...' or 'no-...'"},
		{ssl + "no-tlsv12", "'server b/s1' : its checks offer a version that 'no-tlsv1x' names, as in HAProxy: expected 'ssl-min-ver' and 'ssl-max-ver' alone"},
		{ssl + "no-tlsv13 ssl-min-ver TLSv1.2", "'server b/s1' : its checks offer a version that 'no-tlsv1x' names, as in HAProxy: expected 'ssl-min-ver' and 'ssl-max-ver' alone"},
		{ssl + "ciphers NOPE:DHE-RSA-AES128-SHA", of + "'ciphers NOPE:DHE-RSA-AES128-SHA': Go's TLS has none of these cipher suites: expected one that is available, such as ECDHE-RSA-AES128-GCM-SHA256"},
		{ssl + "ciphers AES128-SHA:DHE-RSA-AES128-SHA:NOPE", differs + "'ciphers': checks do not offer NOPE, DHE-RSA-AES128-SHA, which Go's TLS does not have"},
		{ssl + "ciphers AESCCM:AES128-SHA", differs + "'ciphers': checks do not offer ECDHE-ECDSA-AES256-CCM8, ECDHE-ECDSA-AES256-CCM, DHE-RSA-AES256-CCM8, DHE-RSA-AES256-CCM, 8 more, which Go's TLS does not have"},
		{ssl + "ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384", of + "'ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384': leaving out TLS_CHACHA20_POLY1305_SHA256 is not available for checks, which offer all suites of TLS 1.3: expected them all, or 'ssl-max-ver TLSv1.2'"},
		{ssl + "curves X25519:X448", differs + "'curves': checks do not offer X448, which Go's TLS does not have"},
		{ssl + "curves X448", of + "'curves X448': Go's TLS has none of these curves: expected one that is available, such as X25519 or P-256"},
		{ssl + "curves X25519:NOPE", of + "unable to set SSL curves list to 'X25519:NOPE': unknown curve 'NOPE'"},
		{ssl + "sigalgs RSA+SHA256", of + "'sigalgs RSA+SHA256' is not available for its checks over TLS"},
		{ssl + "npn h2", of + "'npn h2' is not available for its checks over TLS"},
		{"ssl-default-server-client-sigalgs RSA+SHA256| " + ssl, of + "'ssl-default-server-client-sigalgs RSA+SHA256' is not available for its checks over TLS"},
		{"option httpchk; " + ssl + "check-alpn h2", of + "'check-alpn h2': another protocol than HTTP/1.1 is not available for checks over HTTP: expected http/1.1 among them"},
		{"ssl-default-server-options nope| " + s1, "E unknown option 'nope' on global statement 'ssl-default-server-options'"},
		{"ssl-default-server-options ssl-min-ver| " + s1, "E 'ssl-min-ver' : missing the ssl/tls version on global statement 'ssl-default-server-options'"},
		{"ssl-default-server-options ssl-min-ver x| " + s1, "E 'ssl-min-ver': 'x': unknown ssl/tls version: expected one of SSLv3, TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3 on global statement 'ssl-default-server-options'"},
		{"ssl-default-server-options no-sslv3; ssl-default-server-ciphers NOPE| " + s1, idle + "'no-sslv3', 'ssl-default-server-ciphers': it only applies to servers with check-ssl, and no server has it (also line 3)"},
		{s1 + "crt DIR/none.pem ciphers NOPE npn x no-sslv3", idle + "'crt', 'ciphers', 'npn', 'no-sslv3': this server has no check over TLS, and the client's TLS is passed through"},
		{ssl + "no-tls-tickets no-sslv3", idle + "'no-tls-tickets': checks never resume a session, and the client's TLS is passed through"},
	} {
		c.want = strings.ReplaceAll(c.want, "DIR", dir)
		if said := messages(t, withGlobal(c.lines, dir)); !slices.Equal(said, []string{c.want}) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.lines, said, c.want)
		}
	}
	said := messages(t, withGlobal("default-server ciphers AES128-SHA:NOPE check; server s1 192.0.2.2:443 check-ssl verify none; server s2 192.0.2.3:443; balance first", dir))
	if want := []string{
		differs + "'ciphers': checks do not offer NOPE, which Go's TLS does not have",
	}; !slices.Equal(said, want) {
		t.Errorf("got %q", said)
	}
}
