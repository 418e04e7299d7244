// SPDX-License-Identifier: Apache-2.0

// Package l4clienthello is the matcher layer4.matchers.client_hello. It looks at
// the ClientHello that a connection begins with, which is parsed once per
// connection however many matchers ask. In a caddy-l4 route it works within
// that package's limits: a hello of at most 16 KiB, whole within the route's
// matching_timeout. In the rules of the passthrough handler there are none of
// these.
package l4clienthello

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

func init() {
	caddy.RegisterModule(new(Matcher))
}

// Matcher matches connections that begin with a TLS ClientHello. All fields
// that are given must match; without any, every ClientHello does.
//
// For a hello it sets {l4.client_hello.sni}, {l4.client_hello.alpn} (comma
// between the protocols) and {l4.client_hello.version} (such as 1.3).
type Matcher struct {
	// SNI are server names, one of which must be the hello's: www.example.com
	// as it stands; *.example.com for exactly one label, as in certificates;
	// .example.com for any number of labels before it, as HAProxy's -m end.
	// Upper and lower case and one trailing dot make no difference.
	SNI []string `json:"sni,omitempty"`

	// ALPN are protocols, one of which the hello must offer. Case matters
	// (RFC 7301).
	ALPN []string `json:"alpn,omitempty"`

	names names.Table
}

// CaddyModule returns the Caddy module information.
func (*Matcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "layer4.matchers.client_hello",
		New: func() caddy.Module { return new(Matcher) },
	}
}

// Provision builds the table of names and checks the protocols.
func (m *Matcher) Provision(caddy.Context) error {
	for i, pattern := range m.SNI {
		if err := m.names.Add(pattern, i); err != nil {
			return fmt.Errorf("sni: %w", err)
		}
	}
	for _, protocol := range m.ALPN {
		if err := checkProtocol(protocol); err != nil {
			return fmt.Errorf("alpn: %w", err)
		}
	}
	return nil
}

// NamesOnly reports whether nothing but the server name is looked at.
func (m *Matcher) NamesOnly() bool { return len(m.SNI) > 0 && len(m.ALPN) == 0 }

// MatchHello says whether the hello matches. It is safe for concurrent use.
func (m *Matcher) MatchHello(h *clienthello.Hello) bool {
	if len(m.SNI) > 0 {
		if _, ok := m.names.Lookup(h.ServerName()); !ok {
			return false
		}
	}
	return len(m.ALPN) == 0 || m.offersOne(h)
}

func (m *Matcher) offersOne(h *clienthello.Hello) bool {
	for protocol := range h.ALPN() {
		if slices.Contains(m.ALPN, string(protocol)) {
			return true
		}
	}
	return false
}

// Match says whether the connection begins with a hello that matches. While
// the hello is not whole it asks for more.
func (m *Matcher) Match(cx *layer4.Connection) (bool, error) {
	i := inspect(cx)
	switch i.Outcome() {
	case clienthello.Pending:
		return false, layer4.ErrConsumedAllPrefetchedBytes
	case clienthello.Found:
		return m.MatchHello(i.Hello()), nil
	default:
		return false, nil
	}
}

// UnmarshalCaddyfile sets up the matcher. Syntax:
//
//	client_hello {
//		sni <pattern…>
//		alpn <protocol…>
//	}
//	client_hello sni <pattern…>
//	client_hello alpn <protocol…>
func (m *Matcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the matcher's name
	return m.Options().ParseLine(d)
}

// Options are the words of the matcher's block.
func (m *Matcher) Options() options.Table {
	return options.Table{
		"sni":  list(&m.SNI, func(pattern string) error { _, err := names.Check(pattern); return err }),
		"alpn": list(&m.ALPN, checkProtocol),
	}
}

// list is an option that takes the rest of the line, at least one word.
func list(p *[]string, check func(string) error) options.Option {
	return options.Func(func(d *caddyfile.Dispenser) error {
		name := d.Val()
		*p = d.RemainingArgs()
		if len(*p) == 0 {
			return d.Errf("%q needs at least one argument", name)
		}
		for _, word := range *p {
			if word == "sni" || word == "alpn" {
				return d.Errf("%s takes the rest of its line: expected %s on a line of its own, in a block", name, word)
			}
			if err := check(word); err != nil {
				return d.Errf("%s: %w", name, err)
			}
		}
		return nil
	})
}

func checkProtocol(name string) error {
	if name == "" || len(name) > 255 || strings.ContainsAny(name, ", ") {
		return fmt.Errorf("%q: expected a protocol name such as h2 or http/1.1", name)
	}
	return nil
}

// Interface guards
var (
	_ caddy.Module          = (*Matcher)(nil)
	_ caddy.Provisioner     = (*Matcher)(nil)
	_ caddyfile.Unmarshaler = (*Matcher)(nil)
	_ layer4.ConnMatcher    = (*Matcher)(nil)
)
