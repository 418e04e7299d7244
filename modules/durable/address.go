// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// sharedSuffix marks the networks whose addresses several users of one configuration may have.
const sharedSuffix = "+shared"

// networks maps the networks registered here to those of package net.
var networks = map[string]string{
	"durable":                 "tcp",
	"durable4":                "tcp4",
	"durable6":                "tcp6",
	"durable" + sharedSuffix:  "tcp",
	"durable4" + sharedSuffix: "tcp4",
	"durable6" + sharedSuffix: "tcp6",
}

// IsNetwork reports whether network, as caddy.ParseNetworkAddress returns it, is registered here.
func IsNetwork(network string) bool { return networks[network] != "" }

// kind is the kind of thing that an address names.
type kind uint8

const (
	ofTCP        kind = iota
	ofUnix            // a path, or an abstract name as in package net: it begins with @
	ofDescriptor      // a number
)

// address is an address that can be bound. Users of equal addresses share a kernel socket.
type address struct {
	kind  kind
	name  string         // path or number
	at    netip.AddrPort // for TCP; 0.0.0.0 or [::] is the wildcard of an IP version
	place place          // for TCP
}

func (a address) String() string {
	switch {
	case a.kind == ofUnix:
		if name := strings.TrimRight(a.name, "\x00"); name != a.name {
			return "durable/abns/" + name[1:]
		}
		return "durable/unix/" + a.name
	case a.kind == ofDescriptor:
		return "durable/fd/" + a.name
	case !a.isWildcard():
		return "durable/" + a.at.String() + a.place.String()
	case a.isIPv4():
		return fmt.Sprintf("durable4/:%d%s", a.at.Port(), a.place)
	default:
		return fmt.Sprintf("durable6/:%d%s", a.at.Port(), a.place)
	}
}

// isWildcard reports whether the address stands for all addresses of its IP version.
func (a address) isWildcard() bool { return a.kind == ofTCP && a.at.Addr().IsUnspecified() }

func (a address) isIPv4() bool { return a.at.Addr().Is4() }

// wildcard returns the wildcard address of the same IP version, port and place.
func (a address) wildcard() address {
	all := netip.IPv6Unspecified()
	if a.isIPv4() {
		all = netip.IPv4Unspecified()
	}
	return address{kind: ofTCP, at: netip.AddrPortFrom(all, a.at.Port()), place: a.place}
}

// resolve turns the parts of a Caddy network address into the addresses to bind, and the mode of a
// Unix socket. Host names are looked up here, so that users that spell one address differently
// share its socket. The forms are:
//
//	durable/HOST:PORT          TCP; a range of ports is one address each
//	durable4/… durable6/…      of one IP version, so that both versions can have one port
//	durable/unix//PATH|MODE    a Unix socket, which replaces one that exists
//	durable/unix/@NAME         an abstract Unix socket (Linux)
//	durable/abns/NAME          the same, padded with zeros as HAProxy does for abns@
//	durable/fd/NUMBER          a listening socket that the process was started with
//	durable+shared/…           any of these, which others of the configuration may have, too
//
// Without a host, durable stands for two addresses: each IP version has a socket of its own, so
// that a reload can keep one of them, or open an overlapping address beside it.
func resolve(network, host, portRange string, portOffset uint) (as []address, mode fs.FileMode, err error) {
	// Caddy passes these as a host, with a meaningless port.
	if path, ok := strings.CutPrefix(host, "unix/"); ok {
		path, mode, err = splitMode(path)
		return []address{{kind: ofUnix, name: path}}, mode, err
	}
	if name, ok := strings.CutPrefix(host, "abns/"); ok {
		if name == "" || len(name) >= AbstractLength {
			return nil, 0, fmt.Errorf("durable: %q: expected a name of 1 to %d bytes after abns/", host, AbstractLength-1)
		}
		return []address{{kind: ofUnix, name: Abstract(name)}}, ownerWrites, nil
	}
	if number, ok := strings.CutPrefix(host, "fd/"); ok {
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return nil, 0, fmt.Errorf("durable: %q: expected %s/fd/ and the number of a descriptor", host, network)
		}
		return []address{{kind: ofDescriptor, name: strconv.FormatUint(n, 10)}}, 0, nil
	}
	if strings.Contains(host, "/") {
		return nil, 0, fmt.Errorf("durable: %q: expected %[2]s/HOST:PORT, %[2]s/unix//PATH or %[2]s/fd/NUMBER", host, network)
	}
	as, err = resolveTCP(network, host, portRange, portOffset)
	return as, 0, err
}

func resolveTCP(network, host, portRange string, portOffset uint) ([]address, error) {
	first, _, _ := strings.Cut(portRange, "-")
	start, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("parsing port %q: %w", portRange, err)
	}
	port := strconv.FormatUint(start+uint64(portOffset), 10)
	// Package net takes "::" for an address of IPv4, too.
	if ip, err := netip.ParseAddr(host); err == nil && networks[network] == "tcp4" && ip == netip.IPv6Unspecified() {
		return nil, fmt.Errorf("resolving address %q: expected one of IPv4", host)
	}
	found, err := net.ResolveTCPAddr(networks[network], net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("resolving address %q: %w", host, err)
	}
	at := found.AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	if found.IP != nil && !found.IP.IsUnspecified() {
		return []address{{at: at}}, nil
	}
	// Package net treats "0.0.0.0", "::" and an empty host alike.
	four := address{at: netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port())}
	six := address{at: netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port())}
	switch networks[network] {
	case "tcp4":
		return []address{four}, nil
	case "tcp6":
		return []address{six}, nil
	default:
		return []address{four, six}, nil
	}
}

// AbstractLength is the maximum length of an abstract Unix socket name, including the zero byte
// that it begins with (unix(7)).
const AbstractLength = 108

// Abstract returns, in package net's form, the abstract Unix socket name padded with zeros to its
// full length, as HAProxy's abns@ does.
func Abstract(name string) string {
	return "@" + name + strings.Repeat("\x00", max(0, AbstractLength-1-len(name)))
}

// ownerWrites is the mode of a Unix socket that others may not connect to. It is Caddy's default.
const ownerWrites fs.FileMode = 0o200

// splitMode splits the mode off a path, as Caddy does for its network unix.
func splitMode(host string) (path string, mode fs.FileMode, err error) {
	path, digits, given := strings.Cut(host, "|")
	if path == "" || path == "/" {
		return "", 0, fmt.Errorf("durable: Unix socket %q: expected a path, such as durable/unix//run/caddy.sock", host)
	}
	if !given {
		return path, ownerWrites, nil
	}
	n, err := strconv.ParseUint(digits, 8, 32)
	if mode = fs.FileMode(n); err != nil || mode > fs.ModePerm || mode&ownerWrites == 0 {
		return "", 0, fmt.Errorf("durable: mode %q of Unix socket %s: expected an octal number, such as 0222, in which the owner may write", digits, path)
	}
	return path, mode, nil
}
