// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// presents is a checker whose handshakes show a certificate.
type presents struct{ *certificates.Seen }

func (c presents) Check(_ context.Context, t pool.Target) pool.Result {
	t.Subject.Seen = c.Seen
	return pool.Result{Code: pool.Layer6OK}
}

func presenting(server string, seen *certificates.Seen) pool.ServerConfig {
	c := pool.ServerConfig{Name: server, Address: "127.0.0.1:1", Weight: 1}
	c.Check = &pool.Check{Checker: presents{seen}, Target: pool.Target{Timeout: time.Second}, Interval: 20 * time.Millisecond, Rise: 1, Fall: 1}
	return c
}

func TestCertificates(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	ca := &certificates.Certificate{Fingerprint: "ca", Subject: "CN=CA", Issuer: "CN=Root", NotAfter: now.AddDate(10, 0, 0), Authority: true}
	late := &certificates.Certificate{
		Fingerprint: "late", Names: []string{"*.example.com"}, MoreNames: 2, Subject: "CN=x", Issuer: "CN=CA", Serial: "1a", Key: "RSA 2048",
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(0, 0, 90).Add(time.Hour),
	}
	early := &certificates.Certificate{Fingerprint: "early", Names: []string{}, CommonName: "old.example.com", NotAfter: now.AddDate(0, 0, -2)}
	serving(t, "certificates-a",
		presenting("s1", &certificates.Seen{At: now, Chain: []*certificates.Certificate{late, ca}, Sent: 2, Verification: certificates.Verified, Trust: "/ca.pem", Root: "CN=Root", ServerName: "a.example.com", Version: "TLS 1.3", Protocol: "h2"}),
		presenting("s2", &certificates.Seen{At: now, Chain: []*certificates.Certificate{early}, Sent: 1, Verification: certificates.Failed, Problem: "certificate expired"}))
	serving(t, "certificates-b", presenting("s1", &certificates.Seen{At: now, Chain: []*certificates.Certificate{late}, Sent: 1, Verification: certificates.Unverified}),
		pool.ServerConfig{Name: "unchecked", Address: "127.0.0.1:1", Weight: 1})
	var got Certificates
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		got = show[Certificates](t, "/passthrough/certificates")
		if len(got.Certificates) == 2 && len(got.Certificates[1].Servers) == 2 {
			break
		}
	}
	summary := CertificateSummary{Subject: "CN=x", Issuer: "CN=CA", NotBefore: late.NotBefore, NotAfter: late.NotAfter, Fingerprint: "late"}
	want := Certificates{Conflicts: []CertificateConflict{}, Certificates: []Certificate{
		{
			CertificateSummary: CertificateSummary{NotAfter: early.NotAfter, Fingerprint: "early"}, Names: []string{}, CommonName: "old.example.com", Validity: "ended", DaysLeft: got.Certificates[0].DaysLeft,
			Servers: []CertificateServer{{Backend: "certificates-a", Server: "s2", SeenAt: now, Verification: "failed", Problem: "certificate expired", Chain: []CertificateSummary{}, Sent: 1}},
		},
		{
			CertificateSummary: summary, Names: []string{"*.example.com"}, MoreNames: 2, Serial: "1a", Key: "RSA 2048", Validity: "valid", DaysLeft: 90,
			Servers: []CertificateServer{
				{
					Backend: "certificates-a", Server: "s1", SeenAt: now, Verification: "verified", Trust: "/ca.pem", Root: "CN=Root", ServerName: "a.example.com", TLSVersion: "TLS 1.3", ALPN: "h2",
					Chain: []CertificateSummary{{Subject: "CN=CA", Issuer: "CN=Root", NotAfter: ca.NotAfter, Fingerprint: "ca"}}, Sent: 2,
				},
				{Backend: "certificates-b", Server: "s1", SeenAt: now, Verification: "not_verified", Chain: []CertificateSummary{}, Sent: 1},
			},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
