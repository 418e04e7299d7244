// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/handover"
	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// HTTPServers returns the http servers of the configuration whose connections a reload must not
// cut. Those that listen on durable or in-process addresses are there when the app has been
// provisioned.
func (a *App) HTTPServers() *handover.Servers { return &a.httpServers }

// watchHTTPServers finds the http servers whose addresses outlive reloads.
func (a *App) watchHTTPServers(ctx caddy.Context) {
	mod, _ := ctx.AppIfConfigured("http")
	app, ok := mod.(*caddyhttp.App)
	if !ok {
		return
	}
	for _, s := range app.Servers {
		if s != nil && slices.ContainsFunc(s.Listen, isHandedOver) {
			a.httpServers.Watch(s)
		}
	}
}

// isHandedOver reports whether HandOver of a package is for an address.
func isHandedOver(address string) bool {
	at, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceAll(address, ""))
	return err == nil && (durable.IsNetwork(at.Network) || at.Network == inprocess.Network)
}

// finishHTTPServers passes the addresses to the next configuration and returns when this one may
// stop, if the next one runs already.
func (a *App) finishHTTPServers() {
	config, ok := lifecycle.ConfigOf(a.ctx)
	if !ok || caddy.Exiting() || config.Running() {
		return
	}
	durable.HandOver(a.ctx)
	inprocess.HandOver(a.ctx)
	a.httpServers.Finish()
}
