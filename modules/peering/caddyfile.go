// SPDX-License-Identifier: Apache-2.0

package peering

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Options returns the options of a section's block. Syntax:
//
//	local <name>
//	bind  <address> …
//	peer  <name> <address>
func (s *Section) Options() options.Table {
	return options.Table{
		"local": options.Text(&s.Local),
		"bind":  options.Texts(&s.Bind),
		"peer":  options.Repeatable(s.parsePeer),
	}
}

func (s *Section) parsePeer(d *caddyfile.Dispenser) error {
	var p Peer
	if !d.Args(&p.Name, &p.Address) || d.NextArg() {
		return d.Errf("peer: expected a name and an address, such as peer node2 10.0.0.2:10000")
	}
	s.Peers = append(s.Peers, p)
	return nil
}

// ValidateWritten returns an error for a section of a Caddyfile that Provision would refuse.
func (s *Section) ValidateWritten() error {
	checked := *s
	if checked.Local == "" {
		checked.Local = "localhost"
	}
	return checked.validate()
}
