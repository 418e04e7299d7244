// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/tls"
	"fmt"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// curves maps names of key exchanges, as in Caddy's tls directive, to their IDs.
var (
	curves = map[string]tls.CurveID{
		"x25519": tls.X25519, "secp256r1": tls.CurveP256, "secp384r1": tls.CurveP384, "secp521r1": tls.CurveP521, "x25519mlkem768": tls.X25519MLKEM768,
	}
	curveWords = []string{"x25519mlkem768", "x25519", "secp256r1", "secp384r1", "secp521r1"}
)

// selectableSuites returns the cipher suites that ciphers may name: those of TLS 1.2 and older. The
// ones that crypto/tls calls insecure are included, for servers that support nothing else.
func selectableSuites() []*tls.CipherSuite {
	return slices.DeleteFunc(slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()), func(s *tls.CipherSuite) bool {
		return !slices.Contains(s.SupportedVersions, tls.VersionTLS12)
	})
}

// cipherSuites returns the IDs of the option ciphers.
func (o *TLS) cipherSuites() (ids []uint16, err error) {
	known := selectableSuites()
	var names []string
	for _, s := range known {
		names = append(names, s.Name)
	}
	for _, name := range o.Ciphers {
		i := slices.Index(names, name)
		if i < 0 {
			return nil, fmt.Errorf("ciphers: unknown cipher suite %q of TLS 1.2%s", name, options.Suggest(name, names))
		}
		ids = append(ids, known[i].ID)
	}
	return ids, nil
}

// keyExchanges returns the IDs of the option curves.
func (o *TLS) keyExchanges() (ids []tls.CurveID, err error) {
	for _, name := range o.Curves {
		if name == "" {
			return nil, fmt.Errorf("curves: %q: expected the name of a curve, such as x25519", name)
		}
		if err := options.ValidateWord("curves", name, curveWords); err != nil {
			return nil, err
		}
		ids = append(ids, curves[name])
	}
	return ids, nil
}
