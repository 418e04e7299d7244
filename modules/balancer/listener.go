// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
)

// NotDurable returns the addresses, as they are written, that a frontend listens on and
// at which a reload loses connections. It is for the handler's Provision, whose context
// ctx is: which server a handler belongs to can be seen only then.
func NotDurable(ctx caddy.Context, name string) (listen []string) {
	all := listenOf(ctx, name)
	for _, l := range all {
		addr, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceAll(l, ""))
		if err == nil && !durable.Is(addr.Network) {
			listen = append(listen, l)
		}
	}
	return listen
}

// listenOf returns what the server listens on whose routes have the frontend.
func listenOf(ctx caddy.Context, name string) []string {
	if s, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok { // in a listener wrapper
		return s.Listen
	}
	app, _ := ctx.AppIfConfigured("layer4")
	if app == nil {
		return nil
	}
	for _, s := range app.(*layer4.App).Servers {
		for _, r := range s.Routes {
			for _, raw := range r.HandlersRaw { // until they have been provisioned
				var handler any
				if json.Unmarshal(raw, &handler) == nil && hasFrontend(handler, name) {
					return s.Listen
				}
			}
		}
	}
	return nil
}

// hasFrontend reports whether a handler is the frontend of that name, or one within
// it is. An empty name is that of the frontend without one.
func hasFrontend(config any, name string) bool {
	switch c := config.(type) {
	case []any:
		for _, one := range c {
			if hasFrontend(one, name) {
				return true
			}
		}
	case map[string]any:
		if own, _ := c["name"].(string); c["handler"] == "passthrough" && own == name {
			return true
		}
		for _, one := range c {
			if hasFrontend(one, name) {
				return true
			}
		}
	}
	return false
}
