// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// anyServer is the key of Handler.TLS for servers that have none of their own.
const anyServer = "*"

// TLS is how TLS is spoken to a server.
type TLS struct {
	// ServerName is sent as the SNI, and the certificate must be for it; placeholders
	// of the request are filled in. Default: none is sent; the certificate must be for
	// the host of the server's address.
	ServerName string `json:"server_name,omitempty"`

	// VerifyName is what the certificate must be for. Default: server_name, or the host
	// of the server's address.
	VerifyName string `json:"verify_name,omitempty"`

	// CA is a PEM file with the certificates that the server's must lead to.
	// Default: the system's.
	CA string `json:"ca,omitempty"`

	// Verify is none if any certificate will do, or chain if it may be for any name.
	// Default: its chain, its name and its time are verified.
	Verify string `json:"verify,omitempty"`

	// Certificate and Key are PEM files: what is shown to a server that asks for a
	// client certificate.
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`

	// MinVersion and MaxVersion bound the version of TLS: 1.0, 1.1, 1.2 or 1.3.
	// Default: 1.2 and the highest there is.
	MinVersion string `json:"min_version,omitempty"`
	MaxVersion string `json:"max_version,omitempty"`

	config *tls.Config
}

var (
	verifications = []string{"none", "chain"}
	versions      = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
	versionWords  = []string{"1.0", "1.1", "1.2", "1.3"}
)

func (t *TLS) provision() error {
	if t == nil {
		return errors.New("expected an object")
	}
	if err := cmp.Or(options.CheckWord("verify", t.Verify, verifications), options.CheckWord("min_version", t.MinVersion, versionWords),
		options.CheckWord("max_version", t.MaxVersion, versionWords)); err != nil {
		return err
	}
	if t.Verify == "none" && t.CA != "" {
		return errors.New("it has a ca and verify none: expected one of them")
	}
	t.config = &tls.Config{
		MinVersion:         cmp.Or(versions[t.MinVersion], tls.VersionTLS12),
		MaxVersion:         versions[t.MaxVersion],
		InsecureSkipVerify: true, //nolint:gosec // verified in VerifyConnection, unless it was asked for
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	if t.Verify != "none" {
		t.config.VerifyConnection = t.verify
	}
	if (t.Certificate == "") != (t.Key == "") {
		return errors.New("expected a certificate and its key, or none of them")
	}
	if t.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return fmt.Errorf("certificate %s: %w", t.Certificate, err)
		}
		t.config.Certificates = []tls.Certificate{pair}
	}
	if t.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	t.config.RootCAs = x509.NewCertPool()
	if !t.config.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("ca: %s holds no certificate: expected PEM", t.CA)
	}
	return nil
}

// verify holds the certificate against the authorities, and against the name unless
// any will do.
func (t *TLS) verify(state tls.ConnectionState) error {
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	o := x509.VerifyOptions{Roots: t.config.RootCAs, Intermediates: between}
	if t.Verify != "chain" {
		if o.DNSName = cmp.Or(t.VerifyName, state.ServerName); o.DNSName == "" {
			return errors.New("no name that the certificate could be for: server_name or verify_name is missing")
		}
	}
	_, err := state.PeerCertificates[0].Verify(o)
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}

// name returns the SNI for a request.
func (t *TLS) name(x *exchange, address string) string {
	if t.ServerName != "" {
		name := x.Placeholders(t.ServerName)
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		return name
	}
	if t.Verify != "" || t.VerifyName != "" {
		return ""
	}
	_, to := balancer.SplitAddress(address)
	host, _, _ := net.SplitHostPort(to)
	return host
}
