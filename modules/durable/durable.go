// SPDX-License-Identifier: Apache-2.0

// Package durable registers the Caddy network "durable": listeners whose kernel
// socket outlives reloads. Caddy starts a new config before it stops the old one;
// both use one kernel socket. The config that has had it first gets all connections
// until it closes; then the next one does, and what waits in the kernel's queue is
// its. So a config that is refused, at whatever stage, gets none. The last close
// serves who is in already and lets nobody else in; at the end of the process that
// is done for all addresses at once. A lack of descriptors or memory delays
// accepting and never ends it. Addresses of one port may overlap, in one configuration
// or from one to the next: each connection goes to the most exact (Linux). No other
// program can share an address: one that it holds is an error at start. UDP is not
// supported. Validate finds what a configuration as a whole cannot have. TakeBy and TakeFor
// take connections without Accept, and without a goroutine between.
package durable

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

func init() {
	for name, network := range networks {
		caddy.RegisterNetwork(name, listen)
		// Caddy's HTTP servers have their HTTP/3 on the UDP port of the same number.
		caddyhttp.RegisterNetworkHTTP3(name, "udp"+network[len("tcp"):])
	}
	lifecycle.AddAcceptor(lifecycle.Acceptor{StopAccepting: stopAccepting, Pending: pending})
}

// Interface guard
var _ caddy.ListenerFunc = listen

// listen attaches one more user to the kernel socket of an address, and opens it
// for the first. The listener closes when ctx ends. What cfg sets is that of the
// user who gets the connections; its control function is called for the first.
func listen(ctx context.Context, network, host, portRange string, portOffset uint, cfg net.ListenConfig) (any, error) {
	as, mode, err := resolve(network, host, portRange, portOffset)
	if err != nil {
		return nil, err
	}
	o := socketOptions{ListenConfig: cfg, mode: mode, backlog: backlogOf(ctx), shared: strings.HasSuffix(network, sharedSuffix)}
	l, err := attachAll(ctx, as, o, portTries)
	if err != nil {
		if c, ok := ctx.(caddy.Context); ok && errors.Is(err, errNotShared) {
			if named := Validate(c); named != nil { // who the users are
				err = named
			}
		}
		return nil, fmt.Errorf("listening on %q: %w", spelling(network, as), err)
	}
	applyTakeFor(ctx, l, caddy.JoinNetworkAddress(network, host, portRange))
	return l, nil
}

// spelling is how an error calls addresses: durable/:443 stands for two.
func spelling(network string, as []address) string {
	if a := as[0]; a.isWildcard() {
		return fmt.Sprintf("%s/:%d", network, a.at.Port())
	}
	return as[0].String()
}
