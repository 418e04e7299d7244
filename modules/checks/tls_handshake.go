// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// verify runs the verification that crypto/tls does not do itself. With a CRL, one chain without a
// revoked certificate is enough.
func (o *TLS) verify(state tls.ConnectionState) (err error) {
	chains := state.VerifiedChains
	if o.Verify == "chain" {
		if chains, err = o.verifyChain(state); err != nil {
			return err
		}
	}
	if o.CRL == "" {
		return nil
	}
	for _, chain := range chains {
		if err = o.revocations.verify(chain); err == nil {
			return nil
		}
	}
	return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
}

// verifyChain verifies the chain as crypto/tls would, but not the name.
func (o *TLS) verifyChain(state tls.ConnectionState) ([][]*x509.Certificate, error) {
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	chains, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: o.config.RootCAs, Intermediates: between})
	if err != nil {
		return nil, &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return chains, nil
}

// serverName returns the SNI to send, for which the certificate must be valid.
func (o *TLS) serverName(t pool.Target) string {
	if o.ServerName != "" || t.Network == "unix" {
		return o.ServerName
	}
	host, _, err := net.SplitHostPort(t.Address)
	if err != nil {
		return t.Address
	}
	return host
}

// handshake completes a TLS handshake on the connection and applies the options to its outcome.
func (o *TLS) handshake(l *checkConn, t pool.Target) *failure {
	config := o.config.Clone()
	config.ServerName = o.serverName(t)
	if config.ServerName == "" && !config.InsecureSkipVerify {
		return layer6.failf("verifying the certificate of a Unix socket: expected server_name")
	}
	conn := tls.Client(l.tcp, config)
	err := conn.Handshake()
	state := conn.ConnectionState()
	o.noteSeen(t.Subject, state, err)
	if err != nil {
		if info := certificateError(err); info != "" {
			return layer6.failf("%s", info)
		}
		return layer6.classify(l.ctx, err)
	}
	if len(o.ALPN) > 0 && !o.ALPNOptional && !slices.Contains(o.ALPN, state.NegotiatedProtocol) {
		return layer6.failf("server chose none of the protocols offered by ALPN")
	}
	if bad := o.judgeExpiry(l, state); bad != nil {
		return bad
	}
	l.Conn = conn
	return nil
}

// judgeExpiry fails, or warns, if a certificate of the chain expires too soon.
func (o *TLS) judgeExpiry(l *checkConn, state tls.ConnectionState) *failure {
	now := time.Now()
	soonest := firstToExpire(state)
	if o.FailBefore > 0 && soonest.NotAfter.Before(now.Add(time.Duration(o.FailBefore))) {
		return layer6.failf("%s", expiryText(soonest, now))
	}
	if o.WarnBefore > 0 && soonest.NotAfter.Before(now.Add(time.Duration(o.WarnBefore))) {
		l.warn(expiryText(soonest, now))
	}
	return nil
}
