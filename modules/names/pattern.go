// SPDX-License-Identifier: Apache-2.0

package names

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxLabel = 63  // RFC 1035, section 2.3.4
	maxName  = 253 // the 255 bytes of RFC 1035 in dotted form
)

// ErrPattern is wrapped by the errors that [Check] and [Table.Add] return for an invalid pattern.
var ErrPattern = errors.New("invalid pattern")

// A kind is the prefix of a pattern, which decides how it matches.
type kind string

const (
	exact    kind = ""
	wildcard kind = "*."
	suffix   kind = "."
	domain   kind = "+."
)

// Validate returns the pattern in lower case and without one trailing dot, or an error that wraps
// [ErrPattern] and names the expected form. It rejects patterns that no server name can match, and
// likely mistakes such as a URL, a port, or a "*" within a label. It does not copy a pattern that
// is already in normal form.
func Validate(pattern string) (normalized string, err error) {
	_, normalized, err = parse(pattern)
	return normalized, err
}

// parse splits a pattern: the host is normalized[len(k):].
func parse(pattern string) (k kind, normalized string, err error) {
	if reason := misread(pattern); reason != "" {
		return "", "", invalid(pattern, reason)
	}
	normalized = normalize(pattern)
	switch {
	case strings.HasPrefix(normalized, string(wildcard)):
		k = wildcard
	case strings.HasPrefix(normalized, string(suffix)):
		k = suffix
	case strings.HasPrefix(normalized, string(domain)):
		k = domain
	}
	host := normalized[len(k):]
	if reason := wrongHost(host); reason != "" {
		return "", "", invalid(pattern, reason)
	}
	shortest := len(host)
	if k == wildcard || k == suffix {
		shortest += len("a.")
	}
	if shortest > maxName {
		reason := fmt.Sprintf("matches names from %d characters, expected at most %d", shortest, maxName)
		return "", "", invalid(pattern, reason)
	}
	return k, normalized, nil
}

// normalize returns a string in the form of [Normalize]. It does not copy a name that is already in
// normal form, as nearly all are.
func normalize(name string) string {
	if !strings.HasSuffix(name, ".") && !strings.ContainsFunc(name, isUpper) {
		return name
	}
	return string(Normalize(nil, []byte(name)))
}

func isUpper(c rune) bool { return 'A' <= c && c <= 'Z' }

func invalid(pattern, reason string) error {
	return fmt.Errorf("%w %q: %s", ErrPattern, pattern, reason)
}

// misread recognizes common mistakes, such as a URL, that deserve a better message than the one for
// an invalid character. It returns "" if it finds none.
func misread(pattern string) string {
	switch {
	case pattern == "":
		return `empty, expected a name such as "www.example.com"`
	case pattern == "*" || pattern == "*.":
		return `"*" alone, expected "*.example.com"; for all names, use a default`
	case pattern == "+" || pattern == "+.":
		return `"+" alone, expected "+.example.com"; for all names, use a default`
	case pattern == ".":
		return `"." alone, expected ".example.com"; for all names, use a default`
	case strings.ContainsAny(pattern, " \t\r\n"):
		return "space in a name, expected one name"
	case strings.Contains(pattern, "/"):
		return `URL or path, expected a name such as "www.example.com"`
	case strings.Contains(pattern, ":"):
		return "port or IPv6 address, expected a name only"
	default:
		return ""
	}
}

// wrongHost returns the first problem with the labels of a name, or "". Underscores and hyphens are
// allowed anywhere, since such names are in use.
func wrongHost(host string) string {
	for label := range strings.SplitSeq(host, ".") {
		switch {
		case label == "":
			return "empty label, expected labels with one dot between them"
		case strings.Contains(label, "*"):
			return `"*" within the name, expected it as the whole first label, as in "*.example.com"`
		case len(label) > maxLabel:
			return fmt.Sprintf("label of %d characters, expected at most %d", len(label), maxLabel)
		}
		for _, c := range label {
			switch {
			case c >= 0x80:
				return `character outside ASCII, expected the "xn--" form of the name`
			case !isNameByte(byte(c)):
				return fmt.Sprintf("character %q, expected letters, digits, hyphens, underscores and dots", c)
			}
		}
	}
	return ""
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
