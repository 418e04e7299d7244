// SPDX-License-Identifier: Apache-2.0

//go:build servers

package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"testing"
	"time"
)

// certificate writes a self-signed certificate and its key.
func certificate(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server.example"}, DNSNames: []string{"server.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, dir, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func TestOpenLDAP(t *testing.T) {
	t.Parallel()
	slapd := find(t, "slapd")
	dir := shortDir(t)
	cert, key := certificate(t, dir)
	open, secure, closed := freeAddress(t), freeAddress(t), freeAddress(t)
	config := fmt.Sprintf("TLSCertificateFile %s\nTLSCertificateKeyFile %s\npidfile %s/pid", cert, key, dir)
	first := start(t, nobody(), nil, slapd, "-d", "0", "-f", write(t, dir, "open.conf", config+"\n"), "-h", "ldap://"+open+" ldaps://"+secure)
	second := start(t, nobody(), nil, slapd, "-d", "0", "-f", write(t, dir, "closed.conf", config+"2\ndisallow bind_anon\n"), "-h", "ldap://"+closed)
	awaitListener(t, open, secure, closed)
	all := []expected{
		{"open", "option ldap-check", open, finding{"up", "L7OK", "success"}, ""},
		{"secure", "option ldap-check| check-ssl check-sni server.example ca-file " + cert, secure, finding{"up", "L7OK", "success"}, ""},
		{"other_name", "option ldap-check| check-ssl check-sni other.example ca-file " + cert, secure, finding{"down", "L6RSP", "certificate is for server.example, not for other.example"}, ""},
		{"no_tls", "option ldap-check| check-ssl verify none", open, finding{"down", "L6RSP", ""}, ""},
		{"closed", "option ldap-check", closed, finding{"down", "L7STS", "result 48 (inappropriateAuthentication): anonymous bind disallowed"}, ""},
	}
	expect := judge(t, all)
	expect(t, all)
	first()
	second()
	expect(t, stopped(all))
}

func TestRedis(t *testing.T) {
	t.Parallel()
	redis := find(t, "redis-server", "/usr/bin/redis-server")
	dir := shortDir(t)
	cert, key := certificate(t, dir)
	open, secure, closed := freeAddress(t), freeAddress(t), freeAddress(t)
	usual := []string{"--bind", "127.0.0.1", "--save", "", "--dir", dir}
	first := start(t, nobody(), nil, redis, append(usual, "--port", port(open), "--tls-port", port(secure), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")...)
	second := start(t, nobody(), nil, redis, append(usual, "--port", port(closed), "--requirepass", "secret")...)
	awaitListener(t, open, secure, closed)
	all := []expected{
		{"open", "option redis-check", open, finding{"up", "L7OK", "+PONG"}, ""},
		{"secure", "option redis-check| check-ssl verify none", secure, finding{"up", "L7OK", "+PONG"}, ""},
		// HAProxy waits for a PONG until the timeout.
		{"closed", "option redis-check", closed, finding{"down", "L7STS", "-NOAUTH Authentication required."}, "L7TOUT"},
	}
	expect := judge(t, all)
	expect(t, all)
	first()
	second()
	expect(t, stopped(all))
}

// The mail server is nginx: it can be installed beside any other.
func TestMail(t *testing.T) {
	t.Parallel()
	const module = "/usr/lib/nginx/modules/ngx_mail_module.so"
	nginx := find(t, "nginx")
	if _, err := os.Stat(module); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := shortDir(t)
	cert, key := certificate(t, dir)
	plain, secure := freeAddress(t), freeAddress(t)
	config := write(t, dir, "nginx.conf", fmt.Sprintf(`load_module %s;
daemon off;
pid %s/nginx.pid;
error_log stderr;
events {}
mail {
	server_name mx.example;
	auth_http 127.0.0.1:1/;
	smtp_auth none;
	ssl_certificate %s;
	ssl_certificate_key %s;
	server { listen %s; protocol smtp; }
	server { listen %s ssl; protocol smtp; }
}
`, module, dir, cert, key, plain, secure))
	stop := start(t, nobody(), nil, nginx, "-e", "stderr", "-p", dir, "-c", config)
	awaitListener(t, plain, secure)
	all := []expected{
		{"helo", "option smtpchk", plain, finding{"up", "L7OK", "221 2.0.0 Bye"}, ""},
		{"ehlo", "option smtpchk EHLO proxy.example", plain, finding{"up", "L7OK", "221 2.0.0 Bye"}, ""},
		{"secure", "option smtpchk| check-ssl verify none", secure, finding{"up", "L7OK", "221 2.0.0 Bye"}, ""},
		{"redis", "option redis-check", plain, finding{"down", "L7STS", "not PONG: got \"220 mx.example"}, "L7TOUT"},
	}
	expect := judge(t, all)
	expect(t, all)
	stop()
	expect(t, stopped(all))
}
