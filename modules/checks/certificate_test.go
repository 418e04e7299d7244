// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

const days = 24 * time.Hour

// authority signs the certificates of the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// template returns an unsigned certificate for a server; newAuthority changes it to an authority's.
func template(name string, from, until time.Duration) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func leaf(names ...string) *x509.Certificate {
	c := template("leaf", -days, 100*days)
	c.DNSNames, c.IPAddresses = names, []net.IP{net.IPv4(127, 0, 0, 1)}
	if len(names) > 0 {
		c.IPAddresses = nil
	}
	return c
}

func sign(t testing.TB, what *x509.Certificate, by *authority) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := what, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, what, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func newAuthority(t testing.TB, name string, until time.Duration) authority {
	c := template(name, -days, until)
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
	return sign(t, c, nil)
}

// tlsServer is a TLS server with its own certificate authority.
type tlsServer struct {
	ca     string
	config *tls.Config
}

func secureServer(t testing.TB, cert *x509.Certificate) tlsServer {
	return signedBy(t, newAuthority(t, "Testing CA", 1000*days), cert)
}

func signedBy(t testing.TB, ca authority, cert *x509.Certificate) tlsServer {
	l := sign(t, cert, &ca)
	return tlsServer{pemFile(t, ca.pem), &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{l.cert.Raw}, PrivateKey: l.key}},
		MinVersion:   tls.VersionTLS10,
	}}
}

func (s tlsServer) wrap(c net.Conn) *tls.Conn { return tls.Server(c, s.config) }

func (s tlsServer) serve(t testing.TB) string {
	return serve(t, func(c *net.TCPConn) {
		secure := s.wrap(c)
		io.Copy(io.Discard, secure)
	})
}

func date(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.DateOnly) }

// With several chains to an authority, the one that lasts longest counts.
func TestLongestLastingChainCounts(t *testing.T) {
	cert := func(until time.Duration) *x509.Certificate { return template("", 0, until) }
	l, short, long := cert(50*days), cert(10*days), cert(40*days)
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{l}}
	for _, test := range []struct {
		chains [][]*x509.Certificate
		want   *x509.Certificate
	}{
		{nil, l},
		{[][]*x509.Certificate{{l, short}}, short},
		{[][]*x509.Certificate{{l, short}, {l, long}}, long},
		{[][]*x509.Certificate{{l, long}, {l, short}}, long},
	} {
		state.VerifiedChains = test.chains
		if got := firstToExpire(state); got != test.want {
			t.Errorf("%v: got %v", test.chains, got.NotAfter)
		}
	}
}
