// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

const grease = 0x3a3a

// fullHello returns a hello like a browser's, with every extension that is parsed and some that are
// not.
func fullHello() hellotest.ClientHello {
	return hellotest.Plain(
		hellotest.Extension(grease, nil),
		hellotest.SNI("www.example.com"),
		hellotest.Extension(23, nil),
		hellotest.Groups(grease, 0x11ec, 0x001d, 0x0017),
		hellotest.PointFormats(0, 1),
		hellotest.ALPN("h2", "http/1.1"),
		hellotest.SignatureAlgorithms(0x0403, 0x0804),
		hellotest.SupportedVersions(grease, versionTLS13, versionTLS12),
		hellotest.KeyShares(grease, 0x11ec, 0x001d),
		hellotest.Extension(extensionEarlyData, nil),
		hellotest.Extension(extensionECH, []byte{0, 0, 1, 0, 1, 7, 0, 1, 2, 0, 1, 3}),
		hellotest.Extension(extensionPreSharedKey, []byte{0, 7, 0, 1, 'x', 0, 0, 0, 0, 0, 2, 1, 9}),
	)
}

// fields returns the verdict on a hello of hellotest.Plain, with changes for its extensions.
func fields(change func(*verdict)) verdict {
	v := verdict{
		Outcome: Found, SpokeTLS: true, Legacy: versionTLS12, Version: versionTLS12,
		SessionID: strings.Repeat("\x07", 32), CipherSuites: []uint16{0x1301, 0xc02f},
	}
	if change != nil {
		change(&v)
	}
	return v
}

// A helloTest is a hello with its verdict. Extension types are compared only if the test lists
// some; TestExtensions covers them.
type helloTest struct {
	name  string
	hello hellotest.ClientHello
	want  verdict
}

func (tt helloTest) run(t *testing.T) {
	t.Run(tt.name, func(t *testing.T) {
		t.Parallel()
		message := tt.hello.Message()
		sizes, inspected := []int{maxPlaintext, 1, 3, 4, 5, 48}, inspectAll
		if len(message) > 10_000 {
			sizes = []int{maxPlaintext, 1}
			inspected = func(t testing.TB, raw []byte) verdict { return inspect(t, raw, 0, 1, 1000) }
		}
		for _, size := range sizes {
			got := inspected(t, hellotest.Records(message, size))
			if tt.want.Extensions == nil {
				got.Extensions = nil
			}
			if diff := difference(tt.want, got); diff != "" {
				t.Errorf("records of %d bytes (-want +got):\n%s", size, diff)
			}
		}
	})
}

func TestHello(t *testing.T) {
	minimal := func(v *verdict) { v.SessionID, v.CipherSuites = "", []uint16{1} }
	withID := func(id string) hellotest.ClientHello {
		h := hellotest.Plain()
		h.SessionID = []byte(id)
		return h
	}
	withSuites := func(suites ...uint16) hellotest.ClientHello {
		h := hellotest.Plain()
		h.CipherSuites = hellotest.Uint16s(suites...)
		return h
	}
	// As many as fit beside version, random, an empty session ID and a compression method.
	most := make([]uint16, (DefaultMaxHello-minHello)/2+1)
	for k := range most {
		most[k] = uint16(k)
	}
	largest := withSuites(most...)
	largest.SessionID = nil

	for _, tt := range []helloTest{
		{"no extensions block", hellotest.Plain(), fields(nil)},
		{
			"empty extensions block",
			hellotest.ClientHello{Version: versionTLS12, CipherSuites: []byte{0, 1}, Compressions: []byte{0}, Extensions: []byte{}},
			fields(minimal),
		},
		{
			"shortest",
			hellotest.ClientHello{Version: versionTLS12, CipherSuites: []byte{0, 1}, Compressions: []byte{0}},
			fields(minimal),
		},
		{
			"all at once", fullHello(), fields(func(v *verdict) {
				v.HasServerName, v.ServerName, v.ALPN = true, "www.example.com", []string{"h2", "http/1.1"}
				v.Version, v.SupportedVersions = versionTLS13, []uint16{grease, versionTLS13, versionTLS12}
				v.Groups, v.PointFormats = []uint16{grease, 0x11ec, 0x001d, 0x0017}, "\x00\x01"
				v.SignatureAlgorithms, v.KeyShares = []uint16{0x0403, 0x0804}, []uint16{grease, 0x11ec, 0x001d}
				v.PostQuantum, v.PSK, v.EarlyData, v.ECH = true, true, true, true
				v.Extensions = []uint16{grease, 0, 23, 10, 11, 16, 13, 43, 51, 42, extensionECH, 41}
			}),
		},

		{"no session id", withID(""), fields(func(v *verdict) { v.SessionID = "" })},
		{"session id of one byte", withID("\x00"), fields(func(v *verdict) { v.SessionID = "\x00" })},
		{"session id of 31 bytes", withID(clientName + clientName + "!"), fields(func(v *verdict) { v.SessionID = clientName + clientName + "!" })},

		{"one cipher suite", withSuites(0x1301), fields(func(v *verdict) { v.CipherSuites = []uint16{0x1301} })},
		{
			"cipher suites with GREASE, SCSV and one twice", withSuites(grease, 0x1302, 0x1301, 0x1302, 0x00ff, 0x5600, 0),
			fields(func(v *verdict) { v.CipherSuites = []uint16{grease, 0x1302, 0x1301, 0x1302, 0x00ff, 0x5600, 0} }),
		},
		{"all cipher suites that fit", largest, fields(func(v *verdict) { v.SessionID, v.CipherSuites = "", most })},
		{
			"compression methods",
			hellotest.ClientHello{Version: versionTLS12, CipherSuites: []byte{0, 1}, Compressions: make([]byte, 255)},
			fields(minimal),
		},
	} {
		tt.run(t)
	}
}

func TestHelloNames(t *testing.T) {
	named := func(name string) verdict {
		return fields(func(v *verdict) { v.HasServerName, v.ServerName = true, name })
	}
	address := func(name string) verdict {
		v := named(name)
		v.ServerNameIsIP = true
		return v
	}
	entries := func(entries ...[]byte) hellotest.ClientHello {
		return hellotest.Plain(hellotest.Extension(extensionServerName, hellotest.Vector16(slices.Concat(entries...))))
	}
	name := func(name string) hellotest.ClientHello { return hellotest.Plain(hellotest.SNI(name)) }
	long := strings.Repeat(strings.Repeat("a", 60)+".", 4) + "example.com" // 255 bytes

	for _, tt := range []helloTest{
		{"name", name("www.example.com"), named("www.example.com")},
		{"name in upper case", name("WWW.Example.COM"), named("www.example.com")},
		{"trailing dot", name("www.example.com."), named("www.example.com")},
		{"two trailing dots", name("example.com.."), named("example.com.")},
		{"one character", name("a"), named("a")},
		{"odd characters", name("../%s\r\n\xff"), named("../%s\r\n\xff")},
		{"capitals outside ASCII stay", name("\u00c4.example"), named("\u00c4.example")},
		{"neighbours of the capitals", name("@[`{AZaz"), named("@[`{azaz")},
		{"255 bytes", name(long), named(long)},
		{"254 bytes and a dot", name(long[1:] + "."), named(long[1:])},
		{"name after one of unknown type", entries(hellotest.SNIEntry(9, "xyz"), hellotest.SNIEntry(9, ""), hellotest.SNIEntry(0, "a.b")), named("a.b")},
		{"name before one of unknown type", entries(hellotest.SNIEntry(0, "a.b"), hellotest.SNIEntry(1, "c.d")), named("a.b")},
		{"only a name of unknown type", entries(hellotest.SNIEntry(9, "x")), fields(nil)},
		{"21000 names of unknown type", entries(bytes.Repeat(hellotest.SNIEntry(255, ""), 21_000)), fields(nil)},

		{"IPv4 literal", name("192.0.2.1"), address("192.0.2.1")},
		{"IPv4 literal with a dot", name("192.0.2.1."), address("192.0.2.1")},
		{"IPv6 literal", name("2001:DB8::1"), address("2001:db8::1")},
		{"IPv6 literal of IPv4", name("::ffff:192.0.2.1"), address("::ffff:192.0.2.1")},
		{"IPv6 literal with a zone", name("fe80::1%eth0"), address("fe80::1%eth0")},
		{"IPv6 literal in brackets", name("[2001:db8::1]"), named("[2001:db8::1]")},
		{"IPv6 literal with a port", name("[2001:db8::1]:443"), named("[2001:db8::1]:443")},
		{"IPv4 literal with a port", name("192.0.2.1:443"), named("192.0.2.1:443")},
		{"IPv4 literal with a zone", name("192.0.2.1%eth0"), named("192.0.2.1%eth0")},
		{"three numbers", name("192.0.2"), named("192.0.2")},
		{"five numbers", name("192.0.2.1.5"), named("192.0.2.1.5")},
		{"name of numbers", name("1.example"), named("1.example")},
		{"hexadecimal name", name("abcd"), named("abcd")},
	} {
		tt.run(t)
	}
}

func TestHelloVersions(t *testing.T) {
	legacy := func(version uint16) hellotest.ClientHello {
		h := hellotest.Plain()
		h.Version = version
		return h
	}
	version := func(legacy, version uint16) verdict {
		return fields(func(v *verdict) { v.Legacy, v.Version = legacy, version })
	}
	for _, tt := range []helloTest{
		{"SSL 3.0", legacy(versionSSL3), version(versionSSL3, versionSSL3)},
		{"TLS 1.0", legacy(versionTLS10), version(versionTLS10, versionTLS10)},
		{"TLS 1.1", legacy(versionTLS11), version(versionTLS11, versionTLS11)},
		{"legacy 1.3 means 1.2", legacy(versionTLS13), version(versionTLS13, versionTLS12)},
		{"legacy of the future means 1.2", legacy(0x0405), version(0x0405, versionTLS12)},
		{"legacy 0", legacy(0), version(0, 0)},
	} {
		tt.run(t)
	}
	for _, tt := range []struct {
		name   string
		listed []uint16
		want   uint16
	}{
		{"1.3", []uint16{versionTLS13, versionTLS12}, versionTLS13},
		{"1.3 last", []uint16{versionTLS10, versionTLS12, versionTLS13}, versionTLS13},
		{"1.3 only", []uint16{versionTLS13}, versionTLS13},
		{"1.3 twice", []uint16{versionTLS13, versionTLS13}, versionTLS13},
		{"1.2 as supported version", []uint16{versionTLS12}, versionTLS12},
		{"less than the legacy version", []uint16{versionTLS11}, versionTLS11},
		{"GREASE first", []uint16{0xfafa, versionTLS13}, versionTLS13},
		{"GREASE last", []uint16{versionTLS12, 0xfafa}, versionTLS12},
		{"GREASE only", []uint16{0x0a0a}, 0},
		{"draft beside 1.2", []uint16{0x7f1c, versionTLS12}, versionTLS12},
		{"draft after 1.2", []uint16{versionTLS12, 0x7f1c}, versionTLS12},
		{"drafts only", []uint16{0x7f17, grease, 0x7f1c}, 0x7f1c},
		{"127 versions", slices.Repeat([]uint16{versionTLS12}, 127), versionTLS12},
	} {
		helloTest{
			tt.name, hellotest.Plain(hellotest.SupportedVersions(tt.listed...)),
			fields(func(v *verdict) { v.Version, v.SupportedVersions = tt.want, tt.listed }),
		}.run(t)
	}
}

func TestHelloLeavesBytesAlone(t *testing.T) {
	raw := hellotest.Plain(hellotest.SNI("UPPER.example.")).Raw()
	i := NewInspection(0)
	defer i.Release()
	i.Feed(raw)
	if !bytes.Equal(i.Bytes(), raw) {
		t.Error("the name in the received bytes was changed")
	}
}

func TestServerNameNil(t *testing.T) {
	hello, err := Parse(hellotest.Plain().Raw())
	if err != nil || hello.HasServerName() || hello.ServerName() != nil {
		t.Errorf("got %q, %v", hello.ServerName(), err)
	}
}

// TestIteratorsStop breaks out of the loop over each list at its first entry.
func TestIteratorsStop(t *testing.T) {
	hello, err := Parse(fullHello().Raw())
	if err != nil {
		t.Fatal(err)
	}
	for protocol := range hello.ALPN() {
		if string(protocol) != "h2" {
			t.Errorf("ALPN: got %q after the end", protocol)
		}
		break
	}
	first := func(name string, list iter.Seq[uint16], want uint16) {
		for value := range list {
			if value != want {
				t.Errorf("%s: got %#04x after the end", name, value)
			}
			break
		}
	}
	first("Extensions", hello.Extensions(), grease)
	first("KeyShares", hello.KeyShares(), grease)
	first("CipherSuites", hello.CipherSuites().All(), 0x1301)
}

func TestUint16s(t *testing.T) {
	var none Uint16s
	if none.Len() != 0 || slices.Collect(none.All()) != nil {
		t.Error("the zero value is not empty")
	}
	hello, err := Parse(hellotest.Plain(hellotest.Groups(1, 0x0203, 0xffff)).Raw())
	if err != nil {
		t.Fatal(err)
	}
	list := hello.Groups()
	if list.Len() != 3 || list.At(0) != 1 || list.At(1) != 0x0203 || list.At(2) != 0xffff {
		t.Errorf("got %v", slices.Collect(list.All()))
	}
	for _, position := range []int{-1, 3} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("At(%d) of three did not panic", position)
				}
			}()
			list.At(position)
		}()
	}
}

func TestVersionName(t *testing.T) {
	for version, want := range map[uint16]string{
		versionTLS13: "1.3", versionTLS12: "1.2", versionTLS11: "1.1", versionTLS10: "1.0", versionSSL3: "ssl3",
		0x0002: "0x0002", 0x7f1c: "0x7f1c", 0: "0x0000",
	} {
		if got := VersionName(version); got != want {
			t.Errorf("VersionName(%#04x) = %q, want %q", version, got, want)
		}
	}
}

func TestIsGREASE(t *testing.T) {
	var found int
	for value := range 1 << 16 {
		want := value>>8 == value&0xff && value&0xf == 0xa
		if isGREASE(uint16(value)) != want {
			t.Errorf("isGREASE(%#04x) = %v", value, !want)
		}
		if want {
			found++
		}
	}
	if found != 16 {
		t.Errorf("%d values, want 16", found)
	}
}
