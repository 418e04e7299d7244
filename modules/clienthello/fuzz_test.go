// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzInspection splits bytes in different ways: the verdict must be the same, and Bytes must
// return the input.
func FuzzInspection(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, body bool, size uint16) {
		raw := framed(data, body, size)
		whole := inspect(t, raw, 0, len(raw)+1)
		cut := int(size)%(len(raw)+1) + 1
		for _, sizes := range [][]int{{1}, {cut}, {cut, 1}, {1, cut, 2, len(raw)}} {
			if diff := difference(whole, inspect(t, raw, 0, sizes...)); diff != "" {
				t.Fatalf("segments of %d (-whole +cut):\n%s", sizes, diff)
			}
		}
		checkParse(t, raw, whole)
		beginning := raw[:cut-1]
		if diff := difference(inspect(t, beginning, 0, cut), inspect(t, beginning, 0, 1)); diff != "" {
			t.Fatalf("the first %d bytes one by one (-whole +cut):\n%s", len(beginning), diff)
		}
		if body && len(data) <= DefaultMaxHello {
			if diff := difference(whole, inspect(t, framed(data, body, maxPlaintext-1), 0, len(raw))); diff != "" {
				t.Fatalf("records of %d bytes (-cut +whole):\n%s", int(size)%maxPlaintext+1, diff)
			}
		}
		checkMore(t, raw, whole)
	})
}

// checkMore appends bytes to raw: a verdict must not change.
func checkMore(t *testing.T, raw []byte, whole verdict) {
	if whole.Outcome == Pending {
		return
	}
	for _, more := range [][]byte{{0}, {22, 3, 1}, {22, 3, 1, 0, 1, 1}, bytes.Repeat([]byte{0xff}, 300)} {
		after := slices.Concat(raw, more)
		if diff := difference(whole, inspect(t, after, 0, len(after))); diff != "" {
			t.Fatalf("more bytes (-before +after):\n%s", diff)
		}
	}
}

// FuzzAgainstCryptoTLS compares with the server of crypto/tls; see compareWithCryptoTLS.
func FuzzAgainstCryptoTLS(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, body bool, size uint16) {
		compareWithCryptoTLS(t, framed(data, body, size))
	})
}
