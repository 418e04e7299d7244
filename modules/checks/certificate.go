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

// maxNames is the number of a certificate's names that a message lists.
const maxNames = 5

// certificateError describes an error of the server's certificate, or that the server does not use
// TLS. It is empty for other errors.
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

// certificateLabel returns what messages call a certificate: "certificate" for the server's, or the
// authority's name.
func certificateLabel(c *x509.Certificate) string {
	if c.IsCA {
		return fmt.Sprintf("certificate of the authority %s", printable(c.Subject.String()))
	}
	return "certificate"
}

// hostNames returns the names that a certificate is valid for.
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

// expiryText describes a certificate and when it expires.
func expiryText(c *x509.Certificate, now time.Time) string {
	what := certificateLabel(c)
	if !c.IsCA {
		what += " for " + hostNames(c)
	}
	if c.NotAfter.Before(now) {
		return what + " expired on " + formatDate(c.NotAfter)
	}
	return what + " expires on " + formatDate(c.NotAfter)
}

// firstToExpire returns the certificate that expires first in the verified chain; with several
// chains, in the one that lasts longest. If none was verified, it is the server's certificate.
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
