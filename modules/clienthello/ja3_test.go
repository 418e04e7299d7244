// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// A jaHello holds the fields of a ClientHello that fingerprints depend on. Extensions are encoded
// with their list, or empty.
type jaHello struct {
	version    uint16
	suites     []uint16
	types      []uint16 // nil: no extensions
	groups     []uint16
	formats    []byte
	signatures []uint16
	versions   []uint16
	protocols  []string
}

func (j jaHello) extension(kind uint16) []byte {
	switch kind {
	case extensionServerName:
		return hellotest.SNI("a.example")
	case extensionGroups:
		return hellotest.Groups(j.groups...)
	case extensionPointFormats:
		return hellotest.PointFormats(j.formats...)
	case extensionSignatures:
		return hellotest.SignatureAlgorithms(j.signatures...)
	case extensionALPN:
		return hellotest.ALPN(j.protocols...)
	case extensionSupportedVersions:
		return hellotest.SupportedVersions(j.versions...)
	case extensionKeyShare:
		return hellotest.KeyShares()
	}
	return hellotest.Extension(kind, nil)
}

func (j jaHello) raw() []byte {
	h := hellotest.Plain()
	h.Version, h.CipherSuites = j.version, hellotest.Uint16s(j.suites...)
	if j.types != nil {
		h.Extensions = []byte{}
	}
	for _, kind := range j.types {
		h.Extensions = append(h.Extensions, j.extension(kind)...)
	}
	return h.Raw()
}

func (j jaHello) parse(t rapid.TB) Hello {
	t.Helper()
	hello, err := Parse(j.raw())
	if err != nil {
		t.Fatal(err)
	}
	return hello
}

// greased returns the hello with GREASE values at both ends and in the middle of every list.
func (j jaHello) greased() jaHello {
	for _, list := range []*[]uint16{&j.suites, &j.types, &j.groups, &j.signatures, &j.versions} {
		if *list != nil {
			*list = slices.Insert(append(slices.Insert(slices.Clone(*list), 0, 0x0a0a), 0xfafa), 1+len(*list)/2, 0x5a5a)
		}
	}
	if j.protocols != nil {
		j.protocols = slices.Insert(slices.Clone(j.protocols), 0, "\x0a\x0a", "\xfa\xfa")
	}
	return j
}

func TestJA3(t *testing.T) {
	tests := []struct {
		name         string
		hello        jaHello
		text, digest string
	}{
		// The two strings and digests of github.com/salesforce/ja3, README.md, "How it works".
		{
			"published",
			jaHello{
				version: 769, suites: []uint16{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
				types: []uint16{0, 10, 11}, groups: []uint16{23, 24, 25}, formats: []byte{0},
			},
			"769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0", "ada70206e40642a3e4461f35503241d5",
		},
		{
			"published without extensions",
			jaHello{version: 769, suites: []uint16{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}},
			"769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6",
		},
		{
			"legacy version, although 1.3 is offered",
			jaHello{version: 771, suites: []uint16{4865, 4865}, types: []uint16{43, 65281}, versions: []uint16{versionTLS13}},
			"771,4865-4865,43-65281,,", "",
		},
		{
			"point formats without groups",
			jaHello{version: 768, suites: []uint16{65535}, types: []uint16{11}, formats: []byte{0, 1, 2, 10}},
			"768,65535,11,,0-1-2-10", "",
		},
		{"nothing but GREASE", jaHello{version: 0x0a0a, suites: []uint16{0x1a1a}, types: []uint16{0xdada}}, "2570,,,,", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, j := range []jaHello{tt.hello, tt.hello.greased()} {
				hello := j.parse(t)
				if got := string(hello.AppendJA3String([]byte("x"))); got != "x"+tt.text {
					t.Errorf("got %q after x, want %q", got, tt.text)
				}
				if got := hello.JA3(); len(got) != 32 || tt.digest != "" && got != tt.digest {
					t.Errorf("got %q, want %q", got, tt.digest)
				}
			}
		})
	}
}

// TestFingerprintsHoldNoSecrets compares two hellos that differ in everything specific to a
// connection or a client.
func TestFingerprintsHoldNoSecrets(t *testing.T) {
	const extensionTicket = 35 // RFC 5077
	secret := func(filler byte) Hello {
		key := bytes.Repeat([]byte{filler}, 32)
		identity := append(hellotest.Vector16(key), key[:4]...) // with the obfuscated ticket age
		h := hellotest.Plain(
			hellotest.Extension(extensionTicket, key),
			hellotest.Extension(extensionKeyShare, hellotest.Vector16(hellotest.KeyShare(29, key))),
			hellotest.SupportedVersions(versionTLS13),
			hellotest.Extension(extensionPreSharedKey,
				slices.Concat(hellotest.Vector16(identity), hellotest.Vector16(hellotest.Vector8(key)))),
		)
		h.SessionID = key
		body := h.Body()
		copy(body[2:], key) // the random
		hello, err := Parse(hellotest.Records(hellotest.Handshake(typeClientHello, body)))
		if err != nil {
			t.Fatal(err)
		}
		return hello
	}
	a, b := secret(1), secret(2)
	if bytes.Equal(a.SessionID(), b.SessionID()) || !a.PSK() {
		t.Fatal("the hellos do not differ")
	}
	if a.JA3() != b.JA3() || a.JA4() != b.JA4() {
		t.Errorf("JA3 %s and %s, JA4 %s and %s", a.JA3(), b.JA3(), a.JA4(), b.JA4())
	}
	const want = "771,4865-49199,35-51-43-41,,"
	if got := string(a.AppendJA3String(nil)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAllocationsOfFingerprints(t *testing.T) {
	hello, err := Parse(hellotest.Hello(t, "www.example.com", "h2", "http/1.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fingerprint := range []func(*Hello) string{(*Hello).JA3, (*Hello).JA4} {
		if got := testing.AllocsPerRun(20, func() { fingerprint(&hello) }); got > 1 {
			t.Errorf("%v allocations", got)
		}
	}
}

func BenchmarkJA3(b *testing.B) {
	benchmarkJA(b, (*Hello).JA3)
}

// benchmarkJA times a typical hello and those with the largest number of values.
func benchmarkJA(b *testing.B, fingerprint func(*Hello) string) {
	shuffled := make([]uint16, 32_700)
	for k := range shuffled {
		shuffled[k] = uint16(k * 40503)
	}
	unknown := slices.DeleteFunc(slices.Clone(shuffled[:16_000]), func(k uint16) bool { return k <= extensionKeyShare })
	lists := jaHello{
		version: versionTLS12, suites: shuffled[:1], types: []uint16{extensionGroups, extensionSignatures},
		groups: shuffled[:16_000], signatures: shuffled[:16_000],
	}
	for _, bm := range []struct {
		name string
		raw  []byte
	}{
		{"usual", hellotest.Hello(b, "www.example.com", "h2", "http/1.1")},
		{"cipher suites", jaHello{version: versionTLS12, suites: shuffled}.raw()},
		{"extensions", jaHello{version: versionTLS12, suites: shuffled[:1], types: unknown}.raw()},
		{"groups and signature algorithms", lists.raw()},
	} {
		hello, err := Parse(bm.raw)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bm.raw)))
			for b.Loop() {
				fingerprint(&hello)
			}
		})
	}
}
