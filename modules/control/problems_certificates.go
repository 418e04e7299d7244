// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// certificateProblems returns those of the certificates of servers, and the names of certificates
// that lead to other backends.
func certificateProblems(now time.Time) (all []Problem) {
	for _, c := range Certificates() {
		if p, bad := validityProblem(&c, now); bad {
			all = append(all, p)
		}
	}
	for _, k := range CertificateConflicts() {
		all = append(all, conflictProblem(&k))
	}
	return all
}

func conflictProblem(k *CertificateConflict) Problem {
	advice := certificates.ConflictAdvice
	return Problem{
		Severity: Warning, Kind: "certificate_conflict", Frontend: k.Frontend, Backend: k.Backend,
		What:   fmt.Sprintf("Browsers may send requests for %s to backend %s, whose certificate has the name, too; frontend %s routes it to %s.", texttable.Some(k.Names, ", ", k.MoreNames, named), k.Backend, k.Frontend, k.To()),
		Advice: strings.ToUpper(advice[:1]) + advice[1:] + ".",
	}
}

// validityProblem returns the problem of a certificate that is not valid, or will not be soon.
func validityProblem(c *Certificate, now time.Time) (p Problem, bad bool) {
	first := c.Servers[0]
	p = Problem{Backend: first.Backend, Server: first.Server, Since: c.NotAfter}
	servers := first.String()
	if n := len(c.Servers) - 1; n > 0 {
		servers += fmt.Sprintf(" and %d more", n)
	}
	what := fmt.Sprintf("The certificate of %s, for %s,", servers, cmp.Or(texttable.Some(c.Names, ", ", c.MoreNames, named), c.CommonName, c.Subject))
	switch c.ValidityAt(now) {
	case certificates.Ended:
		p.Severity, p.Kind = Critical, "certificate_ended"
		p.What, p.Advice = what+" ended on "+c.NotAfter.Format(time.DateOnly)+".", "Clients refuse it. Renew it on the server, and reload the server."
	case certificates.NotYetValid:
		p.Severity, p.Kind, p.Since = Critical, "certificate_not_yet_valid", time.Time{}
		p.What, p.Advice = what+" is not valid before "+c.NotBefore.Format(time.DateOnly)+".", "Clients refuse it until then. Look at the clocks, or use the certificate before it."
	case certificates.Ending:
		p.Severity, p.Kind, p.Since = Warning, "certificate_ends", time.Time{}
		p.What, p.Advice = what+" ends on "+c.NotAfter.Format(time.DateOnly)+".", "Renew it on the server. If it is renewed already, the server has not been reloaded since."
	case certificates.Valid:
		return p, false
	}
	return p, true
}
