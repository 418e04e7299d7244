// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Listening is an address that a frontend of the app passthrough listens on, and where.
type Listening struct {
	Address   string // with its network
	Interface string // empty: all
	Namespace string // empty: that of the process

	// PassesOn says that the frontend passes connections on to the http server that listens on the
	// address as well: the frontend opens it with Options.Front.
	PassesOn bool
}

// use is a stream address that something in a configuration listens on.
type use struct {
	Listening

	by   string // in the user's words: layer4 server "tls"
	http bool   // it is an http server

	network     string // as in package net, or unix or fd
	durable     bool
	shared      bool
	host        string     // as written; for unix a path, for fd a number
	ip          netip.Addr // of host; invalid if host is empty or a name
	first, last uint
}

// standardNetworks are Caddy's own networks, which are not misspellings of one here.
var standardNetworks = []string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix", "unixgram", "unixpacket", "fd", "fdgram", "ip", "ip4", "ip6"}

// parseUse parses an address as written. ok is false if it is not a stream address, or has a
// network of another module. Errors that Caddy reports are left to it.
func parseUse(by string, l Listening) (u use, ok bool, err error) {
	addr, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceAll(l.Address, ""))
	if err != nil {
		return u, false, nil //nolint:nilerr // Caddy says so itself
	}
	u = use{Listening: l, by: by, host: addr.Host, first: addr.StartPort, last: addr.EndPort}
	if u, err = u.withNetwork(addr.Network); err != nil {
		return u, false, fmt.Errorf("%s listens on %q: %w", by, l.Address, err)
	}
	u, ok = u.normalized()
	return u, ok, nil
}

// withNetwork returns the use with the network of a name, as Caddy parsed it.
func (u use) withNetwork(name string) (use, error) {
	u.network = name
	if network, ours := networks[name]; ours {
		u.network, u.durable, u.shared = network, true, strings.HasSuffix(name, sharedSuffix)
	} else if !slices.Contains(standardNetworks, name) {
		ours := slices.Collect(maps.Keys(networks))
		if options.Nearest(name, ours) != "" {
			return u, fmt.Errorf("unknown network %q%s", name, options.Suggest(name, ours))
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
	return u, nil
}

// normalized returns the use in the form that equal addresses have. ok is false if it is no stream
// address, or stands for any free port.
func (u use) normalized() (n use, ok bool) {
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
		return u, u.first > 0 // port 0 is any free port
	default:
		return u, false
	}
	return u, true
}

// String returns the address as errors show it.
func (u use) String() string { return u.Address + onText(u.Interface) + inText(u.Namespace) }

// sharedForm returns the address in its shared form.
func (u use) sharedForm() string {
	network, rest, _ := strings.Cut(u.Address, "/")
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
	if u.ip != v.ip || u.host != v.host && !u.ip.IsValid() || u.Interface != v.Interface || u.Namespace != v.Namespace {
		return false
	}
	return u.four() && v.four() || u.six() && v.six()
}

// overlaps reports whether one connection can be to both addresses.
func (u use) overlaps(v use) bool {
	if u.same(v) {
		return true
	}
	switch {
	case !u.isIP() || !v.isIP() || u.Namespace != v.Namespace:
		return false
	case u.host != v.host && u.host != "" && v.host != "":
		return false
	case u.Interface != v.Interface && u.Interface != "" && v.Interface != "":
		return false
	}
	return u.four() && v.four() || u.six() && v.six()
}
