// SPDX-License-Identifier: Apache-2.0

package names

import (
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	label := strings.Repeat("a", 63)
	name := strings.Join([]string{label, label, label, label[:61]}, ".") // 253 characters
	tests := map[string]string{
		"www.example.com":       "www.example.com",
		"WWW.Example.COM":       "www.example.com",
		"www.example.com.":      "www.example.com",
		"localhost":             "localhost",
		"a":                     "a",
		"*.example.com":         "*.example.com",
		"*.Example.com.":        "*.example.com",
		"*.com":                 "*.com",
		".example.com":          ".example.com",
		".Example.com.":         ".example.com",
		".com":                  ".com",
		"_dmarc.example.com":    "_dmarc.example.com",
		"a_b.example.com":       "a_b.example.com",
		"-a-.example.com":       "-a-.example.com",
		"xn--bcher-kva.example": "xn--bcher-kva.example",
		"192.0.2.1":             "192.0.2.1",
		label + ".example":      label + ".example",
		name:                    name,
		name + ".":              name,
		"*." + name[2:]:         "*." + name[2:],
		"." + name[2:]:          "." + name[2:],
	}
	for pattern, want := range tests {
		got, err := Validate(pattern)
		if err != nil || got != want {
			t.Errorf("Validate(%q) = %q, %v; want %q", pattern, got, err, want)
		}
		again, err := Validate(got)
		if err != nil || again != got {
			t.Errorf("Validate(%q) = %q, %v; want the same", got, again, err)
		}
	}
}

func TestCheckErrors(t *testing.T) {
	label := strings.Repeat("a", 63)
	name := strings.Join([]string{label, label, label, label[:61]}, ".")
	tests := map[string]string{
		"":                         "empty",
		"*":                        `"*" alone`,
		"*.":                       `"*" alone`,
		".":                        `"." alone`,
		"..":                       "empty label",
		"*..":                      "empty label",
		"a..b":                     "empty label",
		"a.b..":                    "empty label",
		"..example.com":            "empty label",
		"*..example.com":           "empty label",
		"a*.b":                     `"*" within the name`,
		"*a.b":                     `"*" within the name`,
		"a.*":                      `"*" within the name`,
		"a.*.b":                    `"*" within the name`,
		"*.*.b":                    `"*" within the name`,
		".*.b":                     `"*" within the name`,
		"**.b":                     `"*" within the name`,
		label + "a.b":              "label of 64 characters",
		name + "a":                 "from 254 characters",
		"*." + name[1:]:            "from 254 characters",
		"." + name[1:]:             "from 254 characters",
		"a b":                      "space",
		" a":                       "space",
		"a\n":                      "space",
		"a.example b.example":      "space",
		"example.com:443":          "port",
		"[::1]:443":                "port or IPv6",
		"::1":                      "port or IPv6",
		"https://example.com":      "URL",
		"https://example.com:443/": "URL",
		"example.com/path":         "URL or path",
		"b\u00fccher.example":      "xn--",
		"a\xff.example":            "xn--",
		"a\x00.example":            `'\x00'`,
		"a,b":                      `','`,
		"~^www":                    `'~'`,
		"(a|b).example":            `'('`,
		"user@example":             `'@'`,
		"%65":                      `'%'`,
	}
	for pattern, want := range tests {
		got, err := Validate(pattern)
		if got != "" || !errors.Is(err, ErrPattern) || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate(%q) = %q, %v; want an error with %q", pattern, got, err, want)
		}
		var table Table
		if table.Add(pattern, Target{}) == nil {
			t.Errorf("Add(%q) = nil, want an error", pattern)
		}
		if _, ok := table.Hides(pattern); ok {
			t.Errorf("Hides(%q)", pattern)
		}
	}
}

// A table keeps the given string of a pattern that is in normal form.
func TestCheckDoesNotCopy(t *testing.T) {
	for _, pattern := range []string{"www.example.com", "*.example.com", ".example.com"} {
		if got := testing.AllocsPerRun(10, func() { Validate(pattern) }); got != 0 {
			t.Errorf("Validate(%q): %v allocations", pattern, got)
		}
	}
}

func TestNormalize(t *testing.T) {
	for name, want := range map[string]string{
		"": "", ".": "", "A": "a", "WWW.Example.com.": "www.example.com", "a..": "a.", "\u00c4\xff": "\u00c4\xff", "@[`{": "@[`{",
	} {
		if got := string(Normalize([]byte("x"), []byte(name))); got != "x"+want {
			t.Errorf("Normalize(%q) = %q, want %q", name, got, "x"+want)
		}
	}
}
