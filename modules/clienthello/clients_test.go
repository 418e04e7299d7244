// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

const clientName = "www.example.com"

func manyProtocols() []string {
	all := []string{"h2", "http/1.1"}
	for k := range 200 {
		all = append(all, fmt.Sprintf("x-protocol-%03d", k))
	}
	return all
}

func clientConfigs() map[string]*tls.Config {
	classic := []tls.CurveID{tls.X25519, tls.CurveP256}
	return map[string]*tls.Config{
		"default":       {ServerName: clientName, NextProtos: []string{"h2", "http/1.1"}},
		"TLS 1.2":       {ServerName: clientName, MaxVersion: tls.VersionTLS12},
		"TLS 1.0":       {ServerName: clientName, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"TLS 1.3 only":  {ServerName: clientName, MinVersion: tls.VersionTLS13},
		"classic":       {ServerName: clientName, CurvePreferences: classic},
		"post-quantum":  {ServerName: clientName, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}},
		"many ALPN":     {ServerName: clientName, NextProtos: manyProtocols()},
		"no tickets":    {ServerName: clientName, SessionTicketsDisabled: true},
		"name in caps":  {ServerName: "WWW.EXAMPLE.COM"},
		"name with dot": {ServerName: clientName + "."},
	}
}

// clientMessages returns hellos of real clients as handshake messages without record headers.
func clientMessages(t testing.TB) map[string][]byte {
	messages := make(map[string][]byte)
	for name, config := range clientConfigs() {
		messages[name] = hellotest.Capture(t, config)[recordHeaderLen:]
	}
	messages["all at once"] = fullHello().Message()
	messages["resumption 1.2"] = resumptionHello(t, tls.VersionTLS12)[recordHeaderLen:]
	messages["resumption 1.3"] = resumptionHello(t, tls.VersionTLS13)[recordHeaderLen:]
	return messages
}

func TestClients(t *testing.T) {
	for name, config := range clientConfigs() {
		t.Run(name, func(t *testing.T) {
			raw := hellotest.Capture(t, config)
			got := inspectAll(t, raw)
			legacy, version := uint16(versionTLS12), uint16(versionTLS13)
			if config.MaxVersion != 0 {
				legacy, version = config.MaxVersion, config.MaxVersion
			}
			if got.Outcome != Found || !got.HasServerName || got.ServerName != clientName || got.ServerNameIsIP ||
				!slices.Equal(got.ALPN, config.NextProtos) || got.Legacy != legacy || got.Version != version {
				t.Errorf("got %+v", got)
			}
			if got.PSK || got.EarlyData || got.ECH {
				t.Errorf("pre-shared key %v, early data %v, ECH %v", got.PSK, got.EarlyData, got.ECH)
			}
			if want := version == versionTLS13 && name != "classic"; got.PostQuantum != want {
				t.Errorf("post-quantum %v, want %v: shares for %#04x", got.PostQuantum, want, got.KeyShares)
			}
			for _, group := range got.KeyShares {
				if !slices.Contains(got.Groups, group) {
					t.Errorf("a share for %#04x, which is none of %#04x", group, got.Groups)
				}
			}
			// The server of crypto/tls must see the same lists.
			if !compareWithCryptoTLS(t, raw) {
				t.Error("crypto/tls does not read its own hello")
			}
		})
	}
}

func TestClientWithoutName(t *testing.T) {
	for _, name := range []string{"", "192.0.2.1", "2001:db8::1"} {
		got := inspectAll(t, hellotest.Capture(t, &tls.Config{ServerName: name, InsecureSkipVerify: true}))
		if got.Outcome != Found || got.HasServerName || slices.Contains(got.Extensions, extensionServerName) {
			t.Errorf("%q: got %+v", name, got)
		}
	}
}

// TestClientWithECH expects the public name, which the client sends in the clear, not the encrypted
// one.
func TestClientWithECH(t *testing.T) {
	got := inspectAll(t, hellotest.Capture(t, echConfig(t)))
	if got.Outcome != Found || !got.ECH || got.ServerName != "public.example" || got.Version != versionTLS13 {
		t.Errorf("got %+v", got)
	}
}

// echConfig returns the configuration of a client that encrypts its hello (RFC 9849, section 4).
func echConfig(t testing.TB) *tls.Config {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const dhkemX25519, hkdfSHA256, aes128GCM = 0x0020, 0x0001, 0x0001
	contents := slices.Concat(
		[]byte{7}, hellotest.Uint16s(dhkemX25519), hellotest.Vector16(key.PublicKey().Bytes()),
		hellotest.Vector16(hellotest.Uint16s(hkdfSHA256, aes128GCM)),
		[]byte{0}, hellotest.Vector8([]byte("public.example")), hellotest.Vector16(nil),
	)
	// An ECHConfig has a version and a length, like an extension.
	list := hellotest.Vector16(hellotest.Extension(extensionECH, contents))
	return &tls.Config{ServerName: clientName, MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: list}
}

// TestResumption compares a hello that resumes a session with one that starts one. In TLS 1.2 the
// extension that requests a ticket also carries it.
func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache := tls.NewLRUClientSessionCache(1)
		want := inspectAll(t, hellotest.Capture(t, &tls.Config{ServerName: clientName, MaxVersion: version, ClientSessionCache: cache}))
		got := inspectAll(t, resumptionHello(t, version))
		if version == tls.VersionTLS13 {
			want.PSK = true
			want.Extensions = append(want.Extensions, extensionPreSharedKey)
		}
		got.SessionID, want.SessionID = "", "" // at random
		if diff := difference(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", VersionName(version), diff)
		}
	}
}

// resumptionHello returns the hello of a client that resumes a session of the version.
func resumptionHello(t testing.TB, version uint16) []byte {
	t.Helper()
	cache := tls.NewLRUClientSessionCache(1)
	config := &tls.Config{ServerName: clientName, MaxVersion: version, InsecureSkipVerify: true, ClientSessionCache: cache}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveOnce(listener, certificate(t)) }()
	client, err := tls.Dial("tcp", listener.Addr().String(), config)
	if err != nil {
		t.Fatalf("first session: %v", errors.Join(err, <-done))
	}
	// A TLS 1.3 ticket comes after the handshake: reading processes it.
	_, err = io.ReadAll(client)
	if err := errors.Join(err, client.Close(), <-done); err != nil {
		t.Fatalf("first session: %v", err)
	}
	if _, ok := cache.Get(clientName); !ok {
		t.Fatal("no session to resume")
	}
	return hellotest.Capture(t, config)
}

func serveOnce(listener net.Listener, certificate tls.Certificate) error {
	conn, err := listener.Accept()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
	_, err = server.Write([]byte("x"))
	return errors.Join(err, server.Close(), listener.Close())
}

var newCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{clientName}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

func certificate(t testing.TB) tls.Certificate {
	c, err := newCertificate()
	if err != nil {
		t.Errorf("making a certificate: %v", err)
	}
	return c
}
