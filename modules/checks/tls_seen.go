// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// noteSeen notes what a handshake has shown of the server's certificate, also if it failed because
// of that.
func (o *TLS) noteSeen(about *pool.Subject, state tls.ConnectionState, err error) {
	if about == nil {
		return
	}
	sent := state.PeerCertificates
	rejected, isRejected := errors.AsType[*tls.CertificateVerificationError](err)
	if isRejected {
		sent = rejected.UnverifiedCertificates
	}
	seen := certificates.NewSeen(sent, state, time.Now())
	if seen == nil {
		return
	}
	seen.Trust, seen.Verification = o.CA, o.verification()
	if isRejected {
		seen.Verification, seen.Problem = certificates.Failed, printable(certificateError(err))
	}
	about.Seen = seen
}

// verification returns what a handshake that succeeds has verified.
func (o *TLS) verification() certificates.Verification {
	switch o.Verify {
	case "none":
		return certificates.Unverified
	case "chain":
		return certificates.VerifiedChain
	default:
		return certificates.Verified
	}
}
