// SPDX-License-Identifier: Apache-2.0

// Package names matches server names against patterns. There are four kinds:
//
//	www.example.com   that name
//	*.example.com     one label and example.com, as in certificates and everywhere in Caddy
//	.example.com      at least one label and example.com, as HAProxy's "-m end .example.com"
//	+.example.com     example.com itself, and what .example.com matches, as nginx's .example.com
//
// A [Table] holds any number of patterns, each with a rule number, and finds the lowest rule that
// matches a name. The cost of a lookup depends only on the number of labels in the name. [ReadList]
// and [ReadMap] read patterns from files. Names are compared in lower case and without one trailing
// dot. Regular expressions are not supported, and nothing is converted to or from Unicode: an
// internationalized name is written in its xn-- form, as on the wire.
package names

// Normalize appends name to dst in the form in which a [Table] looks names up: ASCII letters in
// lower case, and without one trailing dot.
func Normalize(dst, name []byte) []byte {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
