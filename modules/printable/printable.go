// SPDX-License-Identifier: Apache-2.0

// Package printable writes bytes that may come from a client or a server as text for logs and
// answers: on one line, without control characters, valid UTF-8, and so that the bytes can be
// recovered. A byte that is not part of a printable character is \xNN, with two lower-case
// hexadecimal digits, and the backslash is \x5c, so that each backslash begins an escape.
package printable

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns the text with escapes. Text without anything to escape is returned as it is, which
// costs a look at each byte and no memory.
func Text(text string) string {
	for i := range len(text) {
		if isEscaped(text[i]) {
			return escaped(text, i, `\`)
		}
	}
	return text
}

// Message returns a message with escapes, but not of backslashes: messages quote the texts that
// they repeat.
func Message(text string) string {
	for i := range len(text) {
		if text[i] != '\\' && isEscaped(text[i]) {
			return escaped(text, i, "")
		}
	}
	return text
}

// isEscaped reports whether a byte needs an escape, or a closer look.
func isEscaped(c byte) bool { return c < ' ' || c > '~' || c == '\\' }

// escaped returns the text with escapes, also for printable characters that are listed. Up to an
// index it needs no escape.
func escaped(text string, from int, also string) string {
	b := append(make([]byte, 0, len(text)+32), text[:from]...)
	for rest := text[from:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		valid := r != utf8.RuneError || size > 1
		if valid && unicode.IsPrint(r) && !strings.ContainsRune(also, r) {
			b = append(b, rest[:size]...)
		} else {
			for _, c := range []byte(rest[:size]) {
				b = hex.AppendEncode(append(b, `\x`...), []byte{c})
			}
		}
		rest = rest[size:]
	}
	return string(b)
}

// Bytes returns the bytes that a text from [Text] stands for. A backslash that begins no escape
// stands for itself.
func Bytes(text string) []byte {
	b := make([]byte, 0, len(text))
	for {
		before, after, found := strings.Cut(text, `\x`)
		if b = append(b, before...); !found {
			return b
		}
		if len(after) >= 2 {
			if c, err := hex.DecodeString(after[:2]); err == nil {
				b, text = append(b, c...), after[2:]
				continue
			}
		}
		b, text = append(b, `\x`...), after
	}
}
