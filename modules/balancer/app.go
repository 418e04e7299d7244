// SPDX-License-Identifier: Apache-2.0

// Package balancer is the Caddy app passthrough: the named backends and their
// life across reloads. A backend here is a thin shell over a pool: it loads the
// policy by its module ID, checks what the user wrote and names what is wrong
// with it. Frontends ask the app for their backends; what a backend counts is
// kept for the process and is not the app's, which lives as long as its
// configuration. The app opens no connection itself but those of health checks.
package balancer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func init() {
	caddy.RegisterModule(new(App))
}

// registry keeps counts and positions for the process, whatever configuration
// runs.
var registry pool.Registry

// App holds the backends that frontends (the passthrough handlers of layer4
// servers) send connections to.
type App struct {
	// Backends by name. A name consists of letters, digits and -_.: only.
	Backends map[string]*Backend `json:"backends,omitempty"`

	frontends map[string]bool
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision sets up the backends.
func (a *App) Provision(ctx caddy.Context) error {
	a.frontends = make(map[string]bool)
	if err := a.awaitStart(ctx); err != nil {
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
		if err := a.checkTracks(a.Backends[name]); err != nil {
			return err
		}
	}
	return nil
}

// awaitStart has Caddy tell when the configuration runs as a whole.
func (a *App) awaitStart(ctx caddy.Context) error {
	mod, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting the events app: %w", err)
	}
	return mod.(*caddyevents.App).On("started", a)
}

// Handle is called when the configuration runs as a whole: it is the one that
// serves from now on.
func (a *App) Handle(context.Context, caddy.Event) error {
	for _, b := range a.Backends {
		b.pool.Serve()
	}
	return nil
}

// Start does nothing: the configuration may still fail. Checks begin when it runs
// as a whole.
func (a *App) Start() error { return nil }

// Stop does nothing: sessions outlive their configuration.
func (a *App) Stop() error { return nil }

// Cleanup gives up this configuration's hold on the backends' counts.
func (a *App) Cleanup() error {
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

// AddFrontend takes note of a frontend of this configuration. Its name keeps
// its counts and must differ from every other's. It is called while Caddy
// provisions, one after the other.
func (a *App) AddFrontend(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if a.frontends[name] {
		return fmt.Errorf("another frontend is named %q already: give one of them a name of its own (option name)", name)
	}
	a.frontends[name] = true
	return nil
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
	return a.checkTracks(b)
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
