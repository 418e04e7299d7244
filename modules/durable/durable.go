// SPDX-License-Identifier: Apache-2.0

// Package durable registers the Caddy network "durable": TCP listeners whose
// kernel socket outlives reloads. Caddy starts a new config before it stops the
// old one; with durable/HOST:PORT (or a port range) both use one kernel socket, and
// closing the old listener loses nothing that waits in the kernel's queue.
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
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterNetwork("durable", listen)
}

// Interface guard
var _ caddy.ListenerFunc = listen

// listen attaches one more user to the kernel socket of an address, and opens it
// for the first. What cfg sets (keepalive, control function) is the first user's
// for as long as the kernel socket lives. The listener closes when ctx ends.
func listen(ctx context.Context, _, host, portRange string, portOffset uint, cfg net.ListenConfig) (any, error) {
	addr, err := resolve(host, portRange, portOffset)
	if err != nil {
		return nil, err
	}
	s, err := attach(ctx, addr, cfg)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", "durable/"+addr.String(), err)
	}
	return newListener(ctx, s), nil
}

// resolve turns the parts of a Caddy network address into the address to bind.
// Names are looked up here, so that users who spell one address differently
// share its socket.
func resolve(host, portRange string, portOffset uint) (*net.TCPAddr, error) {
	// Caddy hands "unix//run/x.sock" and "fd/3" over as a host.
	if strings.Contains(host, "/") {
		return nil, fmt.Errorf("durable: %q is not a TCP address: expected durable/HOST:PORT", host)
	}
	first, _, _ := strings.Cut(portRange, "-")
	start, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("parsing port %q: %w", portRange, err)
	}
	port := strconv.FormatUint(start+uint64(portOffset), 10)
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("resolving address %q: %w", host, err)
	}
	return canonical(addr), nil
}

// canonical gives one spelling to the unspecified addresses: to package net,
// "0.0.0.0", "::" and no host at all mean the same socket.
func canonical(addr *net.TCPAddr) *net.TCPAddr {
	if addr.IP.IsUnspecified() {
		return &net.TCPAddr{Port: addr.Port}
	}
	return addr
}
