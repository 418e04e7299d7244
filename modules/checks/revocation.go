// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"slices"
	"time"
)

// revocationLists holds the revocation lists of a file.
type revocationLists []*x509.RevocationList

// readRevocations reads a PEM file with one or more lists.
func readRevocations(name string) (lists revocationLists, err error) {
	text, err := os.ReadFile(name) //nolint:gosec // the configuration names it
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		lists = append(lists, list)
	}
	if len(lists) == 0 {
		return nil, fmt.Errorf("%s holds no revocation list: expected PEM", name)
	}
	return lists, nil
}

// verify returns an error if a certificate of a verified chain is revoked, or if that is unknown:
// each certificate needs a valid list of its issuer, as with OpenSSL's CRL_CHECK_ALL.
func (r revocationLists) verify(chain []*x509.Certificate) error {
	for i, c := range chain {
		if err := r.verifyOne(c, chain[min(i+1, len(chain)-1)]); err != nil {
			return err
		}
	}
	return nil
}

func (r revocationLists) verifyOne(c, issuer *x509.Certificate) error {
	because := fmt.Errorf("no revocation list of %s", printable(c.Issuer.String()))
	for _, list := range r {
		if !bytes.Equal(list.RawIssuer, c.RawIssuer) || list.CheckSignatureFrom(issuer) != nil {
			continue
		}
		switch now := time.Now(); {
		case !list.NextUpdate.IsZero() && now.After(list.NextUpdate):
			because = fmt.Errorf("revocation list of %s ended on %s", printable(c.Issuer.String()), formatDate(list.NextUpdate))
		case now.Before(list.ThisUpdate):
			because = fmt.Errorf("revocation list of %s is not valid before %s", printable(c.Issuer.String()), formatDate(list.ThisUpdate))
		case listsSerial(list, c.SerialNumber):
			return fmt.Errorf("%s is revoked", certificateLabel(c))
		default:
			return nil
		}
	}
	return because
}

// listsSerial reports whether a list contains a serial number.
func listsSerial(list *x509.RevocationList, number *big.Int) bool {
	return slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(number) == 0 })
}
