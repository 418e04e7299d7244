// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

// offerCertificate finds the files of crt: one file with the certificate and its key, or two.
func (t *translation) offerCertificate(n *server, s *tlsSettings) error {
	if s.crt.keyword == "" {
		return nil
	}
	name, err := t.fileBelow(t.crtBase, s.crt.value)
	if err != nil {
		return fmt.Errorf("'crt' : %w", err)
	}
	n.checkTLS.ClientCertificate, err = memoize(t.certificates, name, func() (*checks.ClientCertificate, error) { return t.findCertificate(name) })
	if err != nil {
		return fmt.Errorf("'crt' : %w", err)
	}
	return nil
}

func (t *translation) findCertificate(name string) (*checks.ClientCertificate, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the configuration names it
	if err != nil {
		return nil, err
	}
	made := &checks.ClientCertificate{Certificate: name}
	key := text
	if !hasKey(text) {
		if made.Key = t.keyBeside(name); made.Key == "" {
			return nil, fmt.Errorf("no private key found in '%s', and 'ssl-load-extra-files' does not let one be looked for beside it", name)
		}
		if key, err = os.ReadFile(made.Key); err != nil {
			return nil, fmt.Errorf("no private key found in '%s': %w", name, err)
		}
	}
	if _, err := tls.X509KeyPair(text, key); err != nil {
		return nil, fmt.Errorf("'%s': %w", name, err)
	}
	return made, nil
}

// keyBeside returns the name of the key file beside a certificate, or nothing if none is to be
// looked for.
func (t *translation) keyBeside(name string) string {
	if len(t.extraFiles) > 0 && !slices.Contains(t.extraFiles, "key") && !slices.Contains(t.extraFiles, "all") {
		return ""
	}
	if t.extraDelExt {
		name = strings.TrimSuffix(name, ".crt")
	}
	return name + ".key"
}

func hasKey(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return true
		}
	}
	return false
}

func (t *translation) offerRevocations(n *server, s *tlsSettings) {
	if s.crl.keyword != "" && t.verifies(n) {
		n.checkTLS.CRL, _ = t.fileBelow(t.caBase, s.crl.value) // validateCRL has read it
	}
}

// validateCRL reports an unusable file of revocation lists. HAProxy reads it even if nothing uses
// it.
func (t *translation) validateCRL(w serverWord) error {
	if w.keyword == "" {
		return nil
	}
	name, err := t.fileBelow(t.caBase, w.value)
	if err != nil {
		return fmt.Errorf("'crl-file' : %w", err)
	}
	_, err = memoize(t.lists, name, func() (bool, error) {
		text, err := os.ReadFile(name) //nolint:gosec // the configuration names it
		if err == nil && !bytes.Contains(text, []byte("-----BEGIN X509 CRL-----")) {
			err = fmt.Errorf("%s holds no revocation list: expected a file in PEM", name)
		}
		return true, err
	})
	if err != nil {
		return fmt.Errorf("'crl-file' : %w", err)
	}
	return nil
}

// systemCA is HAProxy's name for the system's certificate authorities.
const systemCA = "@system-ca"

// validateCA reports an unusable file of certificate authorities.
func (t *translation) validateCA(name string) error {
	if name == "" || name == systemCA {
		return nil
	}
	file, err := t.fileBelow(t.caBase, name)
	if err == nil {
		_, err = memoize(t.roots, file, func() (*x509.CertPool, error) { return checks.ReadRoots(file) })
	}
	if err != nil {
		return fmt.Errorf("'ca-file' : %w", err)
	}
	return nil
}
