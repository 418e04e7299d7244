// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// publishedJA4 is the example of github.com/FoxIO-LLC/ja4, technical_details/JA4.md, "Cipher hash",
// "Extension hash" and "Example", with all lists in the order that they have there (JA4_ro).
func publishedJA4() jaHello {
	return jaHello{
		version: versionTLS12,
		suites: []uint16{
			0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
			0x0035,
		},
		types: []uint16{
			0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b,
			0x000a, 0x0015,
		},
		groups:     []uint16{29, 23, 24},
		formats:    []byte{0},
		signatures: []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
		versions:   []uint16{versionTLS13, versionTLS12},
		protocols:  []string{"h2", "http/1.1"},
	}
}

func TestPublishedJA4(t *testing.T) {
	// "If there are no signature algorithms in the hello packet, then the string ends without an
	// underscore and is hashed", with the digest of JA4.md.
	unsigned := publishedJA4()
	unsigned.signatures = []uint16{0x1a1a}

	// JA4.1 and JA4_ro.1 in python/test/testdata/sigalg-grease.pcapng.json of the same repository.
	chrome := publishedJA4()
	chrome.types = []uint16{
		0xfe0d, 0x0010, 0x0017, 0x0033, 0x44cd, 0xff01, 0x000a, 0x000d, 0x0023, 0x002b, 0x000b, 0xca34, 0x002d, 0x0000,
		0x0005, 0x001b, 0x0012,
	}
	chrome.signatures = slices.Insert(chrome.signatures, 0, 0x0904, 0x0905, 0x0906)

	for want, j := range map[string]jaHello{
		"t13d1516h2_8daaf6152771_e5627efa2ab1": publishedJA4(),
		"t13d1516h2_8daaf6152771_6d807ffa2a79": unsigned,
		"t13d1517h2_8daaf6152771_cb7bf5808d99": chrome,
	} {
		plain, greased := j.parse(t), j.greased().parse(t)
		if got := plain.JA4(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := greased.JA4(); got != want {
			t.Errorf("with GREASE: got %s, want %s", got, want)
		}
	}
}

// TestJA4Beginning tests the first ten characters.
func TestJA4Beginning(t *testing.T) {
	many := func(n int) []uint16 {
		values := make([]uint16, n)
		for k := range values {
			values[k] = uint16(1000 + k)
		}
		return values
	}
	one := []uint16{0x1301}
	legacy := func(version uint16) jaHello { return jaHello{version: version, suites: one} }
	offered := func(versions ...uint16) jaHello {
		return jaHello{version: versionTLS12, suites: one, types: []uint16{extensionSupportedVersions}, versions: versions}
	}
	for _, tt := range []struct {
		name  string
		hello jaHello
		want  string
	}{
		{"legacy 1.3", legacy(versionTLS13), "t13i010000"},
		{"legacy 1.2", legacy(versionTLS12), "t12i010000"},
		{"legacy 1.1", legacy(versionTLS11), "t11i010000"},
		{"legacy 1.0", legacy(versionTLS10), "t10i010000"},
		{"legacy SSL 3.0", legacy(versionSSL3), "ts3i010000"},
		{"legacy SSL 2.0", legacy(0x0002), "ts2i010000"},
		{"legacy DTLS 1.0", legacy(0xfeff), "td1i010000"},
		{"legacy unknown", legacy(0x0305), "t00i010000"},

		{"1.3", offered(versionTLS12, versionTLS13, versionTLS11), "t13i010100"},
		{"less than legacy", offered(versionTLS11), "t11i010100"},
		{"DTLS 1.2", offered(0xfefd), "td2i010100"},
		{"DTLS 1.3", offered(0xfefc), "td3i010100"},
		{"a draft is the highest number", offered(0x7f1c, versionTLS13), "t00i010100"},
		{"GREASE only", offered(0xfafa), "t00i010100"},
		{"unknown", offered(0x0100), "t00i010100"},

		{"SNI", jaHello{version: versionTLS12, suites: one, types: []uint16{extensionServerName}}, "t12d010100"},

		{"99", jaHello{version: versionTLS12, suites: many(99), types: many(99)}, "t12i999900"},
		{"100", jaHello{version: versionTLS12, suites: many(100), types: many(100)}, "t12i999900"},
		{"10,000", jaHello{version: versionTLS12, suites: many(10_000), types: many(10_000)}, "t12i999900"},
		{"no suites but GREASE", jaHello{version: versionTLS12, suites: []uint16{0xeaea}}, "t12i000000"},
		{"signalling suites", jaHello{version: versionTLS12, suites: []uint16{0x00ff, 0x5600}}, "t12i020000"},
		{"empty extensions", jaHello{version: versionTLS12, suites: one, types: []uint16{}}, "t12i010000"},
	} {
		hello := tt.hello.parse(t)
		if got := hello.JA4()[:10]; got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestJA4WithoutHostName(t *testing.T) {
	entry := hellotest.SNIEntry(9, "a.example")
	hello, err := Parse(hellotest.Plain(hellotest.Extension(extensionServerName, hellotest.Vector16(entry))).Raw())
	if err != nil || hello.HasServerName() {
		t.Fatal(err, hello.HasServerName())
	}
	const want = "t12d020100" // "If the SNI extension (0x0000) exists" (JA4.md)
	if got := hello.JA4()[:10]; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestJA4WithEmptyLists(t *testing.T) {
	// "We do this rather than running a sha256 hash of nothing" (JA4.md). SNI and ALPN are not in the
	// list.
	for want, j := range map[string]jaHello{
		"t12i000000_000000000000_000000000000": {version: versionTLS12, suites: []uint16{0x0a0a}},
		"t12d0002zz_000000000000_000000000000": {
			version: versionTLS12, suites: []uint16{0x0a0a}, types: []uint16{16, 0}, protocols: []string{"z"},
		},
	} {
		hello := j.parse(t)
		if got := hello.JA4(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestJA4Protocol(t *testing.T) {
	for _, tt := range []struct {
		protocols []string
		want      string
	}{
		// JA4.md, "ALPN Extension Value".
		{[]string{"h2"}, "h2"},
		{[]string{"http/1.1"}, "h1"},
		{[]string{"\xab"}, "ab"},
		{[]string{"\xab\xcd"}, "ad"},
		{[]string{"\x30\xab"}, "3b"},
		{[]string{"\x30\x31\xab\xcd"}, "3d"},
		{[]string{"\x30\xab\xcd\x31"}, "01"},
		{nil, "00"},
		// "That character is treated as both the first and last character."
		{[]string{"h", "h2"}, "hh"},
		// Pull request 277 of github.com/FoxIO-LLC/ja4.
		{[]string{" "}, "20"},
		{[]string{"a "}, "60"},

		{[]string{"_a"}, "51"},
		{[]string{"Az"}, "Az"},
		{[]string{"/", "h2"}, "2f"},
		{[]string{"\x0a\x0a", "h3"}, "h3"}, // GREASE
		{[]string{"\xfa\xfa"}, "00"},
		{[]string{"\x0a\x1a"}, "0a"}, // no GREASE
	} {
		j := jaHello{version: versionTLS12, suites: []uint16{0x1301}, protocols: tt.protocols}
		if tt.protocols != nil {
			j.types = []uint16{extensionALPN}
		}
		hello := j.parse(t)
		if got := hello.JA4()[8:10]; got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.protocols, got, tt.want)
		}
	}
}

// TestOrderInFingerprints permutes cipher suites and extensions: JA3 changes, JA4 does not.
func TestOrderInFingerprints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := publishedJA4()
		before.suites = rapid.SliceOfN(rapid.Uint16(), 1, 300).Draw(t, "suites")
		unknown := rapid.SliceOfDistinct(rapid.Uint16Min(100), rapid.ID).Draw(t, "unknown")
		before.types = append(before.types, slices.DeleteFunc(unknown, func(kind uint16) bool {
			return slices.Contains(before.types, kind)
		})...)
		after := before
		after.suites = rapid.Permutation(before.suites).Draw(t, "permuted suites")
		after.types = rapid.Permutation(before.types).Draw(t, "permuted types")

		a, b := before.parse(t), after.parse(t)
		if a.JA4() != b.JA4() {
			t.Errorf("JA4 %s and %s", a.JA4(), b.JA4())
		}
		same := slices.Equal(jaWithoutGREASE(before.suites), jaWithoutGREASE(after.suites)) &&
			slices.Equal(jaWithoutGREASE(before.types), jaWithoutGREASE(after.types))
		if (a.JA3() == b.JA3()) != same {
			t.Errorf("JA3 %s and %s", a.JA3(), b.JA3())
		}
	})
}

func jaWithoutGREASE(values []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(values), isGREASE)
}

func TestSortUint16s(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 128, 129, 1000, 32_766}).Draw(t, "n")
		factor := rapid.Uint16().Draw(t, "factor")
		got := make([]uint16, n)
		for k := range got {
			got[k] = uint16(k) * factor
		}
		want := slices.Sorted(slices.Values(got))
		if sortUint16s(got); !slices.Equal(got, want) {
			t.Errorf("%d values are not sorted", n)
		}
	})
}

func BenchmarkJA4(b *testing.B) {
	benchmarkJA(b, (*Hello).JA4)
}
