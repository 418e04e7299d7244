// SPDX-License-Identifier: Apache-2.0

package syslogwriter

import (
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// UnmarshalCaddyfile sets up the writer. Syntax:
//
//	syslog <address> {
//	    format    local|rfc3164|rfc5424|priority|short|timed|iso|raw
//	    framing   legacy|octet-count
//	    facility  <name>
//	    tag       <text>
//	    hostname  <text>
//	    length    <bytes>
//	    level     <least> [<most>]
//	    sample    <ranges>:<size>
//	    buffer    <bytes>
//	}
func (w *Writer) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the writer's name
	var err error
	if w.Address, err = options.Arg(d); err != nil {
		return err
	}
	if d.NextArg() {
		return d.Errf("unexpected %q: expected syslog, one address, and a block of options", d.Val())
	}
	table := options.Table{
		"format":   options.Text(&w.Format),
		"framing":  options.Text(&w.Framing),
		"facility": options.Text(&w.Facility),
		"tag":      options.Text(&w.Tag),
		"hostname": options.Text(&w.Hostname),
		"length":   options.Int(&w.Length, minLength, maxLength),
		"sample":   options.Text(&w.Sample),
		"level": options.Once(func(d *caddyfile.Dispenser) (err error) {
			if w.Level, err = options.Arg(d); err == nil && d.NextArg() {
				w.MinLevel = d.Val()
			}
			return err
		}),
		"buffer": options.Bytes(&w.Buffer),
	}
	begin := *d
	if err := table.ParseBlock(d); err != nil {
		return err
	}
	checked := *w
	if err := checked.provision(); err != nil {
		return options.Wrap(&begin, fmt.Errorf("syslog: %w", err))
	}
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*Writer)(nil)
