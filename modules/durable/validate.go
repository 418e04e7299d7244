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

// use is an address of streams that something in a configuration listens on.
type use struct {
	by     string // in the user's words: layer4 server "tls"
	listen string // as it is written

	network     string // that of package net, or unix or fd
	durable     bool
	shared      bool
	host        string     // as it is written; a path or a number without a port
	ip          netip.Addr // of host, if it is one; invalid: all, or a name
	first, last uint
}

// standardNetworks are those of Caddy itself, for what is told from a misspelling.
var standardNetworks = []string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix", "unixgram", "unixpacket", "fd", "fdgram", "ip", "ip4", "ip6"}

// Validate reports which two users of one address a configuration has, if they cannot both
// have it: two of a durable address that are not marked shared, or one of a durable
// and one of a plain address that overlap. It also names a network that looks like a
// misspelling of one here. Where the http or the layer4 app is not provisioned yet, it
// is now; what is wrong with it is left for Caddy to say.
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

// streams are the addresses of an http server that it listens on for TCP.
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

// adminAddress is that of Caddy's admin endpoint, which a context keeps to itself.
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

// parseUse reads an address as it is written. It is none of streams, or of a network
// that is somebody else's, if ok is false. Mistakes that Caddy finds are left to it.
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
	if u.durable && strings.HasPrefix(u.host, "abns/") { // no path begins so
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
			u.host = "127.0.0.1" // as Caddy has it, with the first of its addresses
		}
		if u.ip, _ = netip.ParseAddr(u.host); u.ip.Is4In6() {
			u.ip = u.ip.Unmap()
		}
		if u.ip.IsUnspecified() {
			u.host, u.ip = "", netip.Addr{}
		}
		return u, u.first > 0, nil // port 0 is any that is free
	default:
		return u, false, nil
	}
	return u, true, nil
}

// clash says why two users cannot both have their addresses. Their ports overlap.
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

// sharedForm is how the address is written to be shared.
func (u use) sharedForm() string {
	network, rest, _ := strings.Cut(u.listen, "/")
	return strings.TrimSuffix(network, sharedSuffix) + sharedSuffix + "/" + rest
}

// four and six report whether the address is one of IPv4 or IPv6, or all of them.
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

// overlaps reports whether an address can be of both.
func (u use) overlaps(v use) bool {
	if u.same(v) {
		return true
	}
	if !u.isIP() || !v.isIP() || u.host != "" && v.host != "" {
		return false
	}
	return u.four() && v.four() || u.six() && v.six()
}
