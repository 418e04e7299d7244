// SPDX-License-Identifier: Apache-2.0

// Package listeners lets passthrough names and Caddy's own sites share a port. The listener wrapper
// caddy.listeners.passthrough is a frontend over an http server's listeners: it takes the
// connections for the names of its sites, and everything else goes on to the http server. In a
// Caddyfile the site directive passthrough configures it. Names are decided by the TLS server name
// alone; the wrapper must see connections before TLS is terminated.
package listeners

import (
	"errors"
	"fmt"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

func init() {
	caddy.RegisterModule(new(Wrapper))
}

// Wrapper is a frontend over the listeners of an http server. The most specific name decides,
// whether it is passed through or one of the http server's own: a name, then *.NAME, .NAME and
// +.NAME with the longest NAME. Then come the frontend's rules and its default backend. What none
// of them takes goes on to the http server. It must stand before tls in listener_wrappers, and an
// http server can have only one. It makes the http server's TCP addresses durable; see
// durable.Upgraded.
type Wrapper struct {
	// Sites lists the names to pass through, with their servers.
	Sites []*Site `json:"sites,omitempty"`

	// Listen restricts the wrapper to the http server that has one of these addresses in its listen.
	// In others it has no effect. Default: it is not restricted.
	Listen []string `json:"listen,omitempty"`

	// The options of a frontend, as in the handler layer4.handlers.passthrough. Differences: name is
	// the first address of the http server by default, such as ":443"; each outcome of on is next by
	// default, except no_server; no backend is required.
	l4passthrough.Handler

	server   *caddyhttp.Server // nil in a server that listen excludes
	name     string            // the server's key in the http app
	frontend *frontend.Frontend
	table    names.Table // of all names, with the index in owners
	owners   []owner
	advise   func() // logs, once, which options have no effect
}

// CaddyModule returns the Caddy module information.
func (*Wrapper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.listeners.passthrough",
		New: func() caddy.Module { return new(Wrapper) },
	}
}

// Provision compiles the names and the rules. The matchers of the http server's routes are
// provisioned by then, its handlers are not.
func (w *Wrapper) Provision(ctx caddy.Context) error {
	list, server, err := place(ctx)
	if err != nil {
		return err
	}
	if !w.appliesTo(server) {
		return nil
	}
	return options.Report(ctx.Logger(), w.provision(ctx, list, server))
}

func (w *Wrapper) provision(ctx caddy.Context, list *wrapperList, server *caddyhttp.Server) error {
	server.Listen = durable.Upgraded(server, list.app.Servers) // before the app checks addresses
	mod, err := ctx.App("passthrough")
	if err != nil {
		return fmt.Errorf("getting the passthrough app: %w", err)
	}
	app := mod.(*balancer.App)
	w.server, w.name = server, list.nameOf(server)
	if err := list.validatePlace(w); err != nil {
		return options.Locate(w.Origin.Block(), fmt.Errorf("http server %q: %w", w.name, err))
	}
	if w.isMark() {
		return options.Locate(w.Origin.Block(), fmt.Errorf("http server %q: the listener wrapper passthrough has no names: expected passthrough NAME... ADDRESS... in a site block of this server", w.name))
	}
	if err := w.provisionSites(ctx, app, list); err != nil {
		return err
	}
	if w.frontend, err = w.ProvisionWrapped(ctx, app, l4passthrough.Wrapped{
		Server: fmt.Sprintf("http server %q", w.name), Listen: server.Listen, Names: w.routed(), Own: ownHosts(server),
	}); err != nil {
		return err
	}
	if len(balancer.NotDurable(server.Listen)) == 0 {
		app.HTTPServers().Watch(server)
	}
	w.addMisdirectedRoute()
	w.warnCovered(ctx)
	list.add(w)
	w.advise = sync.OnceFunc(func() { w.advisePort80(list, ctx.Logger()) })
	return nil
}

// provisionSites provisions the sites and compiles their names, and the http server's own ones.
func (w *Wrapper) provisionSites(ctx caddy.Context, app *balancer.App, list *wrapperList) error {
	for i, s := range w.Sites {
		if s == nil {
			return fmt.Errorf("site %d: expected an object with names, and backend or servers", i+1)
		}
		if err := s.provision(ctx, app, list.backendNames(app)[siteKey{w.name, i}]); err != nil {
			return options.Locate(s.Origin.Block(), err)
		}
	}
	return w.compileNames()
}

// place returns the wrappers of the configuration, and the http server that is being provisioned.
func place(ctx caddy.Context) (*wrapperList, *caddyhttp.Server, error) {
	app := httpApp(ctx)
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if app == nil || server == nil {
		return nil, nil, errors.New("the listener wrapper passthrough is in no http server")
	}
	return wrappersOf(ctx, app), server, nil
}

// Interface guards
var (
	_ caddy.Module          = (*Wrapper)(nil)
	_ caddy.Provisioner     = (*Wrapper)(nil)
	_ caddy.ListenerWrapper = (*Wrapper)(nil)
)
