// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// Verification says what of a server's certificate was verified.
type Verification string

// The verifications.
const (
	Verified      Verification = "verified"     // chain, name and validity
	VerifiedChain Verification = "chain"        // chain and validity, whatever the name
	Unverified    Verification = "not_verified" // nothing: the configuration says so
	Failed        Verification = "failed"       // clients would reject it
)

// Seen holds the outcome of a TLS handshake with a server. It does not change.
type Seen struct {
	At time.Time
	// Chain holds the certificates that the server sent, its own first: at least one. Sent is their
	// number, which may be higher.
	Chain []*Certificate
	Sent  int

	Verification Verification
	// Problem says why the verification failed, else it is empty.
	Problem string
	// Trust is the file of trusted authorities, or empty for those of the system. Root is the
	// authority at the end of the verified chain, if one was verified.
	Trust, Root string
	// ServerName is the SNI that was sent, Version is the version of TLS, and Protocol is the one that
	// ALPN has chosen. Each may be empty.
	ServerName, Version, Protocol string
}

// NewSeen returns the outcome of a handshake: the certificates that the server sent, and the state
// of the connection. It returns nil if there is no certificate.
func NewSeen(sent []*x509.Certificate, state tls.ConnectionState, at time.Time) *Seen {
	if len(sent) == 0 {
		return nil
	}
	s := &Seen{At: at, Sent: len(sent), ServerName: text(state.ServerName), Protocol: text(state.NegotiatedProtocol)}
	if state.Version != 0 {
		s.Version = tls.VersionName(state.Version)
	}
	for _, c := range sent[:min(len(sent), maxChain)] {
		s.Chain = append(s.Chain, New(c))
	}
	if n := len(state.VerifiedChains); n > 0 {
		chain := state.VerifiedChains[0]
		s.Root = text(chain[len(chain)-1].Subject.String())
	}
	return s
}

// Own returns the server's own certificate.
func (s *Seen) Own() *Certificate { return s.Chain[0] }

// SameChain reports whether two handshakes have shown the same certificates. Either may be nil.
func (s *Seen) SameChain(other *Seen) bool {
	if s == nil || other == nil {
		return s == other
	}
	if len(s.Chain) != len(other.Chain) {
		return false
	}
	for i, c := range s.Chain {
		if c.Fingerprint != other.Chain[i].Fingerprint {
			return false
		}
	}
	return true
}
