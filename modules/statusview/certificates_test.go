// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// firstServer picks the first server.
type firstServer struct{}

func (*firstServer) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

// presents is a checker whose handshakes show a certificate.
type presents struct{ *certificates.Seen }

func (c presents) Check(_ context.Context, t pool.Target) pool.Result {
	t.Subject.Seen = c.Seen
	return pool.Result{Code: pool.Layer6OK}
}

// servePresenting runs a backend whose servers, s1 and so on, have certificates.
func servePresenting(t *testing.T, backend string, all ...*certificates.Seen) {
	t.Helper()
	c := pool.Config{Backend: backend, Policy: new(firstServer)}
	for i, seen := range all {
		s := pool.ServerConfig{Name: "s" + string(rune('1'+i)), Address: "127.0.0.1:1", Weight: 1}
		s.Check = &pool.Check{Checker: presents{seen}, Target: pool.Target{Timeout: time.Second}, Interval: 20 * time.Millisecond, Rise: 1, Fall: 1}
		c.Servers = append(c.Servers, s)
	}
	p, err := balancer.Registry().Open(c)
	if err != nil {
		t.Fatal(err)
	}
	p.Activate()
	t.Cleanup(p.Close)
	for deadline := time.Now().Add(time.Minute); !allSeen(backend); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the servers are not checked")
		}
	}
}

func allSeen(backend string) bool {
	b, err := control.BackendOf(backend)
	for i := range b.Servers {
		if b.Servers[i].Seen == nil {
			return false
		}
	}
	return err == nil
}

func seen(chain ...*certificates.Certificate) *certificates.Seen {
	return &certificates.Seen{At: time.Unix(1_700_000_000, 0), Chain: chain, Sent: len(chain), Verification: certificates.Verified}
}

func TestCertificatesView(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	lasting := func(fingerprint string, days int, names ...string) *certificates.Certificate {
		return &certificates.Certificate{Fingerprint: fingerprint, Names: names, Issuer: "CN=CA", Key: "RSA 2048", NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, days)}
	}
	good, soon, ended, early := lasting("good", 90, "a.test", "b.test", "c.test", "d.test"), lasting("soon", 7, "soon.test"), lasting("ended", -1, "ended.test"), lasting("early", 100)
	early.NotBefore, early.CommonName, good.MoreNames = now.AddDate(0, 0, 1), "early.test", 10
	rejected := seen(soon)
	rejected.Verification, rejected.Problem = certificates.Failed, "certificate is for <b>"
	full := seen(good, &certificates.Certificate{Subject: "CN=CA"})
	full.Root, full.Version, full.ServerName, full.Trust = "CN=Root", "TLS 1.3", "a.test", "/ca.pem"
	chainAlone, unverified := seen(lasting("chain", 110, "*.chain.test")), seen(lasting("unverified", 120, "unverified.test"))
	chainAlone.Verification, unverified.Verification = certificates.VerifiedChain, certificates.Unverified
	servePresenting(t, "shown", full, full, full, full, seen(ended), seen(early), chainAlone, unverified)
	servePresenting(t, "also", rejected)
	servePresenting(t, "hidden", seen(lasting("hidden", 1, "hidden.test")), full)
	v, err := Build(Query{View: "certificates"}, &Options{Scope: []string{"shown", "also"}}, now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range v.Panels[0].Tables[0].Rows {
		var cells []string
		for _, c := range r.Cells {
			cells = append(cells, c.Text)
		}
		got = append(got, r.Class+": "+strings.Join(cells, " | "))
	}
	want := []string{
		"bad: ended.test | -1 | ended | 2026-02-28 12:00:00Z | shown/s5 | CN=CA | none sent | RSA 2048",
		"bad: soon.test | 7 | rejected: certificate is for <b> | 2026-03-08 12:00:00Z | also/s1 | CN=CA | none sent | RSA 2048",
		"good: a.test, b.test, c.test and 11 more | 90 | valid | 2026-05-30 12:00:00Z | shown/s1, shown/s2, shown/s3 and 1 more | CN=CA | CN=CA → CN=Root | RSA 2048",
		"bad: early.test | 100 | not yet valid | 2026-06-09 12:00:00Z | shown/s6 | CN=CA | none sent | RSA 2048",
		"good: *.chain.test | 110 | valid, name not verified | 2026-06-19 12:00:00Z | shown/s7 | CN=CA | none sent | RSA 2048",
		"good: unverified.test | 120 | valid, not verified | 2026-06-29 12:00:00Z | shown/s8 | CN=CA | none sent | RSA 2048",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for name, want := range map[string]int{"": 5, "D.test": 3, "any.b.test": 0, "a.chain.test": 1, "a.b.chain.test": 0, "early": 1} {
		filtered, err := Build(Query{View: "certificates", Name: name, Backend: "shown"}, new(Options), now)
		if err != nil {
			t.Fatal(err)
		}
		if table := filtered.Panels[0].Tables[0]; len(table.Rows) != want || table.Total != want {
			t.Errorf("name %q: %d rows, expected %d", name, len(table.Rows), want)
		}
	}
	chain := v.Panels[0].Tables[0].Rows[2].Cells[6]
	if want := "TLS 1.3, certificates sent: 2, for the name a.test, authorities of /ca.pem"; chain.Title != want {
		t.Errorf("got %q, expected %q", chain.Title, want)
	}
}

func TestCertificatesViewEmpty(t *testing.T) {
	v, err := Build(Query{View: "certificates"}, &Options{Scope: []string{"nothing"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if table := v.Panels[0].Tables[0]; len(table.Rows) != 0 || !strings.Contains(table.Empty, "check tls") {
		t.Errorf("got %+v", table)
	}
}
