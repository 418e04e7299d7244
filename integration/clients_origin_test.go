// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// publicName is the visible name of a client with ECH, secretName the name that it wants.
const (
	publicName = "public.example.test"
	secretName = "secret.example.test"
)

// An echo is a TLS server for every client that crypto/tls can serve. Over TLS it answers with the
// raw bytes that it received before the handshake was complete, and closes.
type echo struct {
	address string
	roots   *x509.CertPool
	ech     []byte // the ECHConfigList for publicName
}

// startEcho runs an echo until the test ends.
func startEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{roots: x509.NewCertPool()}
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{e.certificate(t, ecdsaKey), e.certificate(t, rsaKey)},
		MinVersion:   tls.VersionTLS10,
		NextProtos:   []string{"h2", "http/1.1"},
	}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	var key tls.EncryptedClientHelloKey
	e.ech, key = newECH(t)
	config.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{key}
	e.address = listen(t, func(c *net.TCPConn) {
		heard := &recordingConn{TCPConn: c}
		server := tls.Server(heard, config)
		if err := server.Handshake(); err != nil {
			return // the client reports it
		}
		_, _ = server.Write(heard.bytes)
		_ = server.CloseWrite()
		_, _ = io.Copy(io.Discard, server)
	})
	return e
}

// recordingConn is a connection that records the bytes read from it.
type recordingConn struct {
	*net.TCPConn
	bytes []byte
}

func (h *recordingConn) Read(b []byte) (int, error) {
	n, err := h.TCPConn.Read(b)
	h.bytes = append(h.bytes, b[:n]...)
	return n, err
}

// certificate issues a certificate for a key, and makes the clients trust it.
func (e *echo) certificate(t *testing.T, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"*.example.test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	e.roots.AddCert(certificate)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// newECH returns a key for ECH (RFC 9849, section 4), and the list of configurations for clients.
func newECH(t *testing.T) (list []byte, key tls.EncryptedClientHelloKey) {
	t.Helper()
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const configID, dhkemX25519, hkdfSHA256, aes128GCM, maxNameLen = 7, 0x0020, 0x0001, 0x0001, 32
	config := hellotest.Extension(hellotest.TypeECH, slices.Concat(
		[]byte{configID}, hellotest.Uint16s(dhkemX25519), hellotest.Vector16(private.PublicKey().Bytes()),
		hellotest.Vector16(hellotest.Uint16s(hkdfSHA256, aes128GCM)),
		[]byte{maxNameLen}, hellotest.Vector8([]byte(publicName)),
		hellotest.Vector16(nil),
	))
	return hellotest.Vector16(config), tls.EncryptedClientHelloKey{Config: config, PrivateKey: private.Bytes()}
}
