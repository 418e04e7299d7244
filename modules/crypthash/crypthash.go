// SPDX-License-Identifier: Apache-2.0

// Package crypthash verifies passwords against the hashes of crypt(3), which the userlists of a
// haproxy.cfg have: SHA-256 ($5$), SHA-512 ($6$) and bcrypt ($2b$ and its like). It is the module
// http.authentication.hashes.passthrough_crypt, for Caddy's basic authentication. The older hashes
// of crypt(3), DES and MD5, can be broken and are not available.
package crypthash

import (
	"crypto/subtle"
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	"golang.org/x/crypto/bcrypt"
)

func init() {
	caddy.RegisterModule(Hash{})
}

// Hash compares passwords with hashes of crypt(3).
type Hash struct{}

// CaddyModule returns the Caddy module information.
func (Hash) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.authentication.hashes.passthrough_crypt",
		New: func() caddy.Module { return new(Hash) },
	}
}

// errHash is the error about a hash of another kind.
var errHash = errors.New("expected a hash of crypt(3) by SHA-256 ($5$), SHA-512 ($6$) or bcrypt ($2b$)")

// Validate returns an error if Compare cannot compare with a hash.
func Validate(hash string) error {
	_, err := Hash{}.Compare([]byte(hash), nil)
	return err
}

// Compare reports whether a hash is that of a password.
func (Hash) Compare(hash, password []byte) (bool, error) {
	text := string(hash)
	if strings.HasPrefix(text, "$2") {
		switch err := bcrypt.CompareHashAndPassword(hash, password); {
		case err == nil:
			return true, nil
		case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
			return false, nil
		}
		return false, errHash
	}
	own, err := rehash(text, password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare([]byte(own), hash) == 1, nil
}

// Hash returns the hash of a password by SHA-512, with a salt that follows from the password, so
// that an unchanged configuration stays the same.
func (Hash) Hash(password []byte) ([]byte, error) {
	return []byte(SHA512(string(password), Salt(string(password)))), nil
}

// FakeHash returns a hash that costs as much to compare with as one of SHA512.
func (Hash) FakeHash() []byte { return []byte(SHA512("", "caddy")) }

// Interface guards
var (
	_ caddyauth.Comparer = Hash{}
	_ caddyauth.Hasher   = Hash{}
)
