// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"strings"
	"testing"
)

const grease = 0x3a3a

func TestHello(t *testing.T) {
	found := func(change func(*verdict)) verdict {
		v := verdict{Outcome: Found, SpokeTLS: true, Legacy: versionTLS12, Version: versionTLS12}
		if change != nil {
			change(&v)
		}
		return v
	}
	named := func(name string) verdict {
		return found(func(v *verdict) { v.HasServerName, v.ServerName = true, name })
	}
	version := func(legacy, version uint16) verdict {
		return found(func(v *verdict) { v.Legacy, v.Version = legacy, version })
	}
	legacy := func(version uint16, extensions ...[]byte) testHello {
		h := plainHello(extensions...)
		h.version = version
		return h
	}
	long := strings.Repeat("a", 60) + "."
	long = strings.Repeat(long, 4) + "example.com" // 255 bytes

	tests := []struct {
		name  string
		hello testHello
		want  verdict
	}{
		{"no extensions block", plainHello(), found(nil)},
		{"empty extensions block", testHello{versionTLS12, nil, []byte{0, 1}, []byte{0}, []byte{}, nil}, found(nil)},
		{"shortest", testHello{versionTLS12, nil, []byte{0, 1}, []byte{0}, nil, nil}, found(nil)},

		{"name", plainHello(sni("www.example.com")), named("www.example.com")},
		{"name in upper case", plainHello(sni("WWW.Example.COM")), named("www.example.com")},
		{"trailing dot", plainHello(sni("www.example.com.")), named("www.example.com")},
		{"two trailing dots", plainHello(sni("example.com..")), named("example.com.")},
		{"one character", plainHello(sni("a")), named("a")},
		{"IPv4 literal", plainHello(sni("192.0.2.1")), named("192.0.2.1")},
		{"IPv6 literal", plainHello(sni("2001:DB8::1")), named("2001:db8::1")},
		{"odd characters", plainHello(sni("../%s\r\n\xff")), named("../%s\r\n\xff")},
		{"capitals outside ASCII stay", plainHello(sni("\u00c4.example")), named("\u00c4.example")},
		{"255 bytes", plainHello(sni(long)), named(long)},
		{"254 bytes and a dot", plainHello(sni(long[1:] + ".")), named(long[1:])},
		{
			"name after one of unknown type",
			plainHello(extension(extensionServerName, vector16(concat(sniEntry(9, "xyz"), sniEntry(9, ""), sniEntry(0, "a.b"))))),
			named("a.b"),
		},
		{"only a name of unknown type", plainHello(extension(extensionServerName, vector16(sniEntry(9, "x")))), found(nil)},

		{
			"ALPN in order", plainHello(alpn("h2", "http/1.1", "\x3a\x3a")),
			found(func(v *verdict) { v.ALPN = []string{"h2", "http/1.1", "\x3a\x3a"} }),
		},

		{"unknown extensions", plainHello(extension(grease, nil), extension(4711, []byte("?")), sni("a.b")), named("a.b")},
		{"unknown extension twice", plainHello(extension(4711, nil), extension(4711, nil), sni("a.b")), named("a.b")},
		{"known extension with nonsense", plainHello(extension(10, []byte{1}), extension(41, nil), sni("a.b")), named("a.b")},
		{"extension 64 is not 0", plainHello(extension(64, []byte{1}), extension(64+16, nil), extension(0x8000, nil)), found(nil)},

		{"SSL 3.0", legacy(versionSSL3), version(versionSSL3, versionSSL3)},
		{"TLS 1.0", legacy(versionTLS10), version(versionTLS10, versionTLS10)},
		{"TLS 1.1", legacy(versionTLS11), version(versionTLS11, versionTLS11)},
		{"legacy 1.3 means 1.2", legacy(versionTLS13), version(versionTLS13, versionTLS12)},
		{"legacy of the future means 1.2", legacy(0x0405), version(0x0405, versionTLS12)},
		{"1.3", plainHello(supportedVersions(versionTLS13, versionTLS12)), version(versionTLS12, versionTLS13)},
		{"1.3 last", plainHello(supportedVersions(versionTLS10, versionTLS12, versionTLS13)), version(versionTLS12, versionTLS13)},
		{"1.3 only", plainHello(supportedVersions(versionTLS13)), version(versionTLS12, versionTLS13)},
		{"1.2 as supported version", plainHello(supportedVersions(versionTLS12)), version(versionTLS12, versionTLS12)},
		{"less than the legacy version", plainHello(supportedVersions(versionTLS11)), version(versionTLS12, versionTLS11)},
		{"GREASE first", plainHello(supportedVersions(0xfafa, versionTLS13)), version(versionTLS12, versionTLS13)},
		{"GREASE last", plainHello(supportedVersions(versionTLS12, 0xfafa)), version(versionTLS12, versionTLS12)},
		{"GREASE only", plainHello(supportedVersions(0x0a0a)), version(versionTLS12, 0)},
		{"draft beside 1.2", plainHello(supportedVersions(0x7f1c, versionTLS12)), version(versionTLS12, versionTLS12)},
		{"draft after 1.2", plainHello(supportedVersions(versionTLS12, 0x7f1c)), version(versionTLS12, versionTLS12)},
		{"drafts only", plainHello(supportedVersions(0x7f17, grease, 0x7f1c)), version(versionTLS12, 0x7f1c)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{maxPlaintext, 1, 3, 4, 5, 48} {
				if diff := difference(tt.want, inspectAll(t, records(tt.hello.message(), size))); diff != "" {
					t.Errorf("records of %d bytes (-want +got):\n%s", size, diff)
				}
			}
		})
	}
}

func TestHelloLeavesBytesAlone(t *testing.T) {
	raw := plainHello(sni("UPPER.example.")).raw()
	i := NewInspection(0)
	defer i.Release()
	i.Feed(raw)
	if !bytes.Equal(i.Bytes(), raw) {
		t.Error("the name in the received bytes was changed")
	}
}

func TestServerNameNil(t *testing.T) {
	hello, err := Parse(plainHello().raw())
	if err != nil || hello.HasServerName() || hello.ServerName() != nil {
		t.Errorf("got %q, %v", hello.ServerName(), err)
	}
}

func TestALPNStops(t *testing.T) {
	hello, err := Parse(plainHello(alpn("h2", "http/1.1")).raw())
	if err != nil {
		t.Fatal(err)
	}
	for protocol := range hello.ALPN() {
		if string(protocol) != "h2" {
			t.Errorf("got %q after the end", protocol)
		}
		break
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
