// SPDX-License-Identifier: Apache-2.0

// Package balancer is the Caddy app passthrough: the named backends, and their life across reloads.
// A backend here is a thin shell around a pool: it loads the policy by its module ID and validates
// the configuration. Frontends get their backends from the app; frontends that open their own
// listeners are modules of the app, which starts and stops them. The counts of backends belong to
// the process, not to the app: the app lives only as long as its configuration. The app itself
// opens no connections except for health checks and those that backends keep ready.
package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/handover"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/peering"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolvers"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

func init() {
	caddy.RegisterModule(new(App))
}

// registry keeps counts and positions across configurations.
var registry pool.Registry

// App holds the backends that frontends send connections to, and the frontends with listeners of
// their own. Other frontends are passthrough handlers of layer4 servers.
type App struct {
	// FrontendsRaw are the frontends with listeners of their own, by name. Each has the options of the
	// handler layer4.handlers.passthrough, without name and listeners, and bind, a list of addresses
	// with their socket options. See the module passthrough.frontend.
	FrontendsRaw map[string]json.RawMessage `json:"frontends,omitempty"`

	// Backends are the backends, by name. A name may have letters, digits and -_.: only.
	Backends map[string]*Backend `json:"backends,omitempty"`

	// StickTables are the tables that rules and stickiness refer to, by name. Their entries outlive
	// reloads.
	StickTables map[string]*stick.Table `json:"stick_tables,omitempty"`

	// Resolvers are DNS servers for the host names of servers, by the name that servers refer to.
	// Their addresses outlive reloads.
	Resolvers map[string]*resolvers.Resolvers `json:"resolvers,omitempty"`

	// Peers are the sections of processes that exchange the entries of stick tables, by name.
	Peers map[string]*peering.Section `json:"peers,omitempty"`

	// StickCounters is the number of counters by which a connection can track entries of stick tables,
	// at most 100. Default: 3. It is HAProxy's tune.stick-counters.
	StickCounters int `json:"stick_counters,omitempty"`

	// Log is a file for the lines of connections, in the form of HAProxy's option tcplog. They go to
	// this file instead of Caddy's loggers. Default: none.
	Log string `json:"log,omitempty"`

	// GracePeriod is the time that connections get to finish when the process stops (SIGTERM, SIGINT,
	// caddy stop). After that they are closed, which is logged. Default: 30s; -1: no limit. It is
	// HAProxy's hard-stop-after.
	GracePeriod caddy.Duration `json:"grace_period,omitempty"`

	// RemovedServerTimeout limits how long sessions may continue on a server that a reload has
	// removed. After that they are closed. Default: -1, no limit.
	RemovedServerTimeout caddy.Duration `json:"removed_server_timeout,omitempty"`

	ProcessLimits

	// MetricsRaw configures the metrics. See the module passthrough.metrics.
	MetricsRaw json.RawMessage `json:"metrics,omitempty"`

	// SocketsRaw are sockets for HAProxy's commands. See the module passthrough.socket.
	SocketsRaw []json.RawMessage `json:"sockets,omitempty"`

	// StatusPage configures the status page at the admin endpoint.
	StatusPage StatusPage `json:"status_page,omitzero"`

	// Variables are shared by all connections. They are computed in this order when the configuration
	// is loaded; rules may change them later. They are HAProxy's set-var in its global section.
	Variables []Variable `json:"variables,omitempty"`

	variables sync.Map   // string → sample.Value
	starting  sync.Mutex // held by serve
	ctx       caddy.Context
	frontends map[string]string // by name, with their place in the configuration
	listening map[string]ownFrontend
	lines     *tcplog.File // nil: none
	metrics   metrics      // nil: none
	sockets   []controlSocket

	stopDiscovery context.CancelFunc // nil before Start

	httpServers handover.Servers
	watching    sync.Once // of the process
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision sets up the backends and the frontends.
func (a *App) Provision(ctx caddy.Context) error {
	if err := options.Report(ctx.Logger(), a.provision(ctx)); err != nil {
		return err
	}
	if err := a.provisionFrontends(ctx); err != nil {
		return err
	}
	if err := a.provisionMetrics(ctx); err != nil {
		return err
	}
	if err := a.provisionSockets(ctx); err != nil {
		return err
	}
	a.watchHTTPServers(ctx)
	durable.FixChallenges(ctx)
	return options.Report(ctx.Logger(), durable.Validate(ctx))
}

func (a *App) provision(ctx caddy.Context) error {
	a.ctx, a.frontends = ctx, make(map[string]string)
	if err := a.subscribe(ctx); err != nil {
		return err
	}
	if err := a.openLog(ctx); err != nil {
		return err
	}
	if err := a.validateTimeouts(); err != nil {
		return err
	}
	if err := a.ProcessLimits.validate(); err != nil {
		return err
	}
	if err := a.computeVariables(); err != nil {
		return err
	}
	if err := a.validateStickCounters(); err != nil {
		return err
	}
	if err := a.provisionStickTables(); err != nil {
		return err
	}
	if err := a.provisionResolvers(); err != nil {
		return err
	}
	if err := a.provisionPeers(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a.Backends)) {
		if a.Backends[name] == nil {
			return fmt.Errorf("backend %q: expected an object with servers", name)
		}
		if err := a.Backends[name].Provision(ctx, name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Backends)) {
		if err := a.validateTracks(a.Backends[name]); err != nil {
			return err
		}
		if err := a.validateResolvers(a.Backends[name]); err != nil {
			return err
		}
		if err := a.bindStick(a.Backends[name]); err != nil {
			return err
		}
	}
	for _, b := range a.Backends {
		a.aliasServers(b)
	}
	return a.claimFrontends()
}

func (a *App) validateTimeouts() error {
	if a.GracePeriod == 0 {
		a.GracePeriod = caddy.Duration(lifecycle.DefaultGracePeriod)
	}
	if err := ValidateTimeout("grace_period", a.GracePeriod); err != nil {
		return err
	}
	return ValidateTimeout("removed_server_timeout", a.RemovedServerTimeout)
}

// subscribe registers for Caddy's events "started" and "stopping".
func (a *App) subscribe(ctx caddy.Context) error {
	mod, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting the events app: %w", err)
	}
	events := mod.(*caddyevents.App)
	return errors.Join(events.On("started", a), events.On("stopping", a))
}

// Stop closes the listeners of frontends and the sockets. Sessions outlive their configuration.
func (a *App) Stop() error {
	lifecycle.BeginShutdown()
	a.stopListening()
	a.closeSockets()
	if a.stopDiscovery != nil {
		a.stopDiscovery()
	}
	a.closePeers()
	for _, b := range a.Backends {
		b.stopPreconnect()
		b.stopFollowing()
	}
	return nil
}

// backend returns the backend of that name, or nil. The app may be nil.
func (a *App) backend(name string) *Backend {
	if a == nil {
		return nil
	}
	return a.Backends[name]
}

// Cleanup releases the configuration's hold on the backends' counts, except when the process ends:
// the backends still serve the remaining connections, are checked, and appear at the admin
// endpoint, as long as that takes.
func (a *App) Cleanup() error {
	if caddy.Exiting() {
		return nil
	}
	if serving.CompareAndSwap(a, nil) {
		(&ProcessLimits{Overload: overloadOff}).apply(a.ctx.Logger())
	}
	for _, b := range a.Backends {
		b.Close()
	}
	for _, s := range a.Peers {
		s.Close()
	}
	for _, t := range a.StickTables {
		t.Close()
	}
	for _, r := range a.Resolvers {
		r.Close()
	}
	return a.lines.Close()
}

// Backend returns the backend of that name. The error suggests similar names.
func (a *App) Backend(name string) (*Backend, error) {
	if b := a.Backends[name]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("backend %q is not defined%s", name, options.Suggest(name, slices.Collect(maps.Keys(a.Backends))))
}

// AddBackend adds a backend that is defined inside a frontend, under the frontend's name. Like
// AddFrontend, it must be called while Caddy provisions.
func (a *App) AddBackend(ctx caddy.Context, name string, b *Backend) error {
	if a.Backends[name] != nil {
		return fmt.Errorf("its own servers form backend %q, and the app has one of that name: rename one of the two", name)
	}
	if err := b.Provision(ctx, name); err != nil {
		return err
	}
	if a.Backends == nil {
		a.Backends = make(map[string]*Backend)
	}
	a.Backends[name] = b
	if err := a.bindStick(b); err != nil {
		return err
	}
	a.aliasServers(b)
	if err := a.validateResolvers(b); err != nil {
		return err
	}
	return a.validateTracks(b)
}

// Registry returns the state that outlives configurations. Changes to it affect running servers; it
// is meant for the admin endpoint.
func Registry() *pool.Registry { return &registry }

// Interface guards
var (
	_ caddy.App           = (*App)(nil)
	_ caddy.Provisioner   = (*App)(nil)
	_ caddy.CleanerUpper  = (*App)(nil)
	_ caddyevents.Handler = (*App)(nil)
)
