// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// directive is the handler's name in a Caddyfile.
const directive = "passthrough_backend"

func init() {
	httpcaddyfile.RegisterHandlerDirective(directive, func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		b := new(Handler)
		return b, b.UnmarshalCaddyfile(h.Dispenser)
	})
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.Before, "reverse_proxy")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	passthrough_backend <name> {
//		tls [<servers…>] {
//			server_name <text>
//			…
//		}
//		forwarded_for {
//			header <name>
//			except <networks…>
//			if_none
//		}
//		original_to {
//			…
//		}
//		server_header <name>
//		retry_on <failures and statuses…>
//		close_server
//		close_client
//	}
//
// For the words of tls see checks.TLS.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive's name
	written := options.NewRecorder(d)
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	h.Backend = name
	err = options.Table{
		"tls":           options.Repeatable(h.parseTLS),
		"forwarded_for": options.Optional(&h.ForwardedFor, forwardedOption),
		"original_to":   options.Optional(&h.OriginalTo, forwardedOption),
		"server_header": options.Text(&h.ServerHeader),
		"retry_on":      options.Texts(&h.RetryOn),
		"close_server":  options.Flag(&h.CloseServer),
		"close_client":  options.Flag(&h.CloseClient),
	}.ParseBlock(d)
	h.Origin = written.Origin()
	return err
}

func forwardedOption(f *ForwardedFor) options.Option {
	return options.Once(options.Table{
		"header":  options.Text(&f.Header),
		"except":  options.Texts(&f.Except),
		"if_none": options.Flag(&f.IfNone),
	}.ParseBlock)
}

// parseTLS parses TLS options for the servers named on the line, or for all others if it names
// none.
func (h *Handler) parseTLS(d *caddyfile.Dispenser) error {
	servers := d.RemainingArgs()
	if len(servers) == 0 {
		servers = []string{anyServer}
	}
	t := new(checks.TLS)
	if err := t.Options().ParseBlock(d); err != nil {
		return err
	}
	if h.TLS == nil {
		h.TLS = make(map[string]*checks.TLS)
	}
	for _, name := range servers {
		if h.TLS[name] != nil {
			return d.WrapErr(fmt.Errorf("tls: server %q has one already", name))
		}
		h.TLS[name] = t
	}
	return nil
}

// Interface guard
var _ caddyfile.Unmarshaler = (*Handler)(nil)
