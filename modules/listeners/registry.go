// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// wrappers maps each configuration's *caddyhttp.App to its *wrapperList.
var wrappers sync.Map

// wrapperList holds the wrappers of a configuration.
type wrapperList struct {
	app      *caddyhttp.App
	backends map[siteKey]string // names of the sites' own backends; nil until they are needed

	mu  sync.RWMutex
	all []*Wrapper // in the order of their servers' names

	port80 atomic.Bool // a route has the handler passthrough_http
}

// siteKey identifies a site by its server's name and its position.
type siteKey struct {
	server string
	site   int
}

// httpApp returns the http app that is being provisioned, or nil.
func httpApp(ctx caddy.Context) *caddyhttp.App {
	for _, m := range slices.Backward(ctx.Modules()) {
		if app, ok := m.(*caddyhttp.App); ok {
			return app
		}
	}
	return nil
}

// wrappersOf returns the list of the configuration of an http app. It is complete when the app has
// been provisioned.
func wrappersOf(ctx caddy.Context, app *caddyhttp.App) *wrapperList {
	known, loaded := wrappers.LoadOrStore(app, &wrapperList{app: app})
	if !loaded {
		context.AfterFunc(ctx, func() { wrappers.Delete(app) }) // a context's copy ignores OnCancel
	}
	return known.(*wrapperList)
}

// siteOf returns the site of a host, and its wrapper; nil if the host is not passed through. It is
// safe for concurrent use.
func (l *wrapperList) siteOf(host string) (*Wrapper, *Site) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, w := range l.all {
		if s := w.siteOf(host); s != nil {
			return w, s
		}
	}
	return nil, nil
}

func (l *wrapperList) add(w *Wrapper) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, w)
	slices.SortFunc(l.all, func(a, b *Wrapper) int { return strings.Compare(a.name, b.name) })
}

// nameOf returns the name of a server.
func (l *wrapperList) nameOf(server *caddyhttp.Server) string {
	for name, s := range l.app.Servers {
		if s == server {
			return name
		}
	}
	return ""
}

// appliesTo reports whether listen has an address of the server, which may be durable by now.
func (w *Wrapper) appliesTo(s *caddyhttp.Server) bool {
	listen := replaced(s.Listen)
	return len(w.Listen) == 0 || slices.ContainsFunc(replaced(w.Listen), func(l string) bool {
		return slices.Contains(listen, l) || slices.Contains(listen, "durable/"+l)
	})
}

// replaced returns addresses with the values of their placeholders. Caddy replaces those of a
// server when it provisions it.
func replaced(addresses []string) []string {
	repl, all := caddy.NewReplacer(), slices.Clone(addresses)
	for i, address := range all {
		all[i] = repl.ReplaceAll(address, "")
	}
	return all
}

// validatePlace returns an error unless the wrapper is the only one of its server, and stands
// before tls.
func (l *wrapperList) validatePlace(w *Wrapper) error {
	own, tls := -1, -1
	for i, raw := range w.server.ListenerWrappersRaw {
		switch other := decode(raw); {
		case wrapperName(raw) == "tls":
			tls = i
		case other == nil || !other.appliesTo(w.server):
		case own >= 0:
			return errors.New("two listener wrappers passthrough: expected one, with the sites and rules of both")
		default:
			own = i
		}
	}
	if tls < own {
		return errors.New("listener_wrappers: TLS has been terminated where passthrough stands: expected tls behind it")
	}
	return nil
}

// wrapperName returns the name of the module in the JSON of a listener wrapper.
func wrapperName(raw json.RawMessage) string {
	var inline struct {
		Wrapper string `json:"wrapper"`
	}
	_ = json.Unmarshal(raw, &inline)
	return inline.Wrapper
}

// decode returns a wrapper from its JSON, or nil if it is another module, or invalid.
func decode(raw json.RawMessage) *Wrapper {
	w := new(Wrapper)
	if wrapperName(raw) != "passthrough" || json.Unmarshal(raw, w) != nil {
		return nil
	}
	return w
}

// backendNames returns the names of the backends of sites that have servers of their own: the first
// name of the site, behind the name of its frontend if another backend has that name. Counts
// continue over reloads under these names, so they must not depend on the order in which Caddy
// provisions servers. It must be called while the first wrapper is provisioned, since Caddy drops
// their JSON as it goes.
func (l *wrapperList) backendNames(app *balancer.App) map[siteKey]string {
	if l.backends != nil {
		return l.backends
	}
	l.backends = make(map[siteKey]string)
	taken := make(map[string]bool)
	for name := range app.Backends {
		taken[name] = true
	}
	for _, server := range slices.Sorted(maps.Keys(l.app.Servers)) {
		for _, raw := range l.app.Servers[server].ListenerWrappersRaw {
			if w := decode(raw); w != nil && w.appliesTo(l.app.Servers[server]) {
				l.nameBackends(server, w, taken)
			}
		}
	}
	return l.backends
}

// nameBackends names the backends of a wrapper's sites.
func (l *wrapperList) nameBackends(server string, w *Wrapper, taken map[string]bool) {
	frontend := w.Name
	if frontend == "" {
		frontend = l4passthrough.NameOf(replaced(l.app.Servers[server].Listen))
	}
	for i, s := range w.Sites {
		if s == nil || s.BackendName != "" || len(s.Names) == 0 {
			continue
		}
		base := backendName(s.Names[0])
		name := base
		for k := 1; taken[name]; k++ {
			name = fmt.Sprintf("%s-%s", frontend, base)
			if k > 1 {
				name = fmt.Sprintf("%s-%s-%d", frontend, base, k)
			}
		}
		taken[name] = true
		l.backends[siteKey{server, i}] = name
	}
}

// backendName makes the name of a backend of a server name.
func backendName(name string) string {
	normalized, err := normalizeName(caddy.NewReplacer().ReplaceKnown(name, ""))
	if err != nil {
		normalized = name
	}
	kind, host := splitKind(normalized)
	if kind != "" {
		host = "." + host
	}
	return strings.Map(func(r rune) rune {
		if balancer.ValidateName(string(r)) != nil {
			return '-'
		}
		return r
	}, host)
}
