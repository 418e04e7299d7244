// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// ReadRoots reads trusted certificates from a PEM file, or from the files of a directory whose
// names end with .pem, .crt or .cer, as HAProxy's ca-file does.
func ReadRoots(name string) (*x509.CertPool, error) {
	roots, found := x509.NewCertPool(), false
	files, err := rootFiles(name)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the configuration names it
		if err != nil {
			return nil, err
		}
		found = roots.AppendCertsFromPEM(text) || found
	}
	if !found {
		return nil, fmt.Errorf("%s holds no certificate: expected PEM", name)
	}
	return roots, nil
}

// rootFiles returns the file itself, or the certificate files of a directory.
func rootFiles(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, nil //nolint:nilerr // reading the file reports the error
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if slices.Contains([]string{".pem", ".crt", ".cer"}, filepath.Ext(e.Name())) {
			files = append(files, filepath.Join(name, e.Name()))
		}
	}
	return files, nil
}
