// SPDX-License-Identifier: Apache-2.0

package l4acl

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// UnmarshalCaddyfile sets up the matcher. Each acl line of a matcher set adds a term, as does each
// line of its block. Syntax:
//
//	acl [not] <fetch> [-i] [-m <method>] [-f <file>…] [--] [<value…>]
//	acl {
//		[not] <fetch> [-i] [-m <method>] [-f <file>…] [--] [<value…>]
//	}
//
// The words after not are those after an ACL's name in haproxy.cfg.
func (m *Matcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	for d.Next() { // on the matcher's name
		words := d.RemainingArgs()
		if len(words) > 0 {
			if err := m.add(d, words); err != nil {
				return err
			}
		}
		block := false
		for nesting := d.Nesting(); d.NextBlock(nesting); {
			block = true
			if err := m.add(d, append([]string{d.Val()}, d.RemainingArgs()...)); err != nil {
				return err
			}
		}
		if len(words) == 0 && !block {
			return d.Err("acl: expected [not] FETCH [-i] [-m METHOD] [-f FILE] [--] [VALUE…], such as: acl req.ssl_sni -i -m end .example.com")
		}
	}
	return nil
}

// add parses the words of a term and adds it.
func (m *Matcher) add(d *caddyfile.Dispenser, words []string) error {
	var t sample.Term
	if words[0] == "not" {
		t.Not, words = true, words[1:]
	}
	if len(words) == 0 {
		return d.Err("acl: not: expected FETCH [-i] [-m METHOD] [-f FILE] [--] [VALUE…] after it")
	}
	c, err := sample.ParseCriterion(words)
	if err == nil {
		_, err = WithoutFiles().Criterion(c)
	}
	if err != nil {
		return d.Errf("acl: %w", err)
	}
	t.Any = []sample.Criterion{c}
	m.Terms = append(m.Terms, t)
	return nil
}

// WithoutFiles returns a loader for which every file exists and is empty. It validates expressions
// in a Caddyfile, whose files may be on another system.
func WithoutFiles() *sample.Loader {
	return &sample.Loader{Open: func(string) ([]byte, error) { return nil, nil }}
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Matcher)(nil)
