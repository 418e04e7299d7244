// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
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
	messages["resumption 1.2"] = resumptionHello(t, tls.VersionTLS12)[recordHeaderLen:]
	messages["resumption 1.3"] = resumptionHello(t, tls.VersionTLS13)[recordHeaderLen:]
	return messages
}

func TestClients(t *testing.T) {
	for name, config := range clientConfigs() {
		t.Run(name, func(t *testing.T) {
			got := inspectAll(t, hellotest.Capture(t, config))
			want := verdict{
				Outcome: Found, SpokeTLS: true, HasServerName: true, ServerName: clientName, ALPN: config.NextProtos,
				Legacy: versionTLS12, Version: versionTLS13,
			}
			if config.MaxVersion != 0 {
				want.Legacy, want.Version = config.MaxVersion, config.MaxVersion
			}
			if !slices.Equal(got.ALPN, want.ALPN) {
				t.Errorf("ALPN: got %q, want %q", got.ALPN, want.ALPN)
			}
			got.ALPN, want.ALPN = nil, nil
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestClientWithoutName(t *testing.T) {
	for _, name := range []string{"", "192.0.2.1", "2001:db8::1"} {
		got := inspectAll(t, hellotest.Capture(t, &tls.Config{ServerName: name, InsecureSkipVerify: true}))
		if got.Outcome != Found || got.HasServerName {
			t.Errorf("%q: got %+v", name, got)
		}
	}
}

func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		full := inspectAll(t, hellotest.Capture(t, &tls.Config{ServerName: clientName, MaxVersion: version}))
		raw := resumptionHello(t, version)
		if got := inspectAll(t, raw); fmt.Sprint(got) != fmt.Sprint(full) {
			t.Errorf("%s: got %+v, want %+v", VersionName(version), got, full)
		}
	}
}

// resumptionHello returns the hello of a client that has a session of that version with the server.
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
	// A TLS 1.3 ticket comes after the handshake, so it takes a read to get it.
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
