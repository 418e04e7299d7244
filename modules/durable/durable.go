// SPDX-License-Identifier: Apache-2.0

// Package durable registers the Caddy network "durable": TCP listeners whose
// kernel socket outlives reloads. Caddy starts a new config before it stops the
// old one; with durable/HOST:PORT (or a port range) both use one kernel socket, and
// closing the old listener loses nothing that waits in the kernel's queue. The
// networks "durable4" and "durable6" are for one IP version each, as tcp4 and tcp6
// are, so that both can have one port.
//
// The last close closes the kernel socket. Connections that nobody has taken by
// then are reset. There is no SO_REUSEPORT: an address that somebody else holds,
// a plain listener of this very process included, is an error at start. A lack of
// descriptors or memory delays accepting and never ends it. Unix sockets,
// inherited descriptors and UDP are not supported.
package durable

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// networks are what package net calls those that are registered here.
var networks = map[string]string{
	"durable":  "tcp",
	"durable4": "tcp4",
	"durable6": "tcp6",
}

func init() {
	for name := range networks {
		caddy.RegisterNetwork(name, listen)
	}
}

// Interface guard
var _ caddy.ListenerFunc = listen

// listen attaches one more user to the kernel socket of an address, and opens it
// for the first. What cfg sets (keepalive, control function) is the first user's
// for as long as the kernel socket lives. The listener closes when ctx ends.
func listen(ctx context.Context, network, host, portRange string, portOffset uint, cfg net.ListenConfig) (any, error) {
	addr, err := resolve(network, host, portRange, portOffset)
	if err != nil {
		return nil, err
	}
	s, err := attach(ctx, addr, cfg)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", addr, err)
	}
	return newListener(ctx, s), nil
}

// address is one that can be bound: two that are equal share a kernel socket.
type address struct {
	network string // a key of networks
	tcp     string // host:port
}

func (a address) String() string { return a.network + "/" + a.tcp }

// resolve turns the parts of a Caddy network address into the address to bind.
// Names are looked up here, so that users who spell one address differently
// share its socket.
func resolve(network, host, portRange string, portOffset uint) (address, error) {
	// Caddy hands "unix//run/x.sock" and "fd/3" over as a host.
	if strings.Contains(host, "/") {
		return address{}, fmt.Errorf("durable: %q is not a TCP address: expected %s/HOST:PORT", host, network)
	}
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
	return address{network, canonical(addr).String()}, nil
}

// canonical gives one spelling to the unspecified addresses: to package net,
// "0.0.0.0", "::" and no host at all mean the same socket in one network.
func canonical(addr *net.TCPAddr) *net.TCPAddr {
	if addr.IP.IsUnspecified() {
		return &net.TCPAddr{Port: addr.Port}
	}
	return addr
}
