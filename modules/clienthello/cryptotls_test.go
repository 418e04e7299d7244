// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// compareWithCryptoTLS passes raw to the server of crypto/tls. A hello that crypto/tls accepts must
// be found here, with the same name and lists, except for those in stricterThanCryptoTLS. It
// reports whether crypto/tls accepts the hello.
func compareWithCryptoTLS(t rapid.TB, raw []byte) bool {
	info := cryptoTLSReads(raw)
	if info == nil {
		return false
	}
	i := NewInspection(0)
	defer i.Release()
	if i.Feed(raw) != Found {
		if !slices.ContainsFunc(stricterThanCryptoTLS, func(s stricter) bool { return errors.Is(i.Err(), s.err) }) {
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
	sameNumbers(t, "extensions", hello.Extensions(), info.Extensions)
	sameNumbers(t, "cipher suites", hello.CipherSuites().All(), info.CipherSuites)
	sameNumbers(t, "groups", hello.Groups().All(), info.SupportedCurves)
	sameNumbers(t, "signature algorithms", hello.SignatureAlgorithms().All(), info.SignatureSchemes)
	if got := hello.PointFormats(); !slices.Equal(got, info.SupportedPoints) {
		t.Errorf("point formats %x, want %x", got, info.SupportedPoints)
	}
	if slices.Contains(info.Extensions, extensionSupportedVersions) {
		sameNumbers(t, "supported versions", hello.SupportedVersions().All(), info.SupportedVersions)
	}
	return true
}

func sameNumbers[N ~uint16](t rapid.TB, what string, got iter.Seq[uint16], want []N) {
	var numbers []N
	for number := range got {
		numbers = append(numbers, N(number))
	}
	if !slices.Equal(numbers, want) {
		t.Errorf("%s %#04x, want %#04x", what, numbers, want)
	}
}

// A stricter verdict rejects a hello for which crypto/tls goes on to choose a configuration.
type stricter struct {
	err     error
	because string
	example []byte
}

// warning is the alert user_canceled.
var warning = hellotest.Record(21, []byte{1, 90})

// stricterThanCryptoTLS lists all stricter verdicts.
var stricterThanCryptoTLS = []stricter{
	{errSessionID, "RFC 8446, section 4.1.2: <0..32>", changed(func(h *hellotest.ClientHello) { h.SessionID = make([]byte, 33) })},
	{errCipherSuites, "RFC 8446, section 4.1.2: <2..2^16-2>", changed(func(h *hellotest.ClientHello) { h.CipherSuites = nil })},
	{errCompressions, "RFC 8446, section 4.1.2: <1..2^8-1>", changed(func(h *hellotest.ClientHello) { h.Compressions = nil })},
	{
		errShortHello, "the same, known by the length: neither cipher suites nor compression methods, nor extensions",
		hellotest.ClientHello{Version: versionTLS12}.Raw(),
	},
	{errLongName, "no DNS name can be so long", hellotest.Plain(hellotest.SNI(strings.Repeat("a", 256))).Raw()},
	{errNameNUL, "the name would be another one for programs in C", hellotest.Plain(hellotest.SNI("a\x00b")).Raw()},
	{
		errInterleaved, "RFC 8446, section 5.1; crypto/tls skips up to 16 warnings before it knows the version",
		slices.Concat(hellotest.Record(22, hellotest.Plain().Message()[:9]), warning, hellotest.Record(22, hellotest.Plain().Message()[9:])),
	},
	{errFirstByte, "a warning before the hello: no client sends it", slices.Concat(warning, hellotest.Plain().Raw())},
}

func changed(change func(*hellotest.ClientHello)) []byte {
	h := hellotest.Plain(hellotest.SNI("a.example"))
	change(&h)
	return h.Raw()
}

// TestStricterThanCryptoTLS checks that each entry is needed.
func TestStricterThanCryptoTLS(t *testing.T) {
	for _, s := range stricterThanCryptoTLS {
		if cryptoTLSReads(s.example) == nil {
			t.Errorf("%v (%s): crypto/tls refuses it too", s.err, s.because)
		}
		if _, err := Parse(s.example); !errors.Is(err, s.err) {
			t.Errorf("%v (%s): got %v", s.err, s.because, err)
		}
	}
}

// versionOf returns the highest version that crypto/tls reports.
func versionOf(info *tls.ClientHelloInfo, legacy uint16) uint16 {
	if !slices.Contains(info.Extensions, extensionSupportedVersions) {
		// crypto/tls then chooses TLS 1.2 at most, but reports all versions it supports up to the legacy
		// version, from 1.0.
		return min(legacy, versionTLS12)
	}
	var highest uint16
	for _, version := range info.SupportedVersions {
		highest = higherVersion(highest, version)
	}
	return highest
}

// lowerASCII leaves every byte outside of A-Z unchanged; strings.ToLower would replace invalid
// UTF-8.
func lowerASCII(s string) string {
	b := []byte(s)
	for k, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[k] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// errEnough ends the handshake after the hello.
var errEnough = errors.New("the hello is read")

// cryptoTLSReads returns the hello that the server of crypto/tls reads from raw, or nil if it reads
// none.
func cryptoTLSReads(raw []byte) (info *tls.ClientHelloInfo) {
	config := &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		info = i
		return nil, errEnough
	}}
	_ = tls.Server(&replayConn{rest: raw}, config).Handshake()
	return info
}

// A replayConn is a client that sends given bytes and closes.
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

// TestAgainstCryptoTLS builds hellos of mostly valid parts, so that most get far into the parser.
func TestAgainstCryptoTLS(t *testing.T) {
	var read, all int
	rapid.Check(t, func(t *rapid.T) {
		kind := func(extension []byte) uint16 { return uint16At(extension, 0) }
		extensions := rapid.SliceOfNDistinct(anyExtension(), 0, 8, kind)
		if rapid.IntRange(0, 7).Draw(t, "duplicates") == 7 {
			extensions = rapid.SliceOfN(anyExtension(), 0, 8)
		}
		h := hellotest.Plain(extensions.Draw(t, "extensions")...)
		h.Version = rapid.Uint16Range(0x0200, 0x0305).Draw(t, "version")
		h.SessionID = make([]byte, rapid.IntRange(0, 33).Draw(t, "session id"))
		h.CipherSuites = hellotest.Uint16s(rapid.SliceOfN(rapid.Uint16(), 0, 9).Draw(t, "cipher suites")...)
		all++
		if compareWithCryptoTLS(t, hellotest.Records(h.Message(), rapid.IntRange(1, 300).Draw(t, "record"))) {
			read++
		}
	})
	t.Logf("crypto/tls read %d of %d hellos", read, all)
	if read*10 < all*3 {
		t.Errorf("crypto/tls read only %d of %d hellos", read, all)
	}
}

// anyExtension draws extensions of every type that is parsed here, mostly valid, and of others.
func anyExtension() *rapid.Generator[[]byte] {
	name := rapid.StringMatching(`[a-zA-Z0-9.\x00-]{0,9}`)
	entry := rapid.Custom(func(t *rapid.T) []byte {
		return hellotest.SNIEntry(rapid.SampledFrom([]byte{0, 0, 1}).Draw(t, "type"), name.Draw(t, "name"))
	})
	share := rapid.Custom(func(t *rapid.T) []byte {
		key := rapid.SliceOfN(rapid.Byte(), rapid.SampledFrom([]int{1, 1, 1, 0}).Draw(t, "least"), 9).Draw(t, "key")
		return hellotest.KeyShare(rapid.Uint16().Draw(t, "group"), key)
	})
	numbers := func(least, most int, extension func(...uint16) []byte) *rapid.Generator[[]byte] {
		number := rapid.OneOf(rapid.Uint16Range(0x02ff, 0x0305), rapid.Uint16())
		return rapid.Map(rapid.SliceOfN(number, least, most), func(values []uint16) []byte { return extension(values...) })
	}
	// Known types with arbitrary content, so rarely valid.
	nonsense := rapid.Custom(func(t *rapid.T) []byte {
		kind := rapid.SampledFrom([]uint16{0, 10, 11, 13, 16, 41, 42, 43, 51, extensionECH}).Draw(t, "type")
		return hellotest.Extension(kind, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "data"))
	})
	right := []*rapid.Generator[[]byte]{
		rapid.Map(rapid.SliceOfN(entry, 0, 3), func(entries [][]byte) []byte {
			return hellotest.Extension(extensionServerName, hellotest.Vector16(slices.Concat(entries...)))
		}),
		rapid.Map(name, func(name string) []byte { return hellotest.SNI(name) }),
		rapid.Map(rapid.SliceOfN(name, 1, 4), func(names []string) []byte { return hellotest.ALPN(names...) }),
		numbers(1, 5, hellotest.SupportedVersions),
		numbers(1, 9, hellotest.Groups),
		numbers(1, 9, hellotest.SignatureAlgorithms),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 4), func(formats []byte) []byte { return hellotest.PointFormats(formats...) }),
		rapid.Map(rapid.SliceOfN(share, 0, 4), func(shares [][]byte) []byte {
			return hellotest.Extension(extensionKeyShare, hellotest.Vector16(slices.Concat(shares...)))
		}),
		rapid.Just(hellotest.Extension(extensionEarlyData, nil)),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 9), func(data []byte) []byte {
			return hellotest.Extension(uint16(1000+len(data)), data)
		}),
	}
	wrong := []*rapid.Generator[[]byte]{
		nonsense, numbers(0, 0, hellotest.Groups), numbers(0, 0, hellotest.SignatureAlgorithms),
		numbers(0, 0, hellotest.SupportedVersions), rapid.Just(hellotest.ALPN()), rapid.Just(hellotest.PointFormats()),
	}
	return rapid.Custom(func(t *rapid.T) []byte {
		if rapid.IntRange(0, 15).Draw(t, "wrong") == 15 {
			return rapid.OneOf(wrong...).Draw(t, "extension")
		}
		return rapid.OneOf(right...).Draw(t, "extension")
	})
}
