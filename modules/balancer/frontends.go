// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// frontendModule is the ID of the module that is a frontend of the app. It is loaded by its ID
// because its package imports this one.
const frontendModule = "passthrough.frontend"

// ownFrontend is a frontend that listens itself.
type ownFrontend interface {
	// Listen opens the listeners and serves their connections. Where one of them cannot be
	// opened, none is.
	Listen() error
	// StopListening closes the listeners. Connections that have been accepted go on.
	StopListening()
}

// OwnFrontends returns the names of the frontends that listen themselves.
func (a *App) OwnFrontends() []string { return slices.Sorted(maps.Keys(a.FrontendsRaw)) }

// claimFrontends registers the names of the frontends that listen themselves, before those of
// layer4 servers are provisioned.
func (a *App) claimFrontends() error {
	for _, name := range a.OwnFrontends() {
		var given *struct {
			Name   *string        `json:"name"`
			Origin options.Origin `json:"origin"`
		}
		in := jsonPath(name)
		if err := json.Unmarshal(a.FrontendsRaw[name], &given); err != nil || given == nil {
			return errors.Join(fmt.Errorf("%s: expected an object with bind", in), err)
		}
		if given.Name != nil {
			return fmt.Errorf("%s: unexpected name %q: the key in frontends is the frontend's name", in, *given.Name)
		}
		if err := a.AddFrontend(name, given.Origin, in); err != nil {
			return options.Locate(given.Origin.Block(), fmt.Errorf("frontend %q: %w", name, err))
		}
	}
	return nil
}

// provisionFrontends loads the frontends that listen themselves. They report their errors.
func (a *App) provisionFrontends(ctx caddy.Context) error {
	if len(a.FrontendsRaw) == 0 {
		return nil
	}
	// Rules may ask about the frontends of layer4 servers. Caddy reports what is wrong with those.
	_, _ = ctx.AppIfConfigured("layer4")
	a.listening = make(map[string]ownFrontend)
	for _, name := range a.OwnFrontends() {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(a.FrontendsRaw[name], &fields); err != nil {
			return fmt.Errorf("%s: %w", jsonPath(name), err)
		}
		fields["name"] = json.RawMessage(strconv.Quote(name))
		mod, err := ctx.LoadModuleByID(frontendModule, caddyconfig.JSON(fields, nil))
		if err != nil {
			return fmt.Errorf("%s: %w", jsonPath(name), err)
		}
		a.listening[name] = mod.(ownFrontend)
		a.FrontendsRaw[name] = nil // for the garbage collector
	}
	return nil
}

// jsonPath is where a frontend stands in JSON.
func jsonPath(name string) string { return "apps.passthrough.frontends." + name }

// Start has the frontends listen. Health checks begin when the configuration runs as a whole:
// it may still fail.
func (a *App) Start() error {
	for _, name := range slices.Sorted(maps.Keys(a.listening)) {
		if err := a.listening[name].Listen(); err != nil {
			a.stopListening()
			return err
		}
	}
	return nil
}

// stopListening closes the listeners of all frontends.
func (a *App) stopListening() {
	for _, f := range a.listening {
		f.StopListening()
	}
}

// Listening returns the addresses that frontends listen on, by what errors call the frontend. It
// is for durable.Validate.
func (a *App) Listening() map[string][]string {
	all := make(map[string][]string)
	for name, f := range a.listening {
		if f, ok := f.(interface{ Addresses() []string }); ok {
			all[fmt.Sprintf("frontend %q", name)] = f.Addresses()
		}
	}
	return all
}

// AddFrontend registers a frontend of this configuration. Its name keeps its counts and must
// differ from every other's. at is where it stands in a Caddyfile, and in is what errors call
// the place otherwise; both may be empty. It is called while Caddy provisions, one call after
// the other.
func (a *App) AddFrontend(name string, at options.Origin, in string) error {
	if err := ValidateName(name); err != nil {
		return err
	}
	if other, twice := a.frontends[name]; twice {
		if other != "" {
			other = " (" + other + ")"
		}
		return fmt.Errorf("another frontend is named %q already%s: give one of them a name of its own (option name)", name, other)
	}
	a.frontends[name] = cmp.Or(at.Block(), in)
	return nil
}

// parseFrontend parses the block of a frontend that listens itself, of which the app knows the
// name alone.
func (a *App) parseFrontend(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Errf("frontend: expected a name, such as frontend tls { bind :443 … }")
	}
	name := d.Val()
	if err := ValidateWrittenName(name); err != nil {
		return d.Errf("frontend: %w", err)
	}
	if _, twice := a.FrontendsRaw[name]; twice {
		return d.Errf("frontend %q is defined twice", name)
	}
	d.Prev()
	module, err := caddyfile.UnmarshalModule(d, frontendModule)
	if err != nil {
		return err
	}
	if a.FrontendsRaw == nil {
		a.FrontendsRaw = make(map[string]json.RawMessage)
	}
	a.FrontendsRaw[name] = caddyconfig.JSON(module, nil)
	return nil
}
