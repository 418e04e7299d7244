// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"reflect"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// directive is the word in a Caddyfile.
const directive = "passthrough"

func init() {
	httpcaddyfile.RegisterDirective(directive, parseDirective)
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.Before, "redir")
}

// parseDirective parses the site directive. Syntax:
//
//	passthrough <name…> [<address…>] {
//		<option of a site> …
//		<option of the handler layer4.handlers.passthrough> …
//	}
//	passthrough {
//		<option of the handler layer4.handlers.passthrough, but not of a backend> …
//	}
//	passthrough
//
// All directives of the site blocks of an http server make one listener wrapper; for the options
// of a site see Site.UnmarshalCaddyfile. The last form, without anything, is the handler
// http.handlers.passthrough_http, for site blocks of the HTTP port.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // consume the directive's name
	block, ok := siteBlockOf(h)
	if !ok {
		return nil, h.Errf("%s: this version of Caddy does not show the addresses of a site block: expected the wrapper in the global option servers, with listener_wrappers", directive)
	}
	if isBare(h) {
		return parseBare(h, block)
	}
	switch {
	case h.IsNamedRoute(), isNested(h):
		return nil, h.Errf("%s: expected it directly in a site block, and not in a route, handle or other directive: the TLS server name decides, before there is a request", directive)
	case len(block.addresses) == 0:
		return nil, h.Errf("%s: the block is one of the HTTP port, where there is no TLS server name: expected it in a block of the HTTPS port, such as :443 { … }; for redirects and ACME challenges of such names write %[1]s without names here", directive)
	}
	g, err := adaptationOf(h).group(h, block)
	if err != nil {
		return nil, err
	}
	if err := g.parse(h); err != nil {
		return nil, err
	}
	return g.place(h)
}

// isBare reports whether the directive is a word alone.
func isBare(h httpcaddyfile.Helper) bool {
	d := *h.Dispenser
	return !d.NextArg() && !d.NextBlock(0)
}

// parseBare parses the directive without arguments.
func parseBare(h httpcaddyfile.Helper, block siteBlock) ([]httpcaddyfile.ConfigValue, error) {
	if len(block.http) == 0 && !h.IsNamedRoute() {
		return nil, h.Errf("%s: no name: expected %[1]s NAME... ADDRESS..., such as %[1]s git.example.com 10.0.0.5:443; without names it belongs in a block of the HTTP port, such as http:// { %[1]s }", directive)
	}
	info, err := caddy.GetModule("http.handlers.passthrough_http")
	if err != nil {
		return nil, h.WrapErr(err)
	}
	return h.NewRoute(nil, info.New().(caddyhttp.MiddlewareHandler)), nil
}

// isNested reports whether the directive is in the block of another one: Caddy gives such a copy of
// the block's state.
func isNested(h httpcaddyfile.Helper) bool {
	return reflect.ValueOf(h.State).Pointer() != reflect.ValueOf(h.BlockState).Pointer()
}

// parse parses a directive that is not bare.
func (g *group) parse(h httpcaddyfile.Helper) error {
	w := g.wrapper
	own := w.OwnOptions().OnceIn(g.given)
	defer w.SaveLines()
	if h.CountRemainingArgs() > 0 {
		return w.parseSite(h.Dispenser, own)
	}
	return own.With(namelessAdvice()).With(advice()).With(balancer.BackendAdvice()).ParseBlock(h.Dispenser)
}

// namelessAdvice returns hints for the words of a site in a block of the frontend's options.
func namelessAdvice() options.Advice {
	const nameless = "the block has no names, so its options are those of all names: "
	words := append(new(balancer.Backend).Options().Names(), "redirect", "acme_to")
	return make(options.Advice).Add(nameless+"expected default_backend NAME, or names before the block", "backend").
		Add(nameless+"expected names before the block", words...)
}
