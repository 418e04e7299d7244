// SPDX-License-Identifier: Apache-2.0

package httpmonitor

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// directive is the handler's name in a Caddyfile.
const directive = "passthrough_monitor"

func init() {
	// A handler directive would parse a target as a matcher.
	httpcaddyfile.RegisterDirective(directive, func(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
		m := new(Handler)
		if err := m.UnmarshalCaddyfile(h.Dispenser); err != nil {
			return nil, err
		}
		return h.NewRoute(nil, m), nil
	})
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.Before, "redir")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	passthrough_monitor <uri> {
//		fail_if     <fetch> [-i] [-m <method>] [-f <file>…] [--] [<value…>]
//		fail_unless <fetch> [-i] [-m <method>] [-f <file>…] [--] [<value…>]
//	}
//
// The arguments are those of an ACL after its name in haproxy.cfg, such as "nbsrv(web) lt 1". The
// answer is 503 if one line applies.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive's name
	uri, err := options.Arg(d)
	if err != nil {
		return err
	}
	h.URI = uri
	return options.Table{
		"fail_if":     options.Repeatable(func(d *caddyfile.Dispenser) error { return h.add(d, false) }),
		"fail_unless": options.Repeatable(func(d *caddyfile.Dispenser) error { return h.add(d, true) }),
	}.ParseBlock(d)
}

func (h *Handler) add(d *caddyfile.Dispenser, unless bool) error {
	c, err := sample.ParseCriterion(d.RemainingArgs())
	if err != nil {
		return d.WrapErr(err)
	}
	h.Fail = append(h.Fail, &sample.Condition{Any: [][]sample.Term{{{Any: []sample.Criterion{c}}}}, Unless: unless})
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*Handler)(nil)
