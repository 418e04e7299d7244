// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// fields maps the words of a Caddyfile to the fields for their patterns.
func (e *Expect) fields() map[string]*string {
	return map[string]*string{
		"string": &e.Text, "regexp": &e.Regexp, "hex": &e.Hex, "hex_regexp": &e.HexRegexp,
		"string_format": &e.TextFormat, "hex_format": &e.HexFormat, "status_matches": &e.StatusMatches,
	}
}

// parse parses [not] KIND PATTERN.
func (e *Expect) parse(d *caddyfile.Dispenser) error {
	word, err := options.Arg(d)
	if err != nil {
		return err
	}
	if word == "not" {
		e.Not = true
		if word, err = options.Arg(d); err != nil {
			return err
		}
	}
	if !slices.Contains(e.kinds(), word) {
		return d.Errf("expect: unknown word %q%s", word, options.Suggest(word, append(e.kinds(), "not")))
	}
	pattern, err := options.Arg(d)
	if err != nil {
		return err
	}
	switch word {
	case "status":
		e.Status = strings.Split(pattern, ",")
		return nil
	case "header":
		e.Header = &HeaderPattern{Name: pattern}
		return nil
	case "string":
		if pattern, err = options.Unescape(pattern); err != nil {
			return d.Errf("expect string: %w", err)
		}
	}
	*e.fields()[word] = pattern
	return nil
}

// parseExpect returns a parser for an expect step.
func parseExpect(http bool) func(*Step, *caddyfile.Dispenser) error {
	return func(s *Step, d *caddyfile.Dispenser) error {
		s.Expect = &Expect{http: http}
		if err := s.Expect.parse(d); err != nil {
			return err
		}
		table := s.Expect.Labels.options()
		table["min_recv"] = options.Int(&s.Expect.MinRecv, 1, maxReceived)
		table["comment"] = options.Text(&s.Comment)
		if s.Expect.Header != nil {
			s.Expect.Header.addOptions(table)
		}
		return table.ParseLine(d)
	}
}
