// SPDX-License-Identifier: Apache-2.0

// Package crypthash verifies passwords against the hashes of crypt(3), which the userlists of a
// haproxy.cfg have: SHA-256 ($5$), SHA-512 ($6$), MD5 ($1$) and bcrypt ($2b$ and its like). It is
// the module http.authentication.hashes.passthrough_crypt, for Caddy's basic authentication.
// Hashes by DES are not available.
package crypthash

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
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
var errHash = errors.New("expected a hash of crypt(3) by SHA-256 ($5$), SHA-512 ($6$), MD5 ($1$) or bcrypt ($2b$)")

// decoder knows the hashes.
var decoder = newDecoder()

func newDecoder() *crypt.Decoder {
	d := crypt.NewDecoder()
	for _, register := range []func(algorithm.DecoderRegister) error{shacrypt.RegisterDecoder, md5crypt.RegisterDecoderCommon, bcrypt.RegisterDecoderStandard} {
		if err := register(d); err != nil {
			panic(err) // only for hashes that are registered twice
		}
	}
	return d
}

// Validate returns an error if Compare cannot compare with a hash.
func Validate(hash string) error {
	if _, err := decoder.Decode(hash); err != nil {
		return errHash
	}
	return nil
}

// Compare reports whether a hash is that of a password.
func (Hash) Compare(hash, password []byte) (bool, error) {
	digest, err := decoder.Decode(string(hash))
	if err != nil {
		return false, errHash
	}
	return digest.MatchBytesAdvanced(password)
}

// Salted returns the hash of a password by SHA-512, with a salt that follows from a text.
func Salted(password, text string) string {
	sum := sha256.Sum256([]byte("salt of caddy-passthrough: " + text))
	salt := strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(sum[:12]), "+", ".")
	hasher, err := shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithRounds(shacrypt.IterationsDefaultOmitted))
	if err != nil {
		panic(err) // the options are valid
	}
	digest, err := hasher.HashWithSalt(password, []byte(salt))
	if err != nil {
		panic(err) // the length of the salt is valid
	}
	return digest.Encode()
}

// Hash returns the hash of a password by SHA-512, with a salt that follows from the password, so
// that an unchanged configuration stays the same.
func (Hash) Hash(password []byte) ([]byte, error) {
	return []byte(Salted(string(password), string(password))), nil
}

// FakeHash returns a hash that costs as much to compare with as one of Hash.
func (Hash) FakeHash() []byte { return []byte(Salted("", "")) }

// Interface guards
var (
	_ caddyauth.Comparer = Hash{}
	_ caddyauth.Hasher   = Hash{}
)
