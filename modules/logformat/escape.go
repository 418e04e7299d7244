// SPDX-License-Identifier: Apache-2.0

package logformat

// An escapeSet is a set of bytes that are written as # and two hexadecimal digits.
type escapeSet [256]bool

// valueEscapes are the bytes that are not printable ASCII. HAProxy's manual promises it, although
// HAProxy writes them as they are: a line must stay one line, whatever a client sends.
// capturedEscapes are the bytes that HAProxy escapes in what rules have captured.
var valueEscapes, capturedEscapes = escapes(""), escapes("\"#{|}")

func escapes(more string) (e escapeSet) {
	for c := range e {
		e[c] = c < ' ' || c > '~'
	}
	for _, c := range []byte(more) {
		e[c] = true
	}
	return e
}

// appendQuoted appends a value, between quotes if it is to have them.
func appendQuoted(b, v []byte, f flags, e *escapeSet) []byte {
	switch {
	case f&quote != 0:
		return append(appendEscaped(append(b, '"'), v, f, e), '"')
	case len(v) == 0:
		return append(b, '-')
	}
	return appendEscaped(b, v, f, e)
}

// appendEscaped appends a value. With the flag E, the characters ", \ and ] have a backslash.
func appendEscaped[T string | []byte](b []byte, v T, f flags, e *escapeSet) []byte {
	for i := range len(v) {
		c := v[i]
		switch {
		case e[c]:
			b = append(b, '#', upper[c>>4], upper[c&15])
		case f&escape != 0 && (c == '"' || c == '\\' || c == ']'):
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return b
}

func appendEscapedString(b []byte, s string, f flags) []byte {
	return appendEscaped(b, s, f, &valueEscapes)
}
