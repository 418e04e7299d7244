// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Provision reads the files and compiles the fields.
func (m *Matcher) Provision(caddy.Context) (err error) {
	if m.names, err = newNameCondition(m); err != nil {
		return err
	}
	for _, words := range m.Version {
		r, err := parseVersions(words)
		if err != nil {
			return fmt.Errorf("version: %w", err)
		}
		m.versions = append(m.versions, r)
	}
	for _, word := range m.JA4 {
		p, err := parseJA4(word)
		if err != nil {
			return fmt.Errorf("ja4: %w", err)
		}
		m.ja4 = append(m.ja4, p)
	}
	if err := validateAll("ja3", m.JA3, checkJA3); err != nil {
		return err
	}
	return validateAll("alpn", m.ALPN, options.ValidateProtocol)
}

func validateAll(name string, words []string, check func(string) error) error {
	for _, word := range words {
		if err := check(word); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// UnmarshalCaddyfile sets up the matcher. Syntax:
//
//	client_hello {
//		sni <pattern…>
//		sni_file <file…>
//		sni_regexp <expression…>
//		no_sni
//		alpn <protocol…>
//		version <version|range…>
//		ech
//		post_quantum
//		ja3 <fingerprint…>
//		ja4 <fingerprint…>
//	}
//	client_hello <one of these>
func (m *Matcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the matcher's name
	return m.Options().ParseLine(d)
}

// optionNames are the words of the matcher's block, none of which can be an argument.
var optionNames = []string{"sni", "sni_file", "sni_regexp", "no_sni", "alpn", "version", "ech", "post_quantum", "ja3", "ja4"}

// Options returns the options of the matcher's block.
func (m *Matcher) Options() options.Table {
	return options.Table{
		"sni":          list(&m.SNI, func(pattern string) error { _, err := names.Validate(pattern); return err }),
		"sni_file":     list(&m.SNIFile, func(string) error { return nil }),
		"sni_regexp":   list(&m.SNIRegexp, func(expression string) error { _, err := compile(expression); return err }),
		"no_sni":       options.Flag(&m.NoSNI),
		"alpn":         list(&m.ALPN, options.ValidateProtocol),
		"version":      list(&m.Version, func(words string) error { _, err := parseVersions(words); return err }),
		"ech":          options.Flag(&m.ECH),
		"post_quantum": options.Flag(&m.PostQuantum),
		"ja3":          list(&m.JA3, checkJA3),
		"ja4":          list(&m.JA4, func(word string) error { _, err := parseJA4(word); return err }),
	}
}

// list returns an option that takes the rest of the line, at least one word.
func list(p *[]string, check func(string) error) options.Option {
	return options.Once(func(d *caddyfile.Dispenser) error {
		name := d.Val()
		*p = d.RemainingArgs()
		if len(*p) == 0 {
			return d.Errf("%q needs at least one argument", name)
		}
		for _, word := range *p {
			if slices.Contains(optionNames, word) {
				return d.Errf("%s takes the rest of its line: expected %s on a line of its own, in a block", name, word)
			}
			if err := check(word); err != nil {
				return d.Errf("%s: %w", name, err)
			}
		}
		return nil
	})
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Matcher)(nil)
	_ caddyfile.Unmarshaler = (*Matcher)(nil)
)
