// SPDX-License-Identifier: Apache-2.0

// Package certificates holds what the certificates of TLS servers say, for logs, answers and pages.
// Servers are not trusted: every text is printable and short, and lists are bounded. A certificate
// is one object in the process, however many servers have it and however often it is seen.
package certificates

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// Limits: names of a certificate, certificates of a chain, and bytes of a text.
const (
	maxNames = 256
	maxChain = 8
	maxText  = 256
)

// Certificate holds the contents of a certificate. It does not change.
type Certificate struct {
	// Fingerprint is the SHA-256 of the certificate, in hexadecimal digits.
	Fingerprint string
	// Names are those that the certificate is valid for, in lower case: host names, then IP addresses.
	// MoreNames is the number of further ones, which are not kept.
	Names     []string
	MoreNames int
	// CommonName is that of the subject if the certificate has no other name, else empty. Today's
	// clients ignore it.
	CommonName string
	// Subject and Issuer are distinguished names, Serial is hexadecimal, and Key is the kind of the
	// public key, such as RSA 2048.
	Subject, Issuer, Serial, Key string
	NotBefore, NotAfter          time.Time
	// Authority reports whether the certificate is one of an authority.
	Authority bool
}

// New returns the contents of a certificate.
func New(c *x509.Certificate) *Certificate {
	sum := sha256.Sum256(c.Raw)
	if known := shared.lookup(sum); known != nil {
		return known
	}
	return shared.add(sum, describe(c, sum)) // described without the lock: it may be large
}

// describe makes the description of a certificate.
func describe(c *x509.Certificate, sum fingerprint) *Certificate {
	out := &Certificate{
		Fingerprint: hex.EncodeToString(sum[:]), Subject: text(c.Subject.String()), Issuer: text(c.Issuer.String()),
		Key: key(c), NotBefore: bounded(c.NotBefore), NotAfter: bounded(c.NotAfter), Authority: c.IsCA,
	}
	if c.SerialNumber != nil {
		out.Serial = text(c.SerialNumber.Text(16))
	}
	out.addNames(c)
	if len(out.Names) == 0 && !c.IsCA {
		out.CommonName = text(strings.ToLower(c.Subject.CommonName))
	}
	return out
}

// addNames adds the names of the certificate.
func (c *Certificate) addNames(from *x509.Certificate) {
	all := len(from.DNSNames) + len(from.IPAddresses)
	c.Names = make([]string, 0, min(all, maxNames))
	for _, name := range from.DNSNames[:min(len(from.DNSNames), maxNames)] {
		c.Names = append(c.Names, text(strings.ToLower(strings.TrimSuffix(name, "."))))
	}
	for _, ip := range from.IPAddresses[:min(len(from.IPAddresses), maxNames-len(c.Names))] {
		c.Names = append(c.Names, ip.String())
	}
	c.MoreNames = all - len(c.Names)
}

// The first and the last time that JSON and certificates can have. With an offset, a certificate
// may have others.
var first, last = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// bounded returns a time in UTC, from first to last.
func bounded(t time.Time) time.Time {
	switch t = t.UTC(); {
	case t.Before(first):
		return first
	case t.After(last):
		return last
	}
	return t
}

// key returns the kind of a certificate's public key.
func key(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	if c.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		return "unknown"
	}
	return c.PublicKeyAlgorithm.String()
}

// text returns a text in printable form, and only its beginning if it is long.
func text(s string) string {
	s = printable.Text(s[:min(len(s), 2*maxText)])
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
