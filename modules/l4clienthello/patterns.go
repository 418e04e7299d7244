// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"fmt"
	"strings"
)

// versionNumbers maps words to version numbers of the protocol.
var versionNumbers = map[string]uint16{
	"ssl3": 0x0300,
	"1.0":  0x0301,
	"1.1":  0x0302,
	"1.2":  0x0303,
	"1.3":  0x0304,
}

// versionRange is an inclusive range of versions.
type versionRange struct {
	lowest, highest uint16
}

// parseVersions parses 1.2, 1.0-1.2, 1.2- or -1.1. A range without an upper end includes versions
// newer than TLS 1.3. No range includes numbers that are not versions of TLS.
func parseVersions(words string) (r versionRange, err error) {
	low, high, isRange := strings.Cut(words, "-")
	if !isRange {
		high = low
	}
	r = versionRange{0x0300, 0x03ff}
	var known bool
	if low != "" || !isRange {
		if r.lowest, known = versionNumbers[low]; !known {
			return r, wrongVersion(words)
		}
	}
	if high != "" {
		if r.highest, known = versionNumbers[high]; !known {
			return r, wrongVersion(words)
		}
	}
	if low+high == "" || r.lowest > r.highest {
		return r, wrongVersion(words)
	}
	return r, nil
}

func wrongVersion(words string) error {
	return fmt.Errorf("%q: expected ssl3, 1.0, 1.1, 1.2, 1.3 or a range such as 1.0-1.2, 1.2- or -1.1", words)
}

func (r versionRange) contains(version uint16) bool {
	return r.lowest <= version && version <= r.highest
}

// ja4Pattern holds the three parts of a JA4 fingerprint. An empty part matches any.
type ja4Pattern [3]string

// parseJA4 parses a fingerprint, whose parts may be *.
func parseJA4(word string) (p ja4Pattern, err error) {
	parts := strings.Split(word, "_")
	if len(parts) != len(p) || strings.Trim(word, "*_") == "" {
		return p, wrongJA4(word)
	}
	for i, part := range parts {
		if part == "*" {
			continue
		}
		if i == 0 && len(part) != 10 || i > 0 && !isHex(part, 12) {
			return p, wrongJA4(word)
		}
		p[i] = part
	}
	return p, nil
}

func wrongJA4(word string) error {
	return fmt.Errorf("%q: expected a JA4 fingerprint such as t13d1516h2_8daaf6152771_e5627efa2ab1, in which parts may be *", word)
}

func (p ja4Pattern) match(fingerprint string) bool {
	for i, want := range p {
		part, rest, _ := strings.Cut(fingerprint, "_")
		if want != "" && part != want || part == "" && i == 0 {
			return false
		}
		fingerprint = rest
	}
	return true
}

func checkJA3(word string) error {
	if !isHex(word, 32) {
		return fmt.Errorf("%q: expected a JA3 fingerprint, 32 hexadecimal digits in lower case", word)
	}
	return nil
}

func isHex(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}
