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

// ClientCertificate is the certificate sent to a server that requests one. It is HAProxy's
// crt.
type ClientCertificate struct {
	// Certificate is a PEM file with the certificate and its intermediates.
	Certificate string `json:"certificate"`

	// Key is a PEM file with the private key. Default: the certificate's file has the key, too.
	Key string `json:"key,omitempty"`
}

// load reads the files. Like OpenSSL, the returned function offers the certificate to every server
// that requests one, whichever authorities the server lists: it is for the server to refuse it.
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
