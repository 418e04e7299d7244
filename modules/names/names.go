// SPDX-License-Identifier: Apache-2.0

// Package names matches server names against patterns. There are four kinds:
//
//	www.example.com   that name
//	*.example.com     one label and example.com, as in certificates and everywhere in Caddy
//	.example.com      at least one label and example.com, as HAProxy's "-m end .example.com"
//	+.example.com     example.com itself, and what .example.com matches, as nginx's .example.com
//
// A [Table] holds any number of patterns, each with the number of a rule, and gives the least
// number for a name at a cost that depends on the labels of the name alone. [ReadList] and
// [ReadMap] read patterns from files. Names are compared in lower case and without one trailing
// dot. There are no regular expressions, and nothing is converted to or from Unicode: a pattern,
// like a name on the wire, has the xn-- form.
package names

// Normalize appends name to dst in the form in which a [Table] looks names up: in lower case, as
// far as ASCII has one, and without one trailing dot.
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
