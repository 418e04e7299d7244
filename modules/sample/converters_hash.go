// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // a configuration may ask for it
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"slices"
	"strings"
)

// hashConverters returns the converters that compute hashes.
func hashConverters() map[string]converter {
	all := map[string]converter{
		"xxh32": seededHashConverter("XXH32", func(b []byte, seed int64) int64 { return int64(xxh32(b, uint32(seed))) }),
		"xxh64": seededHashConverter("XXH64", func(b []byte, seed int64) int64 { return int64(xxh64(b, uint64(seed))) }),
		"sha1": {
			in: typeBin, out: typeBin, note: "the digest SHA-1",
			build: totalConverter(func(v Value) Value { return Binary(digest(sha1.New, v.data)) }),
		},
		"sha2": {
			args: takes(0, argInt), in: typeBin, out: typeBin, note: "the digest SHA-2 of 224, 256, 384 or 512 bits; 256 by default",
			build: buildSHA2,
		},
		"digest": {
			args: takes(1, argStr), in: typeBin, out: typeBin, note: "the digest of that name: md5, sha1, sha224, sha256, sha384, sha512",
			build: buildDigest,
		},
		"hmac": {
			args: takes(2, argStr, argStr), in: typeBin, out: typeBin,
			note: "the HMAC by the digest of that name, with a key in base64 or a variable that holds one", build: buildHMAC,
		},
		"secure_memcmp": {
			args: takes(1, argStr), in: typeBin, out: typeBool, note: "whether it equals a variable, compared in constant time",
			build: buildSecureCompare,
		},
	}
	for _, function := range []string{"sdbm", "djb2", "wt6", "crc32"} {
		all[function] = hash32Converter(function, func(b []byte) uint32 { return Sum(function, b) })
	}
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	all["crc32c"] = hash32Converter("crc32c", func(b []byte) uint32 { return crc32.Checksum(b, castagnoli) })
	return all
}

// hash32Converter returns a converter that computes a 32-bit hash.
func hash32Converter(name string, sum func([]byte) uint32) converter {
	return converter{
		args: takes(0, argInt), in: typeBin, out: typeInt, note: "the hash " + name + "; with 1, mixed so that each bit depends on all others",
		build: func(_ *Loader, a args) (convertFunc, error) {
			spread := a.integer(0, 0) != 0
			return func(_ *Input, v Value, _ bool) (Value, bool) {
				h := sum(v.data)
				if spread {
					h = Avalanche(h)
				}
				return Integer(int64(h)), true
			}, nil
		},
	}
}

// seededHashConverter returns a converter that computes a hash with a seed.
func seededHashConverter(name string, sum func(b []byte, seed int64) int64) converter {
	return converter{
		args: takes(0, argInt), in: typeBin, out: typeInt, note: "the hash " + name + ", with a seed or with 0",
		build: func(_ *Loader, a args) (convertFunc, error) {
			seed := a.integer(0, 0)
			return func(_ *Input, v Value, _ bool) (Value, bool) { return Integer(sum(v.data, seed)), true }, nil
		},
	}
}

func digest(algorithm func() hash.Hash, b []byte) []byte {
	h := algorithm()
	h.Write(b)
	return h.Sum(nil)
}

// digests maps OpenSSL's names to hash functions.
var digests = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// otherDigests lists OpenSSL's digests that are not supported.
var otherDigests = strings.Fields("blake2b512 blake2s256 md4 md5-sha1 mdc2 ripemd160 rmd160 sha3-224 sha3-256 sha3-384 sha3-512 " +
	"sha512-224 sha512-256 shake128 shake256 sm3 whirlpool")

var errDigest = errors.New("algorithm must be a valid OpenSSL message digest name.") //nolint:revive,staticcheck // HAProxy's words

func buildSHA2(_ *Loader, a args) (convertFunc, error) {
	algorithm := digests[fmt.Sprintf("sha%d", a.integer(0, 256))]
	if algorithm == nil || a.integer(0, 256) == 1 {
		return nil, fmt.Errorf("Unsupported number of bits: '%d'", a.integer(0, 0))
	}
	return digestConverter(algorithm), nil
}

func buildDigest(_ *Loader, a args) (convertFunc, error) {
	algorithm, err := findDigest(a[0].text)
	return digestConverter(algorithm), err
}

func digestConverter(algorithm func() hash.Hash) convertFunc {
	return func(_ *Input, v Value, _ bool) (Value, bool) { return Binary(digest(algorithm, v.data)), true }
}

func findDigest(name string) (func() hash.Hash, error) {
	name = strings.ToLower(name)
	if algorithm := digests[name]; algorithm != nil {
		return algorithm, nil
	}
	if slices.Contains(otherDigests, name) {
		return nil, &Unsupported{"the digest '" + name + "'", "use md5, sha1, sha224, sha256, sha384 or sha512"}
	}
	return nil, errDigest
}

func buildHMAC(_ *Loader, a args) (convertFunc, error) {
	algorithm, err := findDigest(a[0].text)
	if err != nil {
		return nil, err
	}
	name := a[1].text
	if validateVariableName(name) == nil {
		return func(in *Input, v Value, _ bool) (Value, bool) {
			text, ok := lookupVariable(in, name)
			if !ok {
				return Value{}, false
			}
			key, ok := decode64(base64.StdEncoding, []byte(text.String()))
			return Binary(hmacSum(algorithm, key.data, v.data)), ok
		}, nil
	}
	key, ok := decode64(base64.StdEncoding, []byte(name))
	if !ok {
		return nil, errors.New("failed to parse key : argument needs to be base64 encoded, and can either be a string or a variable")
	}
	return func(_ *Input, v Value, _ bool) (Value, bool) {
		return Binary(hmacSum(algorithm, key.data, v.data)), true
	}, nil
}

func hmacSum(algorithm func() hash.Hash, key, b []byte) []byte {
	h := hmac.New(algorithm, key)
	h.Write(b)
	return h.Sum(nil)
}

func buildSecureCompare(_ *Loader, a args) (convertFunc, error) {
	name := a[0].text
	if validateVariableName(name) != nil {
		return nil, fmt.Errorf("failed to register variable name '%s'", name)
	}
	return func(in *Input, v Value, _ bool) (Value, bool) {
		other, ok := lookupVariable(in, name)
		if !ok {
			return Value{}, false
		}
		b, ok := castBin(other)
		return Boolean(subtle.ConstantTimeCompare(bytes.Clone(v.data), b.data) == 1), ok
	}, nil
}
