// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// directive is the handler's name in a Caddyfile.
const directive = "passthrough_status"

func init() {
	// A handler directive would parse the path as a matcher.
	httpcaddyfile.RegisterDirective(directive, func(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
		m := new(Handler)
		if err := m.UnmarshalCaddyfile(h.Dispenser); err != nil {
			return nil, err
		}
		return h.NewRoute(nil, m), nil
	})
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.Before, "respond")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	passthrough_status [<path>] {
//		title       <text>
//		node        <name>
//		description <text>
//		hide_version
//		allow_control
//		refresh     <duration>
//		scope       <frontend or backend…>
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive's name
	if d.NextArg() {
		h.Path = d.Val()
	}
	return options.Table{
		"title":         options.Text(&h.Title),
		"node":          options.Text(&h.Node),
		"description":   options.Text(&h.Description),
		"hide_version":  options.Flag(&h.HideVersion),
		"allow_control": options.Flag(&h.AllowControl),
		"refresh":       options.Duration(&h.Refresh),
		"scope":         options.Texts(&h.Scope),
	}.ParseBlock(d)
}

// Interface guard
var _ caddyfile.Unmarshaler = (*Handler)(nil)
