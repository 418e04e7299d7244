// SPDX-License-Identifier: Apache-2.0

package control

import (
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestCertificateProblems(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	of := func(from, until int, servers int, names ...string) *Certificate {
		c := &Certificate{Certificate: &certificates.Certificate{Names: names, CommonName: "cn.test", NotBefore: now.AddDate(0, 0, from), NotAfter: now.AddDate(0, 0, until)}}
		for range servers {
			c.Servers = append(c.Servers, CertificateServer{Ref: pool.Ref{Backend: "web", Server: "s1"}})
		}
		return c
	}
	for _, test := range []struct {
		certificate *Certificate
		severity    Severity
		kind, what  string
	}{
		{of(-1, 90, 1, "a.test"), 0, "", ""},
		{of(-1, 7, 1, "a.test"), Warning, "certificate_ends", "The certificate of web/s1, for a.test, ends on 2026-03-08."},
		{of(-90, -1, 3, "a.test", "b.test", "c.test", "d.test"), Critical, "certificate_ended", "The certificate of web/s1 and 2 more, for a.test, b.test, c.test and 1 more, ended on 2026-02-28."},
		{of(1, 90, 1), Critical, "certificate_not_yet_valid", "The certificate of web/s1, for cn.test, is not valid before 2026-03-02."},
	} {
		p, bad := validityProblem(test.certificate, now)
		switch {
		case bad != (test.kind != ""):
			t.Errorf("%q: got %+v", test.kind, p)
		case bad && (p.Severity != test.severity || p.Kind != test.kind || p.What != test.what || p.Advice == "" || p.Backend != "web" || p.Server != "s1"):
			t.Errorf("got %+v, expected %s %q", p, test.kind, test.what)
		}
	}
	p := conflictProblem(&CertificateConflict{Frontend: "tls", Backend: "a", Kept: "a.test", Other: "b", Names: []string{"b.test"}})
	if want := "Browsers may send requests for b.test to backend a, whose certificate has the name, too; frontend tls routes it to b."; p.What != want || p.Severity != Warning || p.Frontend != "tls" {
		t.Errorf("got %+v", p)
	}
}
