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
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"
)

// authority returns the CA that the proxies trust, as ca.pem beside haproxy.cfg.
var authority = sync.OnceValue(func() *issuer { return newIssuer("the rig's authority") })

// stranger returns a CA that they do not know.
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
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	return &issuer{must(x509.ParseCertificate(der)), key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// leafNumber is the serial number of the certificates for a.example.
const leafNumber = 2

// issue returns a certificate for a.example that expires after some time.
func (i *issuer) issue(ends time.Duration) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(leafNumber), Subject: pkix.Name{CommonName: "a.example"}, DNSNames: []string{"a.example"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(ends),
	}
	der := must(x509.CreateCertificate(rand.Reader, template, i.cert, &key.PublicKey, i.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// handshakes are the kinds of handshakes of a server.
var handshakes = map[string]func() *tls.Config{
	"good":    func() *tls.Config { return offers(authority().issue(time.Hour)) },
	"expired": func() *tls.Config { return offers(authority().issue(-time.Hour)) },
	"unknown": func() *tls.Config { return offers(stranger().issue(time.Hour)) },
	"named": func() *tls.Config { // only for a.example
		c := offers(authority().issue(time.Hour))
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if hello.ServerName != "a.example" {
				return nil, net.ErrClosed
			}
			return nil, nil
		}
		return c
	},
	"h2": func() *tls.Config { // only with clients that speak HTTP/2
		c := offers(authority().issue(time.Hour))
		c.NextProtos = []string{"h2"}
		return c
	},
}

func offers(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }

// parseHandshake parses the words after "handshakes": a kind, and demands.
func parseHandshake(w *words) (*tls.Config, error) {
	kind, known := handshakes[w.next()]
	if !known {
		return nil, fmt.Errorf("handshakes: expected one of %v", slices.Sorted(maps.Keys(handshakes)))
	}
	config := kind()
	for {
		switch {
		case w.take("version"):
			version := versions[w.next()]
			if version == 0 {
				return nil, fmt.Errorf("handshakes version: expected one of %v", slices.Sorted(maps.Keys(versions)))
			}
			config.MinVersion, config.MaxVersion = version, version
		case w.take("cipher"):
			name := w.next()
			suites := tls.CipherSuites()
			i := slices.IndexFunc(suites, func(c *tls.CipherSuite) bool { return c.Name == name })
			if i < 0 {
				return nil, fmt.Errorf("handshakes: unknown cipher %q", name)
			}
			config.CipherSuites = []uint16{suites[i].ID}
		case w.take("demands-certificate"):
			demand(config)
		default:
			return config, nil
		}
	}
}

// demand makes a server ask its clients for a certificate of the authority.
func demand(config *tls.Config) {
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	config.ClientCAs.AddCert(authority().cert)
}

// clientFiles returns the files for checks that send a certificate, and look for revoked ones.
func clientFiles() map[string]string {
	ours, strangers := pemOf(authority().issue(time.Hour)), pemOf(stranger().issue(time.Hour))
	return map[string]string{
		"ca.pem":     authority().pem,
		"client.pem": ours.certificate + ours.key, "stranger.pem": strangers.certificate + strangers.key,
		"split.pem": ours.certificate, "split.pem.key": ours.key,
		"none.crl": authority().revoke(), "revoked.crl": authority().revoke(leafNumber),
		"strangers.crl": stranger().revoke(),
	}
}

// pair is a certificate and its key in PEM.
type pair struct{ certificate, key string }

func pemOf(c tls.Certificate) pair {
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return pair{block("CERTIFICATE", c.Certificate[0]), block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(c.PrivateKey)))}
}

// revoke returns the revocation list with these serial numbers.
func (i *issuer) revoke(numbers ...int64) string {
	list := x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, n := range numbers {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(n), RevocationTime: list.ThisUpdate})
	}
	der := must(x509.CreateRevocationList(rand.Reader, &list, i.cert, i.key))
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// feed is a session's connection that replays the bytes that the session has already received.
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

// handshake makes a handshake as a server, with a certificate of a kind.
func handshake(config *tls.Config) func(*session) error {
	return func(s *session) error { return tls.Server(&feed{session: s, Conn: s.conn}, config).Handshake() }
}
