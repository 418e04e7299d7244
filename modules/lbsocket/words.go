// SPDX-License-Identifier: Apache-2.0

package lbsocket

import "strings"

// cut returns the first command of a line, up to a semicolon that no backslash precedes, and the
// rest. more reports whether there was a semicolon.
func cut(line string) (first, rest string, more bool) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case ';':
			return line[:i], line[i+1:], true
		}
	}
	return line, "", false
}

// split returns the words of a command. Spaces and tabs separate them, unless a backslash precedes;
// a backslash stands for the byte after it. There are no quotes.
func split(line string) (words []string) {
	var b strings.Builder
	in := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
			in = true
		case c == '\\':
		case c != ' ' && c != '\t':
			b.WriteByte(c)
			in = true
		case in:
			words = append(words, b.String())
			b.Reset()
			in = false
		}
	}
	if in {
		words = append(words, b.String())
	}
	return words
}

// payloadMark announces that lines follow, up to an empty one.
const payloadMark = "<<"

// cutPayload removes the mark from the end of a command. The line pattern ends the payload instead
// of an empty line: <<PATTERN, as since HAProxy 2.9.
func cutPayload(line string) (rest, pattern string, follows bool) {
	begin := strings.LastIndexAny(line, " \t") + 1
	pattern, follows = strings.CutPrefix(line[begin:], payloadMark)
	if !follows || len(pattern) > maxPattern {
		return line, "", false
	}
	return line[:begin], pattern, true
}

// maxPattern is the length of the longest pattern, as in HAProxy.
const maxPattern = 7
