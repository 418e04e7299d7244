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

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// frontendModule is the ID of the module for frontends with listeners of their own. It is loaded by
// ID because its package imports this one.
const frontendModule = "passthrough.frontend"

// ownFrontend is a frontend with listeners of its own.
type ownFrontend interface {
	// Listen opens the listeners and serves their connections. If one of them cannot be opened, it
	// opens none.
	Listen() error
	// StopListening closes the listeners. Accepted connections continue.
	StopListening()
}

// OwnFrontends returns the names of the frontends with listeners of their own.
func (a *App) OwnFrontends() []string { return slices.Sorted(maps.Keys(a.FrontendsRaw)) }

// claimFrontends registers the names of the frontends with listeners of their own, before those of
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

// provisionFrontends loads the frontends with listeners of their own.
func (a *App) provisionFrontends(ctx caddy.Context) error {
	if len(a.FrontendsRaw) == 0 {
		return nil
	}
	// Rules may refer to frontends of layer4 servers. Caddy reports errors in those.
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

// jsonPath returns the JSON path of a frontend.
func jsonPath(name string) string { return "apps.passthrough.frontends." + name }

// Start opens the listeners of frontends and the sockets. Health checks begin later, when the whole
// configuration runs: until then it may still fail.
func (a *App) Start() (err error) {
	defer func() {
		if err != nil && a.stopDiscovery != nil { // Caddy does not stop an app whose start has failed
			a.stopDiscovery()
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(a.Backends)) {
		if err := a.Backends[name].mayConnect(); err != nil {
			return options.Report(a.ctx.Logger(), err)
		}
	}
	a.startDiscovery()
	for _, name := range slices.Sorted(maps.Keys(a.listening)) {
		if err := a.listening[name].Listen(); err != nil {
			a.stopListening()
			return err
		}
	}
	if err := a.openSockets(); err != nil {
		a.stopListening()
		return err
	}
	if err := a.openPeers(); err != nil {
		a.stopListening()
		a.closeSockets()
		return err
	}
	return nil
}

// stopListening closes the listeners of all frontends.
func (a *App) stopListening() {
	for _, f := range a.listening {
		f.StopListening()
	}
}

// Listening returns the addresses that frontends and sockets listen on, by the name that errors use
// for them. It is for durable.Validate.
func (a *App) Listening() map[string][]durable.Listening {
	all := make(map[string][]durable.Listening)
	for name, f := range a.listening {
		if f, ok := f.(interface{ Addresses() []durable.Listening }); ok {
			all[fmt.Sprintf("frontend %q", name)] = f.Addresses()
		}
	}
	a.socketAddresses(all)
	a.peerAddresses(all)
	return all
}

// AddFrontend registers a frontend of this configuration. Its counts are kept under its name, which
// must be unique. at is its place in a Caddyfile, and in names its place in errors otherwise; both
// may be empty. It must be called while Caddy provisions, from one goroutine.
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

// parseFrontend parses the block of a frontend with listeners of its own. Its module parses
// everything except for the name.
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
