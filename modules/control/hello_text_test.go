// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// writers write bytes as tools do.
var writers = map[string]func([]byte) string{
	"hexadecimal":     hex.EncodeToString,
	"capitals":        func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
	"spaces":          func(b []byte) string { return fmt.Sprintf("% x\n", b) },
	"colons":          func(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":") },
	"a slice of Go":   func(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("%# x", b), " ", ", ") },
	"escapes":         func(b []byte) string { return `"` + strings.ReplaceAll(fmt.Sprintf(" % x", b), " ", `\x`) + `"` },
	"base64":          base64.StdEncoding.EncodeToString,
	"base64 for URLs": base64.RawURLEncoding.EncodeToString,
	"hexdump -C":      func(b []byte) string { return hex.Dump(b) + fmt.Sprintf("%08x\n", len(b)) },
	"xxd":             func(b []byte) string { return dump(b, "%08x: ", "", 2) },
	"tcpdump -X": func(b []byte) string {
		return "12:00:00.1 IP a.1 > b.443: Flags [P.]\n" + dump(b, "\t0x%04x:  ", "", 2)
	},
	"openssl -debug": func(b []byte) string { return "write to 0x1 [0x2] (9 bytes => 9 (0x9))\n" + dump(b, "%04x - ", "-", 1) },
	"openssl -msg": func(b []byte) string {
		return ">>> TLS 1.3, Handshake [length 0200], ClientHello\n    " + fmt.Sprintf("% x", b)
	},
	"od -A x -t x1z":      func(b []byte) string { return dump(b, "%06x ", "", 1) + fmt.Sprintf("%06x\n", len(b)) },
	"hexdump on one line": func(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", b), "\n", " ") },
}

// dump writes lines of 16 bytes in groups, and their text.
func dump(b []byte, offset, middle string, group int) string {
	var s strings.Builder
	for at := 0; at < len(b); at += 16 {
		line := b[at:min(len(b), at+16)]
		var groups []string
		for i := 0; i < len(line); i += group {
			groups = append(groups, hex.EncodeToString(line[i:min(len(line), i+group)]))
		}
		digits := strings.Join(groups, " ")
		if middle != "" && len(line) > 8 {
			digits = digits[:23] + middle + digits[24:]
		}
		text := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '.'
			}
			return r
		}, string(line))
		fmt.Fprintf(&s, offset+"%-*s   %s\n", at, 16*2+16/group, digits, text)
	}
	return s.String()
}

// What tools write is read as the bytes that they were given.
func TestHelloText(t *testing.T) {
	t.Parallel()
	hello := hellotest.Hello(t, "abcd.ef.test", "h2")
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				sent := bytes.Clone(hello[:rapid.IntRange(1, len(hello)).Draw(t, "length")])
				for range rapid.IntRange(0, 9).Draw(t, "changes") {
					sent[rapid.IntRange(0, len(sent)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
				}
				sent[0] = 0x16
				if strings.Contains(name, "base64") && len(sent)%3 == 0 && hexOnly(write(sent)) {
					t.Skip("ambiguous")
				}
				if got, err := bytesOfText(write(sent)); err != nil || !bytes.Equal(got, sent) {
					t.Fatalf("%v\n%x of\n%s want\n%x", err, got, write(sent), sent)
				}
			})
		})
	}
}

func hexOnly(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func TestHelloTextOfMessagesAndPackets(t *testing.T) {
	t.Parallel()
	hello := hellotest.Hello(t, "a.test")
	want := append([]byte{22, 3, 1}, hello[3:]...)
	ip := append([]byte{0x45, 0, 1, 2, 0, 0, 0x40, 0, 64, 6, 1, 2, 127, 0, 0, 1, 127, 0, 0, 1}, make([]byte, 20)...)
	for name, text := range map[string]string{
		"a message": hex.EncodeToString(hello[5:]),
		"a packet":  hex.EncodeToString(append(ip, hello...)),
	} {
		if got, err := bytesOfText(text); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	for _, text := range []string{"", " \n", "a.test", "16 03 0", "=", "ä", "0000 - zz"} {
		if got, err := bytesOfText(text); err == nil {
			t.Errorf("%q: %x", text, got)
		}
	}
}

func FuzzHelloText(f *testing.F) {
	for _, write := range writers {
		f.Add(write([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01abcdefghijk")))
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := bytesOfText(text)
		if (err == nil) != (len(b) > 0) || len(b) > len(text)+5 {
			t.Errorf("%q: %x, %v", text, b, err)
		}
	})
}
