// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

var (
	began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ended = began.Add(90 * 24 * time.Hour)
)

// made signs a certificate with a key of its own.
func made(t testing.TB, template x509.Certificate, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(0xabc), began, ended
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func elliptical(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestNew(t *testing.T) {
	t.Parallel()
	c := New(made(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "ignored.example"}, DNSNames: []string{"Web.Example.", "*.example.com"}, IPAddresses: []net.IP{net.ParseIP("2001:db8::1")},
	}, elliptical(t)))
	if want := []string{"web.example", "*.example.com", "2001:db8::1"}; !slices.Equal(c.Names, want) || c.MoreNames != 0 {
		t.Errorf("names %q and %d more, expected %q", c.Names, c.MoreNames, want)
	}
	if c.CommonName != "" || c.Subject != "CN=ignored.example" || c.Issuer != "CN=ignored.example" || c.Serial != "abc" || c.Key != "ECDSA P-256" {
		t.Errorf("got %+v", c)
	}
	if !c.NotBefore.Equal(began) || !c.NotAfter.Equal(ended) || len(c.Fingerprint) != 64 {
		t.Errorf("got %+v", c)
	}
	if old := New(made(t, x509.Certificate{Subject: pkix.Name{CommonName: "Old.Example"}}, elliptical(t))); old.CommonName != "old.example" || len(old.Names) != 0 {
		t.Errorf("without names: got %+v", old)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	small, _ := rsa.GenerateKey(rand.Reader, 2048)
	for want, key := range map[string]crypto.Signer{"RSA 2048": small, "Ed25519": edwards, "ECDSA P-256": elliptical(t)} {
		if got := New(made(t, x509.Certificate{}, key)).Key; got != want {
			t.Errorf("got %q, expected %q", got, want)
		}
	}
	if got := key(&x509.Certificate{}); got != "unknown" {
		t.Errorf("got %q for an unknown key", got)
	}
}

func TestManyNames(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprintf("host-%d.example", i))
	}
	c := New(made(t, x509.Certificate{DNSNames: names, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}, elliptical(t)))
	if len(c.Names) != maxNames || c.MoreNames != 10_001-maxNames {
		t.Errorf("%d names and %d more", len(c.Names), c.MoreNames)
	}
}

// TestHostile shows that a certificate cannot put control characters or long texts into answers.
func TestHostile(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 40_000)
	c := New(made(t, x509.Certificate{
		Subject:  pkix.Name{CommonName: "a\x1b[2J\r\n\u202e" + long, Organization: []string{"<script>alert(1)</script>"}},
		DNSNames: []string{"a\x00b\n.example", strings.Repeat("x", 70_000)},
	}, elliptical(t)))
	validate(t, c)
	if c.Names[0] != `a\x00b\x0a.example` {
		t.Errorf("got %q", c.Names[0])
	}
}

// validate fails unless the texts of a certificate are printable and short, and its lists bounded.
func validate(t testing.TB, c *Certificate) {
	t.Helper()
	for _, s := range append([]string{c.Subject, c.Issuer, c.Serial, c.Key, c.CommonName}, c.Names...) {
		if len(s) > maxText+len("…") || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("text of %d bytes: %.80q", len(s), s)
		}
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
	if len(c.Names) > maxNames || c.MoreNames < 0 {
		t.Errorf("%d names and %d more", len(c.Names), c.MoreNames)
	}
}

// TestShared shows that a certificate is one object while it is in use, and is forgotten after
// that.
func TestShared(t *testing.T) {
	raw := made(t, x509.Certificate{DNSNames: []string{"shared.example"}}, elliptical(t))
	one := New(raw)
	again, err := x509.ParseCertificate(raw.Raw)
	if err != nil {
		t.Fatal(err)
	}
	if two := New(again); one != two {
		t.Error("two objects for one certificate")
	}
	if shared.len() == 0 {
		t.Error("it is not shared")
	}
	runtime.KeepAlive(one)
	deadline := time.Now().Add(time.Minute)
	for ; shared.len() > 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d certificates are not forgotten", shared.len())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestSeen(t *testing.T) {
	t.Parallel()
	own, issuer := made(t, x509.Certificate{DNSNames: []string{"seen.example"}}, elliptical(t)), made(t, x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true}, elliptical(t))
	state := tls.ConnectionState{Version: tls.VersionTLS13, ServerName: "seen.example", NegotiatedProtocol: "h2", VerifiedChains: [][]*x509.Certificate{{own, issuer}}}
	s := NewSeen([]*x509.Certificate{own, issuer}, state, began)
	if s.Own() != New(own) || s.Chain[1] != New(issuer) || s.Sent != 2 || s.Root != "CN=CA" {
		t.Errorf("got %+v", s)
	}
	if s.Version != "TLS 1.3" || s.ServerName != "seen.example" || s.Protocol != "h2" || !s.At.Equal(began) {
		t.Errorf("got %+v", s)
	}
	if NewSeen(nil, state, began) != nil {
		t.Error("something was seen without a certificate")
	}
	long := NewSeen(slices.Repeat([]*x509.Certificate{own}, 100), tls.ConnectionState{}, began)
	if len(long.Chain) != maxChain || long.Sent != 100 || long.Version != "" {
		t.Errorf("a long chain: got %+v", long)
	}
	if !s.SameChain(NewSeen([]*x509.Certificate{own, issuer}, state, ended)) || s.SameChain(long) || s.SameChain(nil) || !(*Seen)(nil).SameChain(nil) {
		t.Error("SameChain is wrong")
	}
	swapped := NewSeen([]*x509.Certificate{issuer, own}, state, began)
	if s.SameChain(swapped) {
		t.Error("other certificates are the same chain")
	}
}

func TestValidity(t *testing.T) {
	t.Parallel()
	c := &Certificate{NotBefore: began, NotAfter: ended}
	for _, test := range []struct {
		at   time.Time
		want Validity
		days int
	}{
		{began.Add(-time.Second), NotYetValid, 90},
		{began, Valid, 90},
		{ended.Add(-EndsSoon), Valid, 14},
		{ended.Add(-EndsSoon + time.Second), Ending, 13},
		{ended, Ending, 0},
		{ended.Add(time.Second), Ended, -1},
		{ended.Add(25 * time.Hour), Ended, -2},
		{ended.AddDate(1000, 0, 0), Ended, -365242},
	} {
		if got := c.ValidityAt(test.at); got != test.want {
			t.Errorf("at %v: got %s, expected %s", test.at, got, test.want)
		}
		if got := c.DaysLeft(test.at); got != test.days {
			t.Errorf("at %v: got %d days, expected %d", test.at, got, test.days)
		}
	}
	if never := (&Certificate{NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}); never.DaysLeft(began) != 2_912_441 {
		t.Errorf("a certificate that never ends has %d days left", never.DaysLeft(began))
	}
}

func TestBounded(t *testing.T) {
	t.Parallel()
	far := time.FixedZone("", 12*60*60)
	for from, want := range map[time.Time]time.Time{
		time.Date(0, 1, 1, 0, 0, 0, 0, far):                                 first,
		time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -12*60*60)): last,
		time.Date(2026, 1, 2, 15, 4, 5, 0, far):                             began,
	} {
		if got := bounded(from); got != want {
			t.Errorf("%v: got %v, expected %v", from, got, want)
		}
	}
}

func FuzzNew(f *testing.F) {
	f.Add(made(f, x509.Certificate{Subject: pkix.Name{CommonName: "a\n<b>", Locality: []string{"\\ü"}}, DNSNames: []string{"a\x01.example", "*.example"}}, elliptical(f)).Raw)
	f.Add(made(f, x509.Certificate{Subject: pkix.Name{CommonName: "\u202eexample"}}, elliptical(f)).Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		if c, err := x509.ParseCertificate(der); err == nil {
			validate(t, New(c))
		}
	})
}
