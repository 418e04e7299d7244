// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
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
	"sync"
	"time"
)

// authority is whom the proxies are told to trust, as ca.pem beside haproxy.cfg.
var authority = sync.OnceValue(func() *issuer { return newIssuer("the rig's authority") })

// stranger is one that they do not know.
var stranger = sync.OnceValue(func() *issuer { return newIssuer("another authority") })

// issuer signs certificates.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newIssuer(name string) *issuer {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	return &issuer{must(x509.ParseCertificate(der)), key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue is a certificate for a.example that ends after some time.
func (i *issuer) issue(ends time.Duration) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a.example"}, DNSNames: []string{"a.example"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(ends),
	}
	der := must(x509.CreateCertificate(rand.Reader, template, i.cert, &key.PublicKey, i.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// handshakes are what a server may do of TLS.
var handshakes = map[string]func() *tls.Config{
	"good":    func() *tls.Config { return offers(authority().issue(time.Hour)) },
	"expired": func() *tls.Config { return offers(authority().issue(-time.Hour)) },
	"unknown": func() *tls.Config { return offers(stranger().issue(time.Hour)) },
	"named": func() *tls.Config { // nobody but a.example
		c := offers(authority().issue(time.Hour))
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if hello.ServerName != "a.example" {
				return nil, net.ErrClosed
			}
			return nil, nil
		}
		return c
	},
	"h2": func() *tls.Config { // nobody but who speaks HTTP/2
		c := offers(authority().issue(time.Hour))
		c.NextProtos = []string{"h2"}
		return c
	},
}

func offers(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }

// feed is a session's connection for who reads what the session has received.
type feed struct {
	*session
	net.Conn
	at int
}

func (f *feed) Read(p []byte) (int, error) {
	for {
		f.mu.Lock()
		n, more := copy(p, f.received[f.at:]), f.more
		f.mu.Unlock()
		if f.at += n; n > 0 {
			return n, nil
		}
		select {
		case <-more:
		case <-f.ended:
			f.mu.Lock()
			rest := bytes.Clone(f.received[f.at:])
			f.mu.Unlock()
			if len(rest) == 0 {
				return 0, io.EOF
			}
		}
	}
}

// handshake does one as a server, with a certificate of a kind.
func handshake(config *tls.Config) func(*session) error {
	return func(s *session) error { return tls.Server(&feed{session: s, Conn: s.conn}, config).Handshake() }
}
