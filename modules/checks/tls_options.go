// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

var (
	verifications = []string{"chain", "none"}
	versions      = map[string]uint16{
		"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
	}
	versionWords = []string{"1.0", "1.1", "1.2", "1.3"}
)

// TLS holds the TLS options of a check. They are HAProxy's check-ssl, check-sni, check-alpn,
// ca-file, crl-file, crt, verify, ssl-min-ver, ssl-max-ver, ciphers and curves. Sessions are never
// resumed.
type TLS struct {
	// ServerName is sent as SNI, and the certificate must be valid for it. Default: the host of the
	// address that the check connects to.
	ServerName string `json:"server_name,omitempty"`

	// CA is a PEM file of trusted certificates, or a directory of such files. The server's certificate
	// must chain to one of them. Default: the system's roots.
	CA string `json:"ca,omitempty"`

	// CRL is a PEM file of revocation lists. For each certificate of the chain there must be a valid
	// list of its issuer that does not revoke it. Default: revocation is not checked.
	CRL string `json:"crl,omitempty"`

	// ClientCertificate is sent to servers that request one. Default: none.
	ClientCertificate *ClientCertificate `json:"client_certificate,omitempty"`

	// Verify limits verification: none accepts any certificate, chain ignores the name.
	// Default: chain, name and validity are verified.
	Verify string `json:"verify,omitempty"`

	// ALPN lists the protocols offered; the server must choose one of them.
	ALPN []string `json:"alpn,omitempty"`

	// ALPNOptional makes the check pass even if the server chooses no protocol.
	ALPNOptional bool `json:"alpn_optional,omitempty"`

	// MinVersion is the oldest TLS version offered: 1.0, 1.1, 1.2 or 1.3. Default: 1.2.
	MinVersion string `json:"min_version,omitempty"`

	// MaxVersion is the newest TLS version offered. Default: 1.3.
	MaxVersion string `json:"max_version,omitempty"`

	// Ciphers are the cipher suites offered for TLS 1.2 and older, by their names in crypto/tls; those
	// of TLS 1.3 are always offered. Default: the suites that crypto/tls considers secure.
	Ciphers []string `json:"ciphers,omitempty"`

	// Curves are the key exchanges offered: x25519mlkem768, x25519, secp256r1, secp384r1 and
	// secp521r1. Default: those of crypto/tls.
	Curves []string `json:"curves,omitempty"`

	// WarnBefore makes the check pass with a warning this long before a certificate of the chain
	// expires. Default: never.
	WarnBefore caddy.Duration `json:"warn_before,omitempty"`

	// FailBefore makes the check fail this long before a certificate of the chain expires. Default: it
	// fails once it has expired.
	FailBefore caddy.Duration `json:"fail_before,omitempty"`

	config      *tls.Config
	revocations revocationLists
}

// validate returns an error for options that are invalid or contradict each other.
func (o *TLS) validate() error {
	if err := errors.Join(options.ValidateWord("verify", o.Verify, verifications), options.ValidateWord("min_version", o.MinVersion, versionWords), options.ValidateWord("max_version", o.MaxVersion, versionWords),
		options.ValidateDuration("warn_before", o.WarnBefore), options.ValidateDuration("fail_before", o.FailBefore)); err != nil {
		return err
	}
	for _, p := range o.ALPN {
		if err := options.ValidateProtocol(p); err != nil {
			return fmt.Errorf("alpn: %w", err)
		}
	}
	return o.validateTogether()
}

// validateTogether returns an error for options that contradict each other.
func (o *TLS) validateTogether() error {
	switch {
	case o.ALPNOptional && len(o.ALPN) == 0:
		return errors.New("alpn_optional requires alpn")
	case o.Verify == "none" && o.CA != "":
		return errors.New("ca and verify none are mutually exclusive")
	case o.Verify == "none" && o.CRL != "":
		return errors.New("crl and verify none are mutually exclusive")
	case o.minVersion() > o.maxVersion():
		return fmt.Errorf("max_version %s is less than min_version %s", o.MaxVersion, cmp.Or(o.MinVersion, "1.2"))
	case len(o.Ciphers) > 0 && o.minVersion() == tls.VersionTLS13:
		return errors.New("ciphers and min_version 1.3 are mutually exclusive: ciphers are for TLS 1.2 and older")
	case o.WarnBefore > 0 && o.WarnBefore <= o.FailBefore:
		return fmt.Errorf("warn_before %v: expected more than fail_before %v", time.Duration(o.WarnBefore), time.Duration(o.FailBefore))
	}
	return nil
}

// minVersion returns the oldest TLS version offered, maxVersion the newest.
func (o *TLS) minVersion() uint16 { return cmp.Or(versions[o.MinVersion], tls.VersionTLS12) }
func (o *TLS) maxVersion() uint16 { return cmp.Or(versions[o.MaxVersion], tls.VersionTLS13) }

// provision validates the options, builds the crypto/tls configuration and reads the files.
func (o *TLS) provision() (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	o.config = &tls.Config{
		NextProtos:         o.ALPN,
		MinVersion:         o.minVersion(),
		MaxVersion:         o.maxVersion(),
		InsecureSkipVerify: o.Verify != "", //nolint:gosec // the configuration asks for it
	}
	if o.config.CipherSuites, err = o.cipherSuites(); err != nil {
		return err
	}
	if o.config.CurvePreferences, err = o.keyExchanges(); err != nil {
		return err
	}
	if o.Verify != "none" {
		o.config.VerifyConnection = o.verify
	}
	return o.readFiles()
}

// readFiles reads the files that the options name.
func (o *TLS) readFiles() (err error) {
	if o.ClientCertificate != nil {
		if o.config.GetClientCertificate, err = o.ClientCertificate.load(); err != nil {
			return fmt.Errorf("client_certificate: %w", err)
		}
	}
	if o.CRL != "" {
		if o.revocations, err = readRevocations(o.CRL); err != nil {
			return fmt.Errorf("crl: %w", err)
		}
	}
	if o.CA == "" {
		return nil
	}
	if o.config.RootCAs, err = ReadRoots(o.CA); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	return nil
}

// options returns the options of the block.
func (o *TLS) options() options.Table {
	return options.Table{
		"server_name":        options.Text(&o.ServerName),
		"ca":                 options.Text(&o.CA),
		"crl":                options.Text(&o.CRL),
		"client_certificate": options.Once(o.parseClientCertificate),
		"verify":             options.OneOf(&o.Verify, verifications),
		"alpn":               options.Texts(&o.ALPN),
		"alpn_optional":      options.Flag(&o.ALPNOptional),
		"min_version":        options.OneOf(&o.MinVersion, versionWords),
		"max_version":        options.OneOf(&o.MaxVersion, versionWords),
		"ciphers":            options.Texts(&o.Ciphers),
		"curves":             options.Texts(&o.Curves),
		"warn_before":        options.Duration(&o.WarnBefore),
		"fail_before":        options.Duration(&o.FailBefore),
	}
}
