// SPDX-License-Identifier: Apache-2.0

package crypthash

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strconv"
	"strings"
)

// scheme is one of the hashes by SHA-2 (https://www.akkadia.org/drepper/SHA-crypt.txt).
type scheme struct {
	prefix string
	new    func() hash.Hash
	// order has the bytes of the digest, three of which become four characters, last ones first.
	order []int
}

var (
	bySHA256 = scheme{"$5$", sha256.New, []int{20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29, 19, 9, 30, 31}}
	bySHA512 = scheme{"$6$", sha512.New, []int{
		42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51, 30, 9, 10, 52,
		31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59, 60, 39, 18, 19, 61, 40, 41, 20, 62, 63,
	}}
)

const (
	defaultRounds = 5000
	minRounds     = 1000
	maxRounds     = 999_999_999
	maxSalt       = 16
	roundsPrefix  = "rounds="
)

// alphabet has the characters of crypt(3) for six bits.
const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// SHA512 returns the hash of a password by SHA-512 with a salt of at most 16 characters.
func SHA512(password, salt string) string {
	return bySHA512.hash([]byte(password), salt, "", defaultRounds)
}

// rehash hashes a password with the scheme, the rounds and the salt of a hash.
func rehash(of string, password []byte) (string, error) {
	for _, s := range []*scheme{&bySHA256, &bySHA512} {
		rest, ok := strings.CutPrefix(of, s.prefix)
		if !ok {
			continue
		}
		rounds, given := defaultRounds, ""
		if text, after, has := strings.Cut(rest, "$"); has && strings.HasPrefix(text, roundsPrefix) {
			n, err := strconv.Atoi(strings.TrimPrefix(text, roundsPrefix))
			if err != nil {
				return "", errHash
			}
			rounds, given, rest = min(max(n, minRounds), maxRounds), text+"$", after
		}
		salt, digest, has := strings.Cut(rest, "$")
		if !has || len(digest) != (len(s.order)*4+2)/3 {
			return "", errHash
		}
		return s.hash(password, salt[:min(len(salt), maxSalt)], given, rounds), nil
	}
	return "", errHash
}

// hash returns the hash of a password. given is the part of the hash with its rounds, or empty.
func (s *scheme) hash(password []byte, salt, given string, rounds int) string {
	digest := s.first(password, salt)
	secret := s.repeated(password, len(password), len(password))
	salted := s.repeated([]byte(salt), 16+int(digest[0]), len(salt))
	h := s.new()
	for i := range rounds {
		h.Reset()
		if i%2 != 0 {
			h.Write(secret)
		} else {
			h.Write(digest)
		}
		if i%3 != 0 {
			h.Write(salted)
		}
		if i%7 != 0 {
			h.Write(secret)
		}
		if i%2 != 0 {
			h.Write(digest)
		} else {
			h.Write(secret)
		}
		digest = h.Sum(digest[:0])
	}
	return s.prefix + given + salt + "$" + s.encode(digest)
}

// first returns the digest that the rounds begin with.
func (s *scheme) first(password []byte, salt string) []byte {
	h := s.new()
	h.Write(password)
	h.Write([]byte(salt))
	h.Write(password)
	other := h.Sum(nil)
	h.Reset()
	h.Write(password)
	h.Write([]byte(salt))
	h.Write(filled(other, len(password)))
	for n := len(password); n > 0; n /= 2 {
		if n%2 != 0 {
			h.Write(other)
		} else {
			h.Write(password)
		}
	}
	return h.Sum(nil)
}

// repeated returns size bytes made of the digest of a text, several times.
func (s *scheme) repeated(text []byte, times, size int) []byte {
	h := s.new()
	for range times {
		h.Write(text)
	}
	return filled(h.Sum(nil), size)
}

// filled returns size bytes of a digest that begins again at its end.
func filled(digest []byte, size int) []byte {
	return bytes.Repeat(digest, size/len(digest)+1)[:size]
}

// encode returns a digest in the characters of crypt(3).
func (s *scheme) encode(digest []byte) string {
	var b strings.Builder
	for i := 0; i < len(s.order); i += 3 {
		bits, n := 0, 0
		for _, k := range s.order[i:min(i+3, len(s.order))] {
			bits |= int(digest[k]) << n
			n += 8
		}
		for ; n > 0; n -= 6 {
			b.WriteByte(alphabet[bits&63])
			bits >>= 6
		}
	}
	return b.String()
}

// Salt returns a salt that follows from a text.
func Salt(text string) string {
	sum := sha256.Sum256([]byte("salt of caddy-passthrough: " + text))
	var b strings.Builder
	for _, c := range sum[:maxSalt] {
		b.WriteByte(alphabet[c&63])
	}
	return b.String()
}
