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

// networks are what package net calls those that are registered here.
var networks = map[string]string{
	"durable":  "tcp",
	"durable4": "tcp4",
	"durable6": "tcp6",
}

// kind is what an address names.
type kind uint8

const (
	ofTCP        kind = iota
	ofUnix            // a path, or a name that begins with @
	ofDescriptor      // a number
)

// address is one that can be bound: two that are equal share a kernel socket.
type address struct {
	network string // a key of networks
	kind    kind
	name    string // HOST:PORT, path or number
}

func (a address) String() string {
	return a.network + "/" + [...]string{ofUnix: "unix/", ofDescriptor: "fd/"}[a.kind] + a.name
}

// resolve turns the parts of a Caddy network address into the address to bind, and
// the mode of a Unix socket. Names are looked up here, so that users who spell one
// address differently share its socket. The forms are:
//
//	durable/HOST:PORT          TCP; a range of ports is one address each
//	durable4/… durable6/…      of one version of IP, so that both can have one port
//	durable/unix//PATH|MODE    a Unix socket, which takes the place of one that is there
//	durable/fd/NUMBER          a listening socket that the process has been started with
func resolve(network, host, portRange string, portOffset uint) (a address, mode fs.FileMode, err error) {
	// Caddy hands these over as a host, with a port that means nothing.
	if path, ok := strings.CutPrefix(host, "unix/"); ok {
		path, mode, err = splitMode(path)
		return address{network, ofUnix, path}, mode, err
	}
	if number, ok := strings.CutPrefix(host, "fd/"); ok {
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return a, 0, fmt.Errorf("durable: %q: expected %s/fd/ and the number of a descriptor", host, network)
		}
		return address{network, ofDescriptor, strconv.FormatUint(n, 10)}, 0, nil
	}
	if strings.Contains(host, "/") {
		return a, 0, fmt.Errorf("durable: %q: expected %[2]s/HOST:PORT, %[2]s/unix//PATH or %[2]s/fd/NUMBER", host, network)
	}
	a, err = resolveTCP(network, host, portRange, portOffset)
	return a, 0, err
}

func resolveTCP(network, host, portRange string, portOffset uint) (address, error) {
	first, _, _ := strings.Cut(portRange, "-")
	start, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return address{}, fmt.Errorf("parsing port %q: %w", portRange, err)
	}
	port := strconv.FormatUint(start+uint64(portOffset), 10)
	// To package net, "::" is an address of IPv4, too.
	if ip, err := netip.ParseAddr(host); err == nil && network == "durable4" && ip == netip.IPv6Unspecified() {
		return address{}, fmt.Errorf("resolving address %q: expected one of IPv4", host)
	}
	addr, err := net.ResolveTCPAddr(networks[network], net.JoinHostPort(host, port))
	if err != nil {
		return address{}, fmt.Errorf("resolving address %q: %w", host, err)
	}
	return address{network, ofTCP, canonical(addr).String()}, nil
}

// canonical gives one spelling to the unspecified addresses: to package net,
// "0.0.0.0", "::" and no host at all mean the same socket in one network.
func canonical(addr *net.TCPAddr) *net.TCPAddr {
	if addr.IP.IsUnspecified() {
		return &net.TCPAddr{Port: addr.Port}
	}
	return addr
}

// ownerWrites is the mode of a Unix socket that others may not connect to. It is
// Caddy's default.
const ownerWrites fs.FileMode = 0o200

// splitMode takes the mode off a path, as Caddy does for its network unix.
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
