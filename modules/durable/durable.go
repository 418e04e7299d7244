// SPDX-License-Identifier: Apache-2.0

// Package durable registers the Caddy network "durable": listeners whose kernel socket outlives
// reloads. Caddy starts a new configuration before it stops the old one; both use one kernel
// socket. The oldest configuration gets all connections until it closes its listener; then the next
// one gets them, and those that wait in the kernel's queue. So a configuration that is refused, at
// whatever stage, gets none. The last close serves the clients that are already connected and lets
// in no new ones; when the process shuts down, that happens for all addresses at once. A lack of
// descriptors or memory delays accepting and never ends it. Addresses of one port may overlap, in
// one configuration or from one to the next: each connection goes to the most specific one (Linux).
// No other program can share an address: one that another program holds is an error at start. UDP
// is not supported. Validate finds address conflicts within a configuration. TakeBy and TakeFor
// deliver connections without Accept, and without a goroutine in between; Passer queues connections
// for Accept.
package durable

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// A socket moves through these states, in this order, and never back. It may skip some.
//
//	state    entered by                        new clients          taken by
//	waiting  openSocket                        are queued, or go    no listener: all wait until a
//	                                           to a socket beside   configuration runs
//	serving  start: a configuration runs       are queued           the active listeners
//	ending   cedeAddress: sockets beside it    go to those sockets  the active listeners, for
//	         take over; stopAccepting          are dropped          handshakeTime
//	closing  beginClose: the last user closed  are dropped          the active listeners, until
//	         or ending is over                                      the kernel's queue is empty
//	closed   run closes done                   are refused          the listener that closed last,
//	                                                                for leftoverTimeout
//
// Active are the listeners of the oldest configuration (activateOldest). While none is, connections
// stay in the queue. socketsMu guards the users and every change of state but the last; queue.mu,
// taken after it, guards the queue and which listeners are active; leftoverMu the leftover.

func init() {
	for name, network := range networks {
		caddy.RegisterNetwork(name, listen)
		// Caddy's HTTP servers serve HTTP/3 on the UDP port of the same number.
		caddyhttp.RegisterNetworkHTTP3(name, "udp"+network[len("tcp"):])
	}
	lifecycle.AddAcceptor(lifecycle.Acceptor{StopAccepting: stopAccepting, Pending: pending})
}

// Interface guard
var _ caddy.ListenerFunc = listen

// listen adds a user to the kernel socket of an address, and opens the socket for the first user.
// The listener closes when ctx ends. The socket has the options in cfg of the user that gets the
// connections; only the first user's control function is called.
func listen(ctx context.Context, network, host, portRange string, portOffset uint, cfg net.ListenConfig) (any, error) {
	as, mode, err := resolve(network, host, portRange, portOffset)
	if err != nil {
		return nil, err
	}
	o := socketOptions{ListenConfig: cfg, Options: optionsOf(ctx), mode: mode, shared: strings.HasSuffix(network, sharedSuffix)}
	if err := cmp.Or(o.validate(as[0].kind), o.setPlace(as)); err != nil {
		return nil, fmt.Errorf("listening on %q: %w", spelling(network, as), err)
	}
	l, err := attachAll(ctx, as, o, portTries)
	if err != nil {
		if c, ok := ctx.(caddy.Context); ok && errors.Is(err, errNotShared) {
			if named := Validate(c); named != nil { // names the users
				err = named
			}
		}
		return nil, fmt.Errorf("listening on %q: %w", spelling(network, as), err)
	}
	applyLimitFor(ctx, l, caddy.JoinNetworkAddress(network, host, portRange))
	applyTakeFor(ctx, l, caddy.JoinNetworkAddress(network, host, portRange))
	if c, ok := ctx.(caddy.Context); ok {
		FixChallenges(c)
	}
	return l, nil
}

// spelling returns the form in which an error names addresses: durable/:443 stands for two.
func spelling(network string, as []address) string {
	if a := as[0]; a.isWildcard() {
		return fmt.Sprintf("%s/:%d%s", network, a.at.Port(), a.place)
	}
	return as[0].String()
}
