// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
)

var errHelloText = errors.New("expected a ClientHello in hexadecimal, as a hex dump, or in base64")

// bytesOfText returns what a client sends, of a text that a user has pasted: hexadecimal digits,
// the hex dump of a tool, or base64. A ClientHello without its record gets one; of a packet, only
// the TLS record is left.
func bytesOfText(text string) ([]byte, error) {
	b, err := decodeText(text)
	switch {
	case err != nil:
		return nil, err
	case len(b) == 0:
		return nil, errHelloText
	}
	return asRecord(b), nil
}

func decodeText(text string) ([]byte, error) {
	lines := hexLines(text)
	if len(lines) > 0 && isDump(lines[0]) {
		return decodeDump(lines)
	}
	compact := separators.Replace(strings.Join(lines, ""))
	if b, err := hex.DecodeString(compact); err == nil {
		return b, nil
	}
	compact = strings.TrimRight(urlSafe.Replace(strings.Join(strings.Fields(text), "")), "=")
	b, err := base64.RawStdEncoding.DecodeString(compact)
	if err != nil {
		return nil, errHelloText
	}
	return b, nil
}

var (
	separators = strings.NewReplacer(" ", "", "\t", "", ":", "", ",", "", `"`, "", "0x", "", `\x`, "")
	urlSafe    = strings.NewReplacer("-", "+", "_", "/")
)

// hexLines returns the lines without those that only describe: headings of openssl, and tcpdump's
// line about a packet.
func hexLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, ">>>") || strings.HasPrefix(line, "<<<") || strings.HasPrefix(line, "write to") || strings.Contains(line, " IP ") || strings.Contains(line, " IP6 ") {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// offset matches the beginning of a line of a hex dump.
var offset = regexp.MustCompile(`^(?:0x)?([0-9a-fA-F]{4,8})(?::| -| )\s*`)

// endOffset is the last line of some hex dumps: the number of bytes.
var endOffset = regexp.MustCompile(`^[0-9a-fA-F]{6,8}$`)

// isDump reports whether a line is the first one of a hex dump: at offset 0, at which no record
// begins.
func isDump(line string) bool {
	at := offset.FindStringSubmatch(line)
	return at != nil && strings.Trim(at[1], "0") == ""
}

// perLine is the number of bytes in the lines of a hex dump, before their text.
const perLine = 16

// hexGroups are the bytes of a line: the text follows after more space than there is between them,
// or after the last one.
var hexGroups = regexp.MustCompile(`^(?:[0-9a-fA-F]{2})+(?:(?: {1,2}|-| - )(?:[0-9a-fA-F]{2})+)*`)

func decodeDump(lines []string) (b []byte, err error) {
	for i, line := range lines {
		if i > 0 && i == len(lines)-1 && endOffset.MatchString(line) {
			break
		}
		at := offset.FindString(line)
		digits := hexGroups.FindString(line[len(at):])
		digits = strings.NewReplacer(" ", "", "-", "").Replace(digits)
		digits = digits[:min(len(digits), 2*perLine)]
		part, err := hex.DecodeString(digits)
		if at == "" || err != nil {
			return nil, errHelloText
		}
		b = append(b, part...)
	}
	return b, nil
}

// handshake is the type of a TLS record (RFC 8446, section 5.1), clientHello that of its message.
const (
	handshake   = 22
	clientHello = 1
)

// asRecord returns the TLS record of bytes that are a handshake message, or an IP packet with one;
// others as they are.
func asRecord(b []byte) []byte {
	switch {
	case len(b) > 4 && b[0] == clientHello && int(b[1])<<16|int(b[2])<<8|int(b[3]) == len(b)-4:
		return append([]byte{handshake, 3, 1, byte(len(b) >> 8), byte(len(b))}, b...)
	case b[0]>>4 == 4 || b[0]>>4 == 6:
		for at := 20; at+5 < len(b); at++ {
			if b[at] == handshake && b[at+1] == 3 && b[at+2] <= 4 && b[at+5] == clientHello {
				return b[at:]
			}
		}
	}
	return b
}
