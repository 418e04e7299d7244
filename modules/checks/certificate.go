// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxNames is how many names of a certificate are told.
const maxNames = 5

// certificateError is what is wrong with the server's certificate, or with its not being
// TLS that it speaks, in a few words; empty if the error is another.
func certificateError(err error) string {
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "not TLS: got " + quoted(record.RecordHeader[:])
	}
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if time.Now().Before(invalid.Cert.NotBefore) {
			return certificateLabel(invalid.Cert) + " is not valid before " + formatDate(invalid.Cert.NotBefore)
		}
		return certificateLabel(invalid.Cert) + " expired on " + formatDate(invalid.Cert.NotAfter)
	case errors.As(err, &host):
		return fmt.Sprintf("certificate is for %s, not for %s", hostNames(host.Certificate), printable(host.Host))
	case errors.As(err, &authority):
		if authority.Cert == nil {
			return "certificate signed by an unknown authority"
		}
		return fmt.Sprintf("certificate signed by an unknown authority (%s)", printable(authority.Cert.Issuer.String()))
	}
	if verification, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return strings.TrimPrefix(verification.Err.Error(), "x509: ")
	}
	return ""
}

// certificateLabel is how a certificate is called: the server's is just that.
func certificateLabel(c *x509.Certificate) string {
	if c.IsCA {
		return fmt.Sprintf("certificate of the authority %s", printable(c.Subject.String()))
	}
	return "certificate"
}

// hostNames are those that a certificate is for.
func hostNames(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	switch {
	case len(all) == 0:
		return "no name"
	case len(all) > maxNames:
		all = append(all[:maxNames], fmt.Sprintf("%d more", len(all)-maxNames))
	}
	return printable(strings.Join(all, ", "))
}

func formatDate(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// expiryText says of a certificate when it ends.
func expiryText(c *x509.Certificate, now time.Time) string {
	what := certificateLabel(c)
	if !c.IsCA {
		what += " for " + hostNames(c)
	}
	if c.NotAfter.Before(now) {
		return what + " expired on " + formatDate(c.NotAfter)
	}
	return what + " ends on " + formatDate(c.NotAfter)
}

// firstToExpire is the certificate that ends first in the chain that was verified; of
// several chains, in the one that lasts longest. If none was, it is the server's.
func firstToExpire(state tls.ConnectionState) *x509.Certificate {
	sooner := func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }
	best := state.PeerCertificates[0]
	for i, chain := range state.VerifiedChains {
		if c := slices.MinFunc(chain, sooner); i == 0 || sooner(c, best) > 0 {
			best = c
		}
	}
	return best
}
