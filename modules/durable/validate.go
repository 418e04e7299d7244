// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// use is a stream address that something in a configuration listens on.
type use struct {
	by     string // in the user's words: layer4 server "tls"
	listen string // as written

	network     string // as in package net, or unix or fd
	durable     bool
	shared      bool
	host        string     // as written; for unix a path, for fd a number
	ip          netip.Addr // of host; invalid if host is empty or a name
	first, last uint
}

// standardNetworks are Caddy's own networks, which are not misspellings of one here.
var standardNetworks = []string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix", "unixgram", "unixpacket", "fd", "fdgram", "ip", "ip4", "ip6"}

// Validate returns an error that names two users of one address in a configuration if they cannot
// both have it: two users of a durable address not marked as shared, or a durable and a plain
// address that overlap. It also returns one for a network that looks like a misspelling of one
// here. It provisions the http and layer4 apps if they are not yet; their own errors are left for
// Caddy to report.
func Validate(ctx caddy.Context) error {
	uses, err := usesOf(ctx)
	if err != nil {
		return err
	}
	return firstClash(uses)
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
	add := func(by string, listen []string) error {
		for _, l := range listen {
			u, ok, err := parseUse(by, l)
			if err != nil {
				return err
			}
			if ok {
				uses = append(uses, u)
			}
		}
		return nil
	}
	if app, _ := ctx.AppIfConfigured("layer4"); app != nil {
		servers := app.(*layer4.App).Servers
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			if err := add(fmt.Sprintf("layer4 server %q", name), servers[name].Listen); err != nil {
				return nil, err
			}
		}
	}
	if app, _ := ctx.AppIfConfigured("http"); app != nil {
		servers := app.(*caddyhttp.App).Servers
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			if err := add(fmt.Sprintf("http server %q", name), streams(servers[name])); err != nil {
				return nil, err
			}
		}
	}
	if app, _ := ctx.AppIfConfigured("passthrough"); app != nil {
		if app, ok := app.(interface{ Listening() map[string][]string }); ok {
			all := app.Listening()
			for _, by := range slices.Sorted(maps.Keys(all)) {
				if err := add(by, all[by]); err != nil {
					return nil, err
				}
			}
		}
	}
	return uses, add("admin endpoint", adminAddress(ctx))
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

// parseUse parses an address as written. ok is false if it is not a stream address, or has a
// network of another module. Errors that Caddy reports are left to it.
func parseUse(by, listen string) (u use, ok bool, err error) {
	addr, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceAll(listen, ""))
	if err != nil {
		return u, false, nil //nolint:nilerr // Caddy says so itself
	}
	u = use{by: by, listen: listen, network: addr.Network, host: addr.Host, first: addr.StartPort, last: addr.EndPort}
	if network, ours := networks[addr.Network]; ours {
		u.network, u.durable, u.shared = network, true, strings.HasSuffix(addr.Network, sharedSuffix)
	} else if !slices.Contains(standardNetworks, addr.Network) {
		ours := slices.Collect(maps.Keys(networks))
		if options.Nearest(addr.Network, ours) != "" {
			return u, false, fmt.Errorf("%s listens on %q: unknown network %q%s", by, listen, addr.Network, options.Suggest(addr.Network, ours))
		}
	}
	for _, kind := range []string{"unix", "fd"} {
		if path, is := strings.CutPrefix(u.host, kind+"/"); is && u.durable {
			u.network, u.host = kind, path
		}
	}
	if u.durable && strings.HasPrefix(u.host, "abns/") { // no path begins like this
		u.network = "unix"
	}
	switch u.network {
	case "unix":
		u.host, _, _ = strings.Cut(u.host, "|")
		u.first, u.last = 0, 0
	case "fd":
		u.first, u.last = 0, 0
	case "tcp", "tcp4", "tcp6":
		if u.host == "localhost" {
			u.host = "127.0.0.1" // as in Caddy: the first of its addresses
		}
		if u.ip, _ = netip.ParseAddr(u.host); u.ip.Is4In6() {
			u.ip = u.ip.Unmap()
		}
		if u.ip.IsUnspecified() {
			u.host, u.ip = "", netip.Addr{}
		}
		return u, u.first > 0, nil // port 0 is any free port
	default:
		return u, false, nil
	}
	return u, true, nil
}

// clash returns an error if two users, whose ports overlap, cannot both have their addresses.
func clash(a, b use) error {
	if !a.durable && !b.durable {
		return nil
	}
	if a.durable && b.durable {
		if !a.same(b) || a.shared && b.shared {
			return nil
		}
		if a.by == b.by {
			return fmt.Errorf("%s listens twice on %s", a.by, both(a, b))
		}
		return fmt.Errorf("%s and %s both listen on %s: each would get a part of the connections by chance; expected two addresses, or %s in both places",
			a.by, b.by, both(a, b), a.sharedForm())
	}
	if !a.overlaps(b) {
		return nil
	}
	if b.durable {
		a, b = b, a
	}
	return fmt.Errorf("%s listens on %s and %s on %s: a durable address is not shared with others; expected two addresses, or durable ones in both places", a.by, a.listen, b.by, b.listen)
}

// both names the addresses of two users.
func both(a, b use) string {
	if a.listen == b.listen {
		return a.listen
	}
	return a.listen + " and " + b.listen
}

// sharedForm returns the address in its shared form.
func (u use) sharedForm() string {
	network, rest, _ := strings.Cut(u.listen, "/")
	return strings.TrimSuffix(network, sharedSuffix) + sharedSuffix + "/" + rest
}

// four reports whether the address covers IPv4, six whether it covers IPv6.
func (u use) four() bool { return u.network != "tcp6" && !u.ip.Is6() }
func (u use) six() bool  { return u.network != "tcp4" && !u.ip.Is4() }

// isIP reports whether the address has a port.
func (u use) isIP() bool { return strings.HasPrefix(u.network, "tcp") }

// same reports whether two addresses are bound as one.
func (u use) same(v use) bool {
	if !u.isIP() || !v.isIP() {
		return u.network == v.network && u.host == v.host
	}
	if u.ip != v.ip || u.host != v.host && !u.ip.IsValid() {
		return false
	}
	return u.four() && v.four() || u.six() && v.six()
}

// overlaps reports whether one connection can be to both addresses.
func (u use) overlaps(v use) bool {
	if u.same(v) {
		return true
	}
	if !u.isIP() || !v.isIP() || u.host != "" && v.host != "" {
		return false
	}
	return u.four() && v.four() || u.six() && v.six()
}
