// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// noTimeout is the timeout that never expires, HAProxy's behavior where none is configured.
const noTimeout = caddy.Duration(-1)

// emit returns the configuration for Caddy.
func (t *translation) emit() []byte {
	apps := make(caddy.ModuleMap)
	app := balancer.App{FrontendsRaw: make(map[string]json.RawMessage), Backends: make(map[string]*balancer.Backend), GracePeriod: caddy.Duration(t.hardStop), Variables: t.variables, ProcessLimits: t.limits, StickCounters: t.emitCounters()}
	app.MaxConn = t.maxconn
	sites := make(map[string]*httpServer)
	t.assignIDs()
	t.fillACLTerms()
	for _, p := range t.proxies {
		switch {
		case p.disabled:
			if p.stateUsed { // a rule asks for its state; no connection ever gets there
				app.Backends[p.name] = &balancer.Backend{Servers: []*balancer.Server{}}
			}
		case p.skipped:
			if t.mayGetConnections(p) { // no servers: its connections must not go elsewhere
				app.Backends[p.name] = t.emitBackend(p)
			}
		default:
			t.emitSection(p, &app, sites)
		}
	}
	app.Resolvers, app.Peers = t.withServers(), t.emitPeers()
	app.StickTables, app.SocketsRaw = t.emitTables(), t.emitSockets()
	if t.exporter {
		app.MetricsRaw = json.RawMessage(`{"haproxy_names":true}`)
	}
	if len(app.Backends)+len(app.FrontendsRaw)+len(app.StickTables)+len(app.SocketsRaw)+len(app.Peers) > 0 || t.exporter {
		apps["passthrough"] = caddyconfig.JSON(&app, nil)
	}
	if len(sites) > 0 {
		apps["http"] = caddyconfig.JSON(map[string]any{"servers": sites}, nil)
	}
	if certificates := t.emitCertificates(); certificates != nil {
		apps["tls"] = caddyconfig.JSON(certificates, nil)
	}
	return caddyconfig.JSON(caddy.Config{AppsRaw: apps, Logging: t.emitLogging(&app)}, nil)
}

// emitTables returns the stick tables of all sections.
func (t *translation) emitTables() map[string]*stick.Table {
	all := make(map[string]*stick.Table)
	for name, table := range t.tables {
		all[name] = &table.Table
		if p := t.peers[table.peers]; p != nil && !p.disabled {
			table.Peers = table.peers
		}
	}
	return all
}

// emitSection adds what a section becomes to the apps.
func (t *translation) emitSection(p *proxy, app *balancer.App, sites map[string]*httpServer) {
	from := t.upgradingFrontend(p)
	if from != nil || p.hasBackend() && !t.onlyHasTable(p) {
		app.Backends[p.name] = t.emitBackend(p)
	}
	if from != nil {
		app.Backends[p.name].Site = p.site()
		sites[inprocess.Network+"/"+p.name] = t.upgradeServer(from, p)
	}
	if p.joined != nil {
		t.joinBackend(p, app.Backends[p.name])
	}
	switch {
	case p.isHTTP():
		maps.Copy(sites, t.emitHTTPServers(p))
	case p.isFrontend() && len(p.binds) > 0:
		app.FrontendsRaw[p.name] = caddyconfig.JSON(t.emitFrontend(p), nil)
	}
}

// onlyHasTable reports whether a backend is only there for its stick table.
func (t *translation) onlyHasTable(p *proxy) bool {
	return p.kind == "backend" && t.tables[p.name] != nil && len(p.servers) == 0 && !p.stateUsed && !t.mayGetConnections(p)
}

// hasBackend reports whether the section becomes a backend. In mode http, a listen without servers
// only has rules, and a backend without servers may only have a page with statistics.
func (p *proxy) hasBackend() bool {
	return p.isBackend() && (!p.isHTTP() || len(p.servers) > 0 || p.kind == "backend" && p.statistics == nil || p.stateUsed)
}

func (t *translation) emitFrontend(p *proxy) *l4passthrough.Frontend {
	h := l4passthrough.Handler{
		Connection:       emitRules(p.connection),
		Session:          emitRules(p.session),
		Content:          &rules.Config{InspectDelay: caddy.Duration(p.inspect), Rules: emitRules(p.withoutUnusedCaptures(p.content))},
		On:               map[string]string{"no_match": "close", "no_server": "close"},
		TimeoutClient:    durationOrForever(p.timeouts.client),
		TimeoutClientFin: optionalDuration(p.timeouts.clientFin),
		NoLingerClient:   p.noLinger,
		MaxConn:          p.maxconn,

		RateLimitSessions: p.sessionRate,
		DefaultBackend:    t.defaultBackendOf(p),

		UniqueID:           p.uniqueID.format,
		Logging:            p.emitLineOptions(),
		TimeoutProxyHeader: durationOrZero(p.timeouts.clientHandshake),
	}
	binds, at := t.emitBinds(p)
	h.Origin = t.originOfFrontend(p, at)
	if t.idsUsed {
		h.ID = p.id
	}
	for _, u := range t.useBackendRules(p) {
		r := new(l4passthrough.Rule)
		r.MatcherSetsRaw, r.UnlessRaw = u.cond.sets()
		if u.dynamic {
			r.BackendFormat = u.name
		} else {
			r.Backend = u.name
		}
		h.Rules = append(h.Rules, r)
	}
	return &l4passthrough.Frontend{Bind: binds, Handler: h}
}

// useBackendRules returns the use_backend lines that can match. HAProxy skips a rule whose backend
// is disabled.
func (t *translation) useBackendRules(p *proxy) (uses []useRule) {
	for _, u := range p.useBackend {
		if b := t.backends[u.name]; u.dynamic || b == nil || !b.disabled {
			uses = append(uses, u)
		}
	}
	return uses
}

func emitRules(list []rule) (out []*rules.Rule) {
	for _, r := range list {
		c := &rules.Rule{Action: r.action, Var: r.variable, Value: r.value, Counter: r.counter, Index: r.index, Key: r.key, Table: r.table, Resolvers: r.resolvers, Prefer: r.prefer}
		switch r.action {
		case "close", "reset", "drop": // actions that the log names the origin of
			c.Origin = r.origin
		}
		c.MatcherSetsRaw, c.UnlessRaw = r.cond.sets()
		out = append(out, c)
	}
	return out
}

func (t *translation) emitBackend(p *proxy) *balancer.Backend {
	b := &balancer.Backend{
		BalanceRaw:   emitBalance(p),
		Servers:      []*balancer.Server{},
		UseServer:    p.emitServerUses(),
		Persist:      p.persist,
		PersistRules: p.emitPersistRules(),
		Stick:        p.emitStick(),
		AllBackups:   p.allBackups,
		FullConn:     p.fullconn,
		AbortOnClose: p.abortOnClose,
		NoLinger:     p.noLinger && !p.isHTTP(),

		SocketOptions: p.emitSocket(),
		Origin:        t.originOfBackend(p),
		Retries:       p.retries,
		Timeouts: balancer.Timeouts{
			Connect:   durationOrForever(p.timeouts.connect),
			Server:    durationOrForever(p.timeouts.server),
			ServerFin: optionalDuration(p.timeouts.serverFin),
			Tunnel:    optionalDuration(p.timeouts.tunnel),
			Queue:     durationOrZero(p.timeouts.queue),
			Check:     optionalDuration(p.timeouts.check),
		},
	}
	if t.idsUsed {
		b.ID = p.id
	}
	b.Redispatch = &balancer.Redispatch{On: p.redispatch != 0, N: p.redispatch}
	if len(p.content) > 0 && !p.isFrontend() {
		b.Content = &rules.Config{InspectDelay: caddy.Duration(p.inspect), Rules: emitRules(p.content)}
	}
	if len(p.response) > 0 {
		b.Response = &rules.Config{InspectDelay: caddy.Duration(p.responseDelay), Rules: emitRules(p.response)}
	}
	for _, n := range p.servers {
		if n.count > 0 {
			b.ServerTemplates = append(b.ServerTemplates, t.emitTemplate(p, n))
			continue
		}
		b.Servers = append(b.Servers, t.emitServer(p, n))
	}
	shareCheck(b)
	return b
}

// shareCheck moves the health check to the backend if all servers have the same one.
func shareCheck(b *balancer.Backend) {
	if len(b.Servers) == 0 || b.Servers[0].Check == nil {
		return
	}
	first := b.Servers[0].Check
	if slices.ContainsFunc(b.Servers, func(s *balancer.Server) bool { return !reflect.DeepEqual(s.Check, first) }) {
		return
	}
	b.Check = first
	for _, s := range b.Servers {
		s.Check = nil
	}
}

// optionalDuration returns a timeout, or 0 if it was not given.
func optionalDuration(d *time.Duration) caddy.Duration {
	if d == nil {
		return 0
	}
	return durationOrForever(d)
}

// durationOrForever returns a timeout, or noTimeout. HAProxy treats 0 like a missing timeout.
func durationOrForever(d *time.Duration) caddy.Duration {
	if d == nil || *d == 0 {
		return noTimeout
	}
	return caddy.Duration(*d)
}

func durationOrZero(d *time.Duration) caddy.Duration {
	if d == nil {
		return 0
	}
	return caddy.Duration(*d)
}
