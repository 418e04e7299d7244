// SPDX-License-Identifier: Apache-2.0

// Package balancer is the Caddy app passthrough: the named backends and their
// life across reloads. A backend here is a thin shell over a pool: it loads the
// policy by its module ID, checks what the user wrote and names what is wrong
// with it. Frontends ask the app for their backends; those that listen themselves
// are modules of it, which it starts and stops. What a backend counts is
// kept for the process and is not the app's, which lives as long as its
// configuration. The app opens no connection itself but those of health checks.
package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(App))
}

// registry keeps counts and positions for the process, whatever configuration
// runs.
var registry pool.Registry

// App holds the backends that frontends send connections to, and frontends that listen
// themselves. Other frontends are passthrough handlers of layer4 servers.
type App struct {
	// FrontendsRaw are the frontends that listen themselves, by name: each is what the handler
	// layer4.handlers.passthrough is, without name and listeners, and has bind, a list of
	// addresses with the options of their sockets. See the module passthrough.frontend.
	FrontendsRaw map[string]json.RawMessage `json:"frontends,omitempty"`

	// Backends by name. A name consists of letters, digits and -_.: only.
	Backends map[string]*Backend `json:"backends,omitempty"`

	// GracePeriod is how long connections may take to finish when the process is
	// told to end (SIGTERM, SIGINT, caddy stop). Then they are cut, and the log
	// says so. Default: 30s; -1: as long as they want. It is HAProxy's
	// hard-stop-after.
	GracePeriod caddy.Duration `json:"grace_period,omitempty"`

	// RemovedServerTimeout is how long sessions may go on whose server a reload
	// has taken out of the configuration. Then they are cut. Default: -1, as long as
	// they want.
	RemovedServerTimeout caddy.Duration `json:"removed_server_timeout,omitempty"`

	// Variables are shared by all connections. They are computed in this order when
	// the configuration is loaded; rules may set such variables, too. They are
	// HAProxy's set-var in its global section.
	Variables []Variable `json:"variables,omitempty"`

	variables sync.Map // string → sample.Value
	ctx       caddy.Context
	frontends map[string]string // all of the configuration, and where they stand
	listening map[string]ownFrontend
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
	return options.Report(ctx.Logger(), durable.Validate(ctx))
}

func (a *App) provision(ctx caddy.Context) error {
	a.ctx, a.frontends = ctx, make(map[string]string)
	if err := a.subscribe(ctx); err != nil {
		return err
	}
	if err := a.validateTimeouts(); err != nil {
		return err
	}
	if err := a.computeVariables(); err != nil {
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

// subscribe has Caddy tell when the configuration has been started, and when it is
// to stop.
func (a *App) subscribe(ctx caddy.Context) error {
	mod, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting the events app: %w", err)
	}
	events := mod.(*caddyevents.App)
	return errors.Join(events.On("started", a), events.On("stopping", a))
}

// started is the app of the configuration that was started last. It serves as soon as
// nothing can refuse it any more, which is known at the latest when the one before
// it, which serves until then, is to stop.
var started, serving atomic.Pointer[App]

// Handle is called when the configuration has been started, and when it is to stop:
// because of another one, or because the process ends.
func (a *App) Handle(_ context.Context, e caddy.Event) error {
	switch e.Name() {
	case "started":
		started.Store(a)
		config, ok := lifecycle.ConfigOf(a.ctx)
		if serving.Load() == nil || !ok { // there is nobody to disturb
			a.serve()
			break
		}
		go func() {
			if config.Await(a.ctx) {
				a.serve()
			}
		}()
	case "stopping":
		lifecycle.BeginShutdown()
		if next := started.Load(); next != a {
			if config, ok := lifecycle.ConfigOf(next.ctx); ok && config.Running() {
				next.serve()
			}
		}
	}
	return nil
}

// serve has this configuration be the one that serves. A second call changes nothing.
func (a *App) serve() {
	serving.Store(a)
	lifecycle.SetGracePeriod(time.Duration(a.GracePeriod))
	registry.SetRemovedTimeout(time.Duration(a.RemovedServerTimeout))
	for name, b := range a.Backends {
		b.pool.Activate()
		if b.Site != "" && !inprocess.Listening(b.Site) {
			a.ctx.Logger().Error("no http server listens where a backend has its site: its connections are refused", zap.String("backend", name), zap.String("listen", inprocess.Network+"/"+b.Site))
		}
	}
}

// Stop has the frontends stop listening. Sessions outlive their configuration.
func (a *App) Stop() error {
	lifecycle.BeginShutdown()
	a.stopListening()
	return nil
}

// Cleanup gives up this configuration's hold on the backends' counts. At the end of the
// process it does not: the backends serve whoever is left, are checked, and are shown
// by the admin endpoint, for as long as that takes.
func (a *App) Cleanup() error {
	if caddy.Exiting() {
		return nil
	}
	serving.CompareAndSwap(a, nil)
	for _, b := range a.Backends {
		b.Close()
	}
	return nil
}

// Backend finds a backend by name. The error names the nearest that there are.
func (a *App) Backend(name string) (*Backend, error) {
	if b := a.Backends[name]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("backend %q is not defined%s", name, options.Suggest(name, slices.Collect(maps.Keys(a.Backends))))
}

// AddBackend adds the backend that a frontend holds itself, under the
// frontend's name. It is called like AddFrontend.
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
	return a.validateTracks(b)
}

// Registry is where all configurations keep what outlives them. It changes what
// runs, and is for those who show it or change it at run time.
func Registry() *pool.Registry { return &registry }

// Interface guards
var (
	_ caddy.App           = (*App)(nil)
	_ caddy.Provisioner   = (*App)(nil)
	_ caddy.CleanerUpper  = (*App)(nil)
	_ caddyevents.Handler = (*App)(nil)
)
