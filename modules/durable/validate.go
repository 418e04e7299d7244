// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/mholt/caddy-l4/layer4"
)

// Validate returns an error that names two users of one address in a configuration if they cannot
// both have it: two users of a durable address not marked as shared, or a durable and a plain
// address that overlap. Of a frontend that passes connections on, it returns an error if no http
// server is there to get them. It also returns one for a network that looks like a misspelling of
// one here. It provisions the http and layer4 apps if they are not yet; their own errors are left
// for Caddy to report.
func Validate(ctx caddy.Context) error {
	uses, err := usesOf(ctx)
	if err != nil {
		return err
	}
	if err := firstClash(uses); err != nil {
		return err
	}
	return firstWithoutReceiver(uses)
}

func firstClash(uses []use) error {
	slices.SortStableFunc(uses, func(a, b use) int { return int(a.first) - int(b.first) })
	for i, a := range uses {
		for _, b := range uses[i+1:] {
			if b.first > a.last {
				break
			}
			if err := clash(a, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// usesOf collects what the apps and the admin endpoint of a configuration listen on.
func usesOf(ctx caddy.Context) (uses []use, err error) {
	for _, l := range listenersIn(ctx) {
		for _, listen := range l.addresses {
			u, ok, err := parseUse(l.by, listen)
			if err != nil {
				return nil, err
			}
			u.http = l.http
			switch {
			case ok:
				uses = append(uses, u)
			case listen.PassesOn && u.last == 0 && u.durable:
				return nil, fmt.Errorf("%s listens on %s and has the action next: expected a port other than 0", l.by, listen.Address)
			}
		}
	}
	return uses, nil
}

// listenersOf holds the addresses, as written, that a part of a configuration listens on.
type listenersOf struct {
	by        string // see use.by
	http      bool
	addresses []Listening
}

// plain returns addresses as those of all interfaces, in the namespace of the process.
func plain(addresses []string) (all []Listening) {
	for _, a := range addresses {
		all = append(all, Listening{Address: a})
	}
	return all
}

// listenersIn returns the listeners of all parts of a configuration, in the order in which errors
// name them.
func listenersIn(ctx caddy.Context) (all []listenersOf) {
	if app, _ := ctx.AppIfConfigured("layer4"); app != nil {
		servers := app.(*layer4.App).Servers
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			all = append(all, listenersOf{by: fmt.Sprintf("layer4 server %q", name), addresses: plain(servers[name].Listen)})
		}
	}
	if app, _ := ctx.AppIfConfigured("http"); app != nil {
		servers := app.(*caddyhttp.App).Servers
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			all = append(all, listenersOf{by: fmt.Sprintf("http server %q", name), http: true, addresses: plain(streams(servers[name]))})
		}
	}
	app, _ := ctx.AppIfConfigured("passthrough")
	if app, ok := app.(interface{ Listening() map[string][]Listening }); ok {
		listening := app.Listening()
		for _, by := range slices.Sorted(maps.Keys(listening)) {
			all = append(all, listenersOf{by: by, addresses: listening[by]})
		}
	}
	return append(all, listenersOf{by: "admin endpoint", addresses: plain(adminAddress(ctx))})
}

// streams returns the addresses that an http server listens on for TCP.
func streams(s *caddyhttp.Server) (listen []string) {
	for i, l := range s.Listen {
		protocols := s.Protocols
		if i < len(s.ListenProtocols) && s.ListenProtocols[i] != nil {
			protocols = s.ListenProtocols[i]
		}
		if len(protocols) == 0 || slices.ContainsFunc(protocols, func(p string) bool { return p != "h3" }) {
			listen = append(listen, l)
		}
	}
	return listen
}

// adminAddress returns the address of Caddy's admin endpoint. A context does not export it, so it
// is read by reflection.
func adminAddress(ctx caddy.Context) []string {
	config := reflect.ValueOf(ctx).FieldByName("cfg")
	if !config.IsValid() || config.IsNil() {
		return nil
	}
	listen := caddy.DefaultAdminListen
	if admin := config.Elem().FieldByName("Admin"); admin.IsValid() && !admin.IsNil() {
		if admin.Elem().FieldByName("Disabled").Bool() {
			return nil
		}
		if l := admin.Elem().FieldByName("Listen").String(); l != "" {
			listen = l
		}
	}
	return []string{listen}
}

// clash returns an error if two users, whose ports overlap, cannot both have their addresses.
func clash(a, b use) error {
	switch {
	case !a.durable && !b.durable:
		return nil
	case a.durable && b.durable:
		return clashOfDurable(a, b)
	case !a.overlaps(b):
		return nil
	}
	if b.durable {
		a, b = b, a
	}
	return fmt.Errorf("%s listens on %s and %s on %s: a durable address is not shared with others; expected two addresses, or durable ones in both places", a.by, a, b.by, b)
}

// clashOfDurable works like clash for two durable addresses.
func clashOfDurable(a, b use) error {
	if !a.same(b) || a.passesOnTo(b) || b.passesOnTo(a) {
		return nil
	}
	if a.shared && b.shared && !a.PassesOn && !b.PassesOn {
		return nil
	}
	switch {
	case a.by == b.by:
		return fmt.Errorf("%s listens twice on %s", a.by, both(a, b))
	case a.PassesOn || b.PassesOn:
		return fmt.Errorf("%s and %s both listen on %s: beside a frontend with the action next, expected one http server, with the same address", a.by, b.by, both(a, b))
	}
	return fmt.Errorf("%s and %s both listen on %s: each would get a part of the connections by chance; expected two addresses, or %s in both places",
		a.by, b.by, both(a, b), a.sharedForm())
}

// both names the addresses of two users.
func both(a, b use) string {
	if a.String() == b.String() {
		return a.String()
	}
	return a.String() + " and " + b.String()
}
