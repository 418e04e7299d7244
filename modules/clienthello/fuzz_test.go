// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"slices"
	"testing"
)

// addSeeds adds hellos of real clients and faulty ones, as bare bodies too.
func addSeeds(f *testing.F) {
	add := func(message []byte) {
		f.Add(records(message, maxPlaintext), false, uint16(100))
		f.Add(records(message, 100), false, uint16(1))
		f.Add(message[handshakeHeaderLen:], true, uint16(300))
	}
	for _, message := range clientMessages(f) {
		add(message)
	}
	for _, h := range []testHello{
		plainHello(),
		plainHello(sni("a.example"), alpn("h2", "x"), supportedVersions(0x0a0a, versionTLS13, versionTLS12)),
		plainHello(sni("a.example", "b.example")),
		plainHello(sni("A.Example.")),
		plainHello(sni("a\x00b"), alpn("", "x"), extension(0xfe0d, []byte{0, 0, 1, 0, 1, 7, 0, 1, 2, 0, 1, 3})),
		plainHello(extension(extensionServerName, vector16(concat(sniEntry(7, "x"), sniEntry(0, "y"))))),
	} {
		add(h.message())
	}
	f.Add([]byte("\x80\x2e\x01\x00\x02"), false, uint16(1))
	f.Add([]byte("GET / HTTP/1.1\r\n"), false, uint16(3))
	f.Add([]byte("\x16\x03\x01\x00\x04\x01\xff\xff\xff"), false, uint16(2))
}

// framed makes bytes for the wire of what the fuzzer gave: either that is the raw bytes, or it is the body of a
// ClientHello, so that the lengths around it are right however it changes.
func framed(data []byte, body bool, size uint16) []byte {
	if !body || len(data) > DefaultMaxHello {
		return data
	}
	return records(handshake(typeClientHello, data), int(size)%maxPlaintext+1)
}

// FuzzInspection cuts bytes in different ways: the verdict is always the same, and the bytes come out as they went in.
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
		if body && len(data) <= DefaultMaxHello {
			if diff := difference(whole, inspect(t, framed(data, body, maxPlaintext-1), 0, len(raw))); diff != "" {
				t.Fatalf("records of %d bytes (-cut +whole):\n%s", int(size)%maxPlaintext+1, diff)
			}
		}
		checkMore(t, raw, whole)
	})
}

// checkMore appends to raw: a verdict stays.
func checkMore(t *testing.T, raw []byte, whole verdict) {
	if whole.Outcome == Pending {
		return
	}
	more := append(slices.Clone(raw), 0, 22, 3, 1)
	if diff := difference(whole, inspect(t, more, 0, len(more))); diff != "" {
		t.Fatalf("more bytes (-before +after):\n%s", diff)
	}
}

// FuzzAgainstCryptoTLS compares with the server of crypto/tls, which is told in compareWithCryptoTLS.
func FuzzAgainstCryptoTLS(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, body bool, size uint16) {
		compareWithCryptoTLS(t, framed(data, body, size))
	})
}
