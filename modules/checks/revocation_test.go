// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// revocationList returns a revocation list of an authority for a period.
func revocationList(t testing.TB, ca authority, from, until time.Duration, revoked ...*x509.Certificate) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(from), NextUpdate: time.Now().Add(until)}
	for _, c := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: l.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, ca.cert, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// Each certificate of the chain needs a valid list of its issuer that does not revoke it. The codes
// are compared with HAProxy's.
func TestRevocations(t *testing.T) {
	root := newAuthority(t, "Testing CA", 1000*days)
	between := template("Between", -days, 1000*days)
	between.IsCA, between.BasicConstraintsValid, between.KeyUsage, between.ExtKeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
	middle := sign(t, between, &root)
	own := sign(t, leaf("web.example"), &middle)
	s := tlsServer{pemFile(t, root.pem), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{own.cert.Raw, middle.cert.Raw}, PrivateKey: own.key}}}}
	address := s.serve(t)
	valid := func(of authority, revoked ...*x509.Certificate) []byte {
		return revocationList(t, of, -time.Hour, days, revoked...)
	}
	none := valid(root)
	impostor := newAuthority(t, "Between", 1000*days)
	tests := []struct {
		name  string
		lists []byte
		code  pool.Code
		info  string
	}{
		{"none revoked", append(valid(middle), none...), pool.Layer6OK, ""},
		{"another revoked", append(valid(middle, root.cert), none...), pool.Layer6OK, ""},
		{"revoked", append(valid(middle, own.cert), none...), pool.Layer6Response, "certificate is revoked"},
		{"authority revoked", append(valid(middle), valid(root, middle.cert)...), pool.Layer6Response, "certificate of the authority CN=Between is revoked"},
		{"no list of the root", valid(middle), pool.Layer6Response, "no revocation list of CN=Testing CA"},
		{"no list of the issuer", none, pool.Layer6Response, "no revocation list of CN=Between"},
		{"signed by another", append(valid(impostor), none...), pool.Layer6Response, "no revocation list of CN=Between"},
		{"over", append(revocationList(t, middle, -2*days, -days), none...), pool.Layer6Response, "revocation list of CN=Between ended on " + date(-days)},
		{"too young", append(revocationList(t, middle, days, 2*days), none...), pool.Layer6Response, "revocation list of CN=Between is not valid before " + date(days)},
		{"over, and another", append(append(revocationList(t, middle, -2*days, -days), valid(middle)...), none...), pool.Layer6OK, ""},
	}
	var theirs []haproxyCase
	for _, test := range tests {
		file := pemFile(t, test.lists)
		theirs = append(theirs, haproxyCase{test.name, fmt.Sprintf(" server s %s check inter 900ms check-ssl ca-file %s crl-file %s\n", address, s.ca, file), test.code})
		for _, verify := range []string{`"server_name": "web.example"`, `"verify": "chain"`} {
			c := provisioned(t, "tls", fmt.Sprintf(`{"ca": %q, "crl": %q, %s}`, s.ca, file, verify))
			expectResult(t, checked(c, to(address)), test.code, test.info)
		}
	}
	expectHAProxyCodes(t, theirs)
	empty := pemFile(t, root.pem)
	for config, want := range map[string]string{
		`{"crl": "/nowhere/x"}`:                      "crl: open /nowhere/x: no such file or directory",
		`{"crl": "` + empty + `"}`:                   "holds no revocation list: expected PEM",
		`{"crl": "` + empty + `", "verify": "none"}`: "crl and verify none are mutually exclusive",
		`{"crl": "` + pemFile(t, []byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")) + `"}`: "malformed",
	} {
		_, err := load("tls", config)
		contains(t, err, want)
	}
}
