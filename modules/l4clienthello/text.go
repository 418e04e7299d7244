// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// String returns the matcher as a Caddyfile has it, on one line. Of long lists it has the first
// words.
func (m *Matcher) String() string {
	var all []string
	for _, field := range []struct {
		name  string
		words []string
	}{
		{"sni", m.SNI},
		{"sni_file", m.SNIFile},
		{"sni_regexp", m.SNIRegexp},
		{"no_sni", flag(m.NoSNI)},
		{"alpn", m.ALPN},
		{"version", m.Version},
		{"ech", flag(m.ECH)},
		{"post_quantum", flag(m.PostQuantum)},
		{"ja3", m.JA3},
		{"ja4", m.JA4},
	} {
		if len(field.words) > 0 {
			all = append(all, strings.TrimSpace(field.name+" "+strings.Join(printable.Shorten(field.words), " ")))
		}
	}
	if len(all) == 0 {
		return "client_hello"
	}
	return strings.Join(all, ", ")
}

func flag(set bool) []string {
	if set {
		return []string{""}
	}
	return nil
}

// Compared returns what an inspection has of the fields that the matcher compares.
func (m *Matcher) Compared(i *clienthello.Inspection) (facts []string) {
	if i == nil || i.Hello() == nil {
		return []string{"no ClientHello"}
	}
	h := i.Hello()
	add := func(asked bool, format string, values ...any) {
		if asked {
			facts = append(facts, fmt.Sprintf(format, values...))
		}
	}
	add(m.asksForName(), "%s", m.comparedName(h))
	add(len(m.ALPN) > 0, "alpn %s", protocols(h))
	add(len(m.Version) > 0, "version %s", clienthello.VersionName(h.Version()))
	add(m.ECH, "ech %v", h.ECH())
	add(m.PostQuantum, "post_quantum %v", h.PostQuantum())
	if len(m.JA3) > 0 {
		facts = append(facts, "ja3 "+i.JA3())
	}
	if len(m.ja4) > 0 {
		facts = append(facts, "ja4 "+i.JA4())
	}
	return facts
}

// comparedName returns the server name, and the pattern that it matches.
func (m *Matcher) comparedName(h *clienthello.Hello) string {
	if !h.HasServerName() {
		return "no name"
	}
	name := h.ServerName()
	if pattern := m.names.table.Pattern(name); pattern != "" && pattern != string(name) {
		return fmt.Sprintf("%s is %s", name, pattern)
	}
	return string(name)
}
