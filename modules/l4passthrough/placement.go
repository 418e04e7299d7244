// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// placements maps each configuration's *balancer.App to its *placement.
var placements sync.Map

// placement finds the layer4 server of each frontend in a configuration and names frontends that
// have no name. In the order of the servers' names, the first is DefaultName, and the others are
// named after the first address of their server. Counts continue over reloads under these names,
// so they must not depend on the order in which Caddy provisions servers.
type placement struct {
	frontends []*placedFrontend
	names     []string // of all frontends of the configuration
	checked   bool     // the rules of the named backends have been checked
}

// placedFrontend is one frontend.
type placedFrontend struct {
	name   string
	in     string // the server's name in errors
	server *layer4.Server
	sole   bool   // the server's only route has only this handler
	config string // as JSON
	taken  bool
}

// findPlacement returns the name of a frontend that has not changed since it was decoded, the name
// of its server for errors, and the addresses that the server listens on. The name is empty if the
// frontend has none and is in no layer4 server.
func (h *Handler) findPlacement(ctx caddy.Context, app *balancer.App) (name, in string, listen []string) {
	if s := wrappedServer(ctx); s != nil {
		return h.Name, "", s.Listen
	}
	h.placement = placementOf(ctx, app)
	p := h.placement.find(h)
	if p == nil {
		return h.Name, "", nil
	}
	p.taken, h.server = true, p.server
	if p.sole {
		h.soleOf = p.server
	}
	return p.name, p.in, p.server.Listen
}

// placementOf returns the placement of an app's configuration.
func placementOf(ctx caddy.Context, app *balancer.App) *placement {
	known, ok := placements.Load(app)
	if !ok {
		known = newPlacement(ctx, app.OwnFrontends())
		placements.Store(app, known)
		context.AfterFunc(ctx, func() { placements.Delete(app) }) // a context's copy ignores OnCancel
	}
	return known.(*placement)
}

// wrappedServer returns the http server whose listener a frontend wraps; nil if it is in a layer4
// server. If an http handler has loaded the app passthrough, and that the app layer4, the contexts
// of both hold the http server.
func wrappedServer(ctx caddy.Context) *caddyhttp.Server {
	for _, m := range slices.Backward(ctx.Modules()) {
		switch m.(type) {
		case *layer4.App:
			return nil
		case *caddyhttp.App:
			s, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
			return s
		}
	}
	return nil
}

// find returns the entry of h. If several are equal, it prefers one whose server is being
// provisioned. In a Caddyfile all differ by their lines.
func (p *placement) find(h *Handler) (found *placedFrontend) {
	config := h.json()
	for _, f := range p.frontends {
		if f.taken || f.config != config {
			continue
		}
		if found == nil || !isProvisioning(found.server) && isProvisioning(f.server) {
			found = f
		}
	}
	return found
}

// isProvisioning reports whether a server is being provisioned: its defaults are set, but not all
// handlers are loaded.
func isProvisioning(s *layer4.Server) bool {
	return s.MatchingTimeout != 0 && s.IdleTimeout != 0 && slices.ContainsFunc(s.Routes, func(r *layer4.Route) bool { return r.HandlersRaw != nil })
}

// newPlacement finds and names the frontends of the layer4 app that ctx belongs to; own holds the
// names of those that listen themselves. It must be called when the first frontend is provisioned,
// since Caddy drops their JSON as it goes.
func newPlacement(ctx caddy.Context, own []string) *placement {
	p := &placement{names: own}
	for _, m := range ctx.Modules() {
		app, ok := m.(*layer4.App)
		if !ok {
			continue
		}
		servers := slices.SortedFunc(maps.Keys(app.Servers), func(a, b string) int { // srv2 before srv10
			return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
		})
		for _, name := range servers {
			p.collect(name, app.Servers[name])
		}
	}
	p.nameRest()
	for _, f := range p.frontends {
		p.names = append(p.names, f.name)
	}
	return p
}

// nameRest names the frontends that have no name.
func (p *placement) nameRest() {
	used := make(map[string]bool)
	for _, name := range p.names {
		used[name] = true
	}
	for _, f := range p.frontends {
		used[f.name] = true
	}
	next := func(*layer4.Server) string { return DefaultName }
	for _, f := range p.frontends {
		if f.name != "" {
			continue
		}
		base := next(f.server)
		f.name = base
		for k := 2; used[f.name]; k++ {
			f.name = fmt.Sprintf("%s-%d", base, k)
		}
		used[f.name], next = true, nameAfter
	}
}

// collect adds the frontends of a server.
func (p *placement) collect(name string, s *layer4.Server) {
	if s == nil {
		return
	}
	for _, r := range s.Routes {
		for _, raw := range r.HandlersRaw {
			alone := len(s.Routes) == 1 && len(r.HandlersRaw) == 1 && isFrontend(raw)
			walkFrontends(raw, func(config *Handler) {
				p.frontends = append(p.frontends, &placedFrontend{name: config.Name, in: fmt.Sprintf("layer4 server %q", name), server: s, sole: alone, config: config.json()})
			})
		}
	}
}

// walkFrontends calls f for each frontend in the JSON of a handler, which may hold
// other handlers. What cannot be decoded is left to Caddy, which refuses it.
func walkFrontends(raw json.RawMessage, f func(*Handler)) {
	switch raw = bytes.TrimSpace(raw); {
	case bytes.HasPrefix(raw, []byte("[")):
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil {
			for _, item := range list {
				walkFrontends(item, f)
			}
		}
	case !bytes.HasPrefix(raw, []byte("{")):
	case isFrontend(raw):
		if config := decoded(raw); config != nil {
			f(config)
		}
	default:
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) == nil {
			for _, name := range slices.Sorted(maps.Keys(fields)) {
				walkFrontends(fields[name], f)
			}
		}
	}
}

// isFrontend reports whether the JSON of a handler is that of a frontend.
func isFrontend(raw json.RawMessage) bool {
	var inline struct {
		Handler string `json:"handler"`
	}
	return json.Unmarshal(raw, &inline) == nil && inline.Handler == "passthrough"
}

// decoded returns a frontend as Caddy decodes it, which brings the JSON of modules
// inside it into another form; nil where that fails.
func decoded(raw json.RawMessage) *Handler {
	var fields map[string]any
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	delete(fields, "handler")
	h := new(Handler)
	if raw, err := json.Marshal(fields); err != nil || json.Unmarshal(raw, h) != nil {
		return nil
	}
	return h
}

// json returns the configuration of a frontend in one form.
func (h *Handler) json() string {
	b, err := json.Marshal(h)
	if err != nil { // decoded JSON can be encoded
		return ""
	}
	return string(b)
}

// nameAfter names a frontend after its server.
func nameAfter(s *layer4.Server) string { return NameOf(s.Listen) }
