// SPDX-License-Identifier: Apache-2.0

package dnsclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/caddy-passthrough/caddy-passthrough/modules/dnsclient/dnstest"
)

// SRV records bring their targets, and the addresses of these, but of no other hosts.
func TestServices(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Set("_web._tcp.test", dnstest.Reply{
		Records: []string{
			"_web._tcp.test. 9 IN SRV 10 60 443 A.test.", "_web._tcp.test. 9 IN SRV 20 0 8443 b.test.",
			"_web._tcp.test. 3 IN SRV 0 0 0 zero.test.", `_web._tcp.test. 3 IN SRV 0 0 1 we\032ird.test.`, "_other._tcp.test. 9 IN SRV 1 1 1 c.test.",
		},
		Extra: []string{"a.test. 9 IN A 192.0.2.1", "a.test. 9 IN AAAA 2001:db8::1", "bank.test. 9 IN A 192.0.2.66"},
	})
	s.Has("_none._tcp.test", "_none._tcp.test. 9 IN SRV 0 0 0 .")
	c := clientOf(s)
	all, ttl, err := c.LookupServices(context.Background(), "_web._tcp.test")
	const want = "[{a.test 443 10 60 [192.0.2.1 2001:db8::1]} {b.test 8443 20 0 []}]"
	if fmt.Sprint(all) != want || ttl != 9*time.Second || err != nil {
		t.Errorf("%v, %v, %v, want %s", all, ttl, err, want)
	}
	if _, _, err := c.LookupServices(context.Background(), "_none._tcp.test"); !isNotFound(err) {
		t.Error(err)
	}
}

// certificate returns a certificate for a name, which is its own authority.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// Over TLS the server's name is verified, and the connection is used again.
func TestTLS(t *testing.T) {
	t.Parallel()
	mine, roots := certificate(t, "dns.test")
	var handshakes atomic.Int32
	s := dnstest.StartTLS(t, &tls.Config{Certificates: []tls.Certificate{mine}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		handshakes.Add(1)
		return nil, nil
	}})
	s.Has("web.test", "web.test. 1 IN A 192.0.2.1")
	c := clientOf(s)
	c.Retries = 1
	t.Cleanup(func() { _ = c.Close() })
	c.Servers[0].TLS = &tls.Config{ServerName: "dns.test", RootCAs: roots}
	for range 5 {
		expect(t, c, "web.test", "192.0.2.1")
	}
	expect(t, c, "gone.test", "NXDOMAIN")
	if n := handshakes.Load(); n != 1 {
		t.Errorf("%d handshakes", n)
	}
	_ = c.Servers[0].idle[0].Close() // as if the server had
	expect(t, c, "web.test", "192.0.2.1")

	c = clientOf(s)
	c.Retries = 1
	c.Servers[0].TLS = &tls.Config{ServerName: "other.test", RootCAs: roots}
	expect(t, c, "web.test", "certificate is valid for dns.test, not other.test")
}

// FuzzAnswer reads any message as the answer to a question: it must not panic, and return nothing
// that the question does not lead to.
func FuzzAnswer(f *testing.F) {
	for _, records := range [][]string{
		{"web.test. 1 IN A 192.0.2.1"},
		{"web.test. 1 IN CNAME a.test.", "a.test. 1 IN AAAA 2001:db8::1"},
		{"web.test. 1 IN CNAME web.test."},
		{"web.test. 1 IN SRV 1 2 3 a.test.", "a.test. 1 IN A 192.0.2.1"},
	} {
		m := new(dns.Msg).SetQuestion("web.test.", dns.TypeA)
		m.Response = true
		for _, line := range records {
			m.Answer = append(m.Answer, dnstest.Record(line))
			m.Extra = append(m.Extra, dnstest.Record(line))
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, dns.TypeA)
		f.Add(b, dns.TypeSRV)
	}
	f.Fuzz(func(t *testing.T, b []byte, kind uint16) {
		m := new(dns.Msg)
		err := m.Unpack(b)
		question := new(dns.Msg).SetQuestion("web.test.", kind)
		question.Id = m.Id
		if err != nil && !m.Truncated || !isAnswerTo(m, question) {
			return
		}
		a, err := read(m)
		switch n := len(a.addresses) + len(a.services); {
		case err == nil && (n == 0 || n > maxRecords || a.ttl < time.Second), err != nil && n > 0:
			t.Errorf("%d records, TTL %v, %v", n, a.ttl, err)
		case err == nil && kind != dns.TypeA && kind != dns.TypeAAAA && kind != dns.TypeSRV:
			t.Errorf("records for type %d", kind)
		}
		for _, s := range a.services {
			if !isHost(s.Host) || s.Port == 0 || len(s.Addresses) > maxExtra {
				t.Errorf("%+v", s)
			}
		}
	})
}
