// SPDX-License-Identifier: Apache-2.0

package hellotest_test

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

func TestBuild(t *testing.T) {
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{
			"hello", hellotest.Plain(hellotest.SNI("a.b")).Raw(),
			"16 0301 005d  01 000059  0303" + strings.Repeat("09", 32) + "20" + strings.Repeat("07", 32) +
				"0004 1301 c02f  01 00  000c  0000 0008 0006 00 0003 612e62",
		},
		{
			"hello without extensions", hellotest.Plain().Message(),
			"01 00004b  0303" + strings.Repeat("09", 32) + "20" + strings.Repeat("07", 32) + "0004 1301 c02f  01 00",
		},
		{
			"everything wrong", hellotest.ClientHello{Version: 2, CipherSuites: []byte{1}, Extensions: []byte{}, Trailer: []byte{7}}.Body(),
			"0002" + strings.Repeat("09", 32) + "00 0001 01 00 0000 07",
		},
		{"ALPN", hellotest.ALPN("h2", ""), "0010 0006 0004 02 6832 00"},
		{"versions", hellotest.SupportedVersions(0x0304), "002b 0003 02 0304"},
		{"groups", hellotest.Groups(0x001d, 0x11ec), "000a 0006 0004 001d 11ec"},
		{"point formats", hellotest.PointFormats(0, 1), "000b 0003 02 00 01"},
		{"signature algorithms", hellotest.SignatureAlgorithms(), "000d 0002 0000"},
		{"key shares", hellotest.KeyShares(0x001d), "0033 0026 0024 001d 0020" + strings.Repeat("05", 32)},
		{"key share", hellotest.KeyShare(0x0017, []byte{4}), "0017 0001 04"},
		{"name of another type", hellotest.SNIEntry(7, "x"), "07 0001 78"},
		{"records", hellotest.Records([]byte{1, 2, 3, 4}, 1, 0, 2), "16 0301 0001 01  16 0301 0000  16 0301 0002 02 03  16 0301 0001 04"},
	}
	for _, tt := range tests {
		want, err := hex.DecodeString(strings.ReplaceAll(tt.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tt.got, want) {
			t.Errorf("%s: got\n%x, want\n%x", tt.name, tt.got, want)
		}
	}
}

func TestPad(t *testing.T) {
	for _, size := range []int{100, 16384, 65536} {
		h := hellotest.Plain().Pad(size)
		if got := len(h.Body()); got != size {
			t.Errorf("%d bytes, want %d", got, size)
		}
		if got, want := len(h.Raw()), 4+size+5*((4+size+16383)/16384); got != want {
			t.Errorf("%d bytes of records, want %d", got, want)
		}
	}
}

func TestBuildPanics(t *testing.T) {
	for name, build := range map[string]func(){
		"vector with an 8-bit length":  func() { hellotest.Vector8(make([]byte, 256)) },
		"vector with a 16-bit length":  func() { hellotest.Vector16(make([]byte, 65536)) },
		"message with a 24-bit length": func() { hellotest.Handshake(1, make([]byte, 1<<24)) },
		"records of nothing":           func() { hellotest.Records([]byte{1}, 5, 0) },
		"padding that does not fit":    func() { hellotest.Plain().Pad(70) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			build()
		}()
	}
}

func TestCapture(t *testing.T) {
	for _, tt := range []struct {
		raw  []byte
		name bool
	}{
		{hellotest.Hello(t, "a.example", "h2"), true},
		{hellotest.Hello(t, ""), false},
		{hellotest.Capture(t, &tls.Config{ServerName: "a.example", MaxVersion: tls.VersionTLS12}), true},
	} {
		if tt.raw[0] != 22 || len(tt.raw) != 5+int(tt.raw[3])<<8+int(tt.raw[4]) || tt.raw[5] != 1 {
			t.Errorf("%x is not a hello in one record", tt.raw)
		}
		if got := bytes.Contains(tt.raw, hellotest.SNI("a.example")); got != tt.name {
			t.Errorf("%x: name %v, want %v", tt.raw, got, tt.name)
		}
	}
}
