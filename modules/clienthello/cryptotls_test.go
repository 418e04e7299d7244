// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// compareWithCryptoTLS gives raw to the server of crypto/tls: a hello that it reads is read here, with the same name,
// protocols and versions, except for what stricterThanCryptoTLS lists. It tells whether crypto/tls reads it.
func compareWithCryptoTLS(t rapid.TB, raw []byte) bool {
	info := cryptoTLSReads(raw)
	if info == nil {
		return false
	}
	i := NewInspection(0)
	defer i.Release()
	if i.Feed(raw) != Found {
		if !stricterThanCryptoTLS(raw, i.Err()) {
			t.Fatalf("crypto/tls reads it, here: %v, %v", i.Outcome(), i.Err())
		}
		return true
	}
	hello := i.Hello()
	if got, want := string(hello.ServerName()), lowerASCII(info.ServerName); got != want || hello.HasServerName() != (want != "") {
		t.Errorf("name %q, want %q", got, want)
	}
	if got := protocols(hello); !slices.Equal(got, info.SupportedProtos) {
		t.Errorf("ALPN %q, want %q", got, info.SupportedProtos)
	}
	if got, want := hello.Version(), versionOf(info, hello.LegacyVersion()); got != want {
		t.Errorf("version %s, want %s", VersionName(got), VersionName(want))
	}
	return true
}

// stricterThanCryptoTLS lists what is refused here although crypto/tls goes on to the choice of a configuration with
// it. RFC 8446 forbids all of it but the long name, which no DNS name can be, and the alert before the hello.
func stricterThanCryptoTLS(raw []byte, err error) bool {
	const contentTypeAlert = 21
	for _, allowed := range []error{
		errSessionID, errCipherSuites, errCompressions, errShortHello, errLongName, errNameNUL, errInterleaved,
	} {
		if errors.Is(err, allowed) {
			return true
		}
	}
	return raw[0] == contentTypeAlert
}

// versionOf returns the highest version that crypto/tls saw.
func versionOf(info *tls.ClientHelloInfo, legacy uint16) uint16 {
	if !slices.Contains(info.Extensions, extensionSupportedVersions) {
		// crypto/tls then chooses TLS 1.2 at most, but shows what it would choose otherwise, and nothing before 1.0.
		return min(legacy, versionTLS12)
	}
	var highest uint16
	for _, version := range info.SupportedVersions {
		highest = higherVersion(highest, version)
	}
	return highest
}

// lowerASCII leaves every byte outside of A-Z as it is, where strings.ToLower would replace invalid UTF-8.
func lowerASCII(s string) string {
	b := []byte(s)
	for k, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[k] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// errEnough ends the handshake once the hello is read.
var errEnough = errors.New("the hello is read")

// cryptoTLSReads returns what the server of crypto/tls reads in raw, or nil if it does not come so far.
func cryptoTLSReads(raw []byte) (info *tls.ClientHelloInfo) {
	config := &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		info = i
		return nil, errEnough
	}}
	_ = tls.Server(&replayConn{rest: raw}, config).Handshake()
	return info
}

// A replayConn is a client that sends some bytes and closes.
type replayConn struct {
	hellotest.Conn
	rest []byte
}

func (c *replayConn) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// TestAgainstCryptoTLS makes hellos of parts that are mostly right, so that most of them come far.
func TestAgainstCryptoTLS(t *testing.T) {
	var read, all int
	rapid.Check(t, func(t *rapid.T) {
		h := plainHello(rapid.SliceOfN(anyExtension(), 0, 6).Draw(t, "extensions")...)
		h.version = rapid.Uint16Range(0x0200, 0x0305).Draw(t, "version")
		h.sessionID = make([]byte, rapid.IntRange(0, 33).Draw(t, "session id"))
		all++
		if compareWithCryptoTLS(t, records(h.message(), rapid.IntRange(1, 300).Draw(t, "record"))) {
			read++
		}
	})
	if read*10 < all {
		t.Errorf("crypto/tls read only %d of %d hellos", read, all)
	}
}

func anyExtension() *rapid.Generator[[]byte] {
	name := rapid.StringMatching(`[a-zA-Z0-9.\x00-]{0,9}`)
	entry := rapid.Custom(func(t *rapid.T) []byte {
		return sniEntry(rapid.SampledFrom([]byte{0, 0, 1}).Draw(t, "type"), name.Draw(t, "name"))
	})
	return rapid.OneOf(
		rapid.Map(rapid.SliceOfN(entry, 0, 3), func(entries [][]byte) []byte {
			return extension(extensionServerName, vector16(concat(entries...)))
		}),
		rapid.Map(name, func(name string) []byte { return sni(name) }),
		rapid.Map(rapid.SliceOfN(name, 0, 4), func(names []string) []byte { return alpn(names...) }),
		rapid.Map(rapid.SliceOfN(rapid.OneOf(rapid.Uint16Range(0x02ff, 0x0305), rapid.Uint16()), 0, 5),
			func(versions []uint16) []byte { return supportedVersions(versions...) }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 9), func(data []byte) []byte { return extension(uint16(1000+len(data)), data) }),
	)
}
