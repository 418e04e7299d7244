// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// ClientCertificate is what a check shows to a server that asks its clients for a
// certificate. It is HAProxy's crt.
type ClientCertificate struct {
	// Certificate is a PEM file with the certificate, and with those between it and
	// its authority.
	Certificate string `json:"certificate"`

	// Key is a PEM file with the private key. Default: it is in the file of the
	// certificate.
	Key string `json:"key,omitempty"`
}

// load reads the files. The certificate is shown to all servers that ask, as OpenSSL
// does, whichever authorities they say they trust: those know best whom they let in.
func (c *ClientCertificate) load() (func(*tls.CertificateRequestInfo) (*tls.Certificate, error), error) {
	if c.Certificate == "" {
		return nil, errors.New("certificate: expected a PEM file")
	}
	pair, err := tls.LoadX509KeyPair(c.Certificate, cmp.Or(c.Key, c.Certificate))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Certificate, err)
	}
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }, nil
}

// parseClientCertificate parses "client_certificate CERTIFICATE [KEY]".
func (o *TLS) parseClientCertificate(d *caddyfile.Dispenser) (err error) {
	c := new(ClientCertificate)
	if c.Certificate, err = options.Arg(d); err != nil {
		return err
	}
	if d.NextArg() {
		c.Key = d.Val()
	}
	o.ClientCertificate = c
	return nil
}
