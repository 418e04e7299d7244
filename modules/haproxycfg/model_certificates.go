// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// certificate is a certificate of a listener.
type certificate struct {
	file, key string
	tag       string   // the file's name and a fingerprint
	own       []string // names in it, in lower case; a wildcard begins with *.
	names     []string // names that it is for: its own, or those of a crt-list
	not       []string // names that a wildcard of its line in a crt-list leaves out
	isECDSA   bool
	isDefault bool // default-crt, or the filter * of a crt-list
	handshake *tlsHandshake
}

// notCertificates are the ends of files that HAProxy skips in a directory of certificates.
var notCertificates = []string{".issuer", ".ocsp", ".sctl", ".key"}

// bundleEnds are the ends of the certificates that HAProxy looks for if the file itself is missing.
var bundleEnds = []string{".ecdsa", ".rsa"}

// loadCertificates loads the certificates that crt or crt-list names.
func (t *translation) loadCertificates(w serverWord, b *bindTLS, h *tlsHandshake) ([]*certificate, error) {
	if strings.HasPrefix(w.value, "@") {
		return nil, fmt.Errorf("'%s': certificates of a crt-store are not available: expected a file", w.value)
	}
	if w.keyword == "crt-list" {
		return t.loadList(w, b, h)
	}
	files, err := t.certificateFiles(w.value)
	if err != nil {
		return nil, err
	}
	var all []*certificate
	for _, file := range files {
		c, err := t.loadCertificate(file, h)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// certificateFiles returns the files of crt: a file, those of a directory, or those of a bundle.
func (t *translation) certificateFiles(value string) ([]string, error) {
	name, err := t.fileBelow(t.crtBase, value)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return filesOf(name)
	case err == nil:
		return []string{name}, nil
	}
	var bundle []string
	for _, end := range bundleEnds {
		if _, missing := os.Stat(name + end); missing == nil {
			bundle = append(bundle, name+end)
		}
	}
	if len(bundle) == 0 {
		return nil, fmt.Errorf("unable to stat SSL certificate from file '%s': %w", name, errors.Unwrap(err))
	}
	return bundle, nil
}

// filesOf returns the certificates of a directory, in alphabetical order.
func filesOf(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || slices.Contains(notCertificates, filepath.Ext(name)) {
			continue
		}
		files = append(files, name)
	}
	return files, err
}

// loadCertificate reads a certificate and its names.
func (t *translation) loadCertificate(file string, h *tlsHandshake) (*certificate, error) {
	found, err := t.findCertificate(file)
	if err != nil {
		return nil, err
	}
	c := &certificate{file: file, key: found.Key, handshake: h}
	if c.key == "" {
		c.key = file
	}
	pair, err := tls.LoadX509KeyPair(c.file, c.key)
	if err != nil {
		return nil, fmt.Errorf("'%s': %w", file, err)
	}
	leaf := pair.Leaf
	_, c.isECDSA = leaf.PublicKey.(*ecdsa.PublicKey)
	sum := sha256.Sum256(leaf.Raw)
	c.tag = filepath.Base(file) + " " + hex.EncodeToString(sum[:4])
	c.own = certificateNames(leaf)
	c.names = c.own
	if c.own == nil && len(leaf.IPAddresses)+len(leaf.EmailAddresses)+len(leaf.URIs) == 0 && leaf.Subject.CommonName == "" {
		return nil, fmt.Errorf("'%s': the certificate has no name: expected a DNS name", file)
	}
	return c, nil
}

// certificateNames returns the names that a certificate is chosen by: its DNS names and its common
// name.
func certificateNames(leaf *x509.Certificate) (names []string) {
	for _, name := range append(slices.Clone(leaf.DNSNames), leaf.Subject.CommonName) {
		if name = strings.ToLower(name); isServerName(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isServerName reports whether a client may ask for a name, which may be a wildcard.
func isServerName(name string) bool {
	bare := strings.TrimPrefix(name, "*.")
	return bare != "" && strings.Trim(bare, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}
