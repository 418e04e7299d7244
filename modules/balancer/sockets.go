// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
)

// socketModule is the ID of the module for sockets with HAProxy's commands. It is loaded by ID
// because its package imports this one.
const socketModule = "passthrough.socket"

// controlSocket is a socket for HAProxy's commands.
type controlSocket interface {
	// Listen opens the socket and serves its clients.
	Listen() error
	// StopListening closes the socket. Clients that are connected are served further.
	StopListening()
	Addresses() []durable.Listening
}

// provisionSockets loads the sockets.
func (a *App) provisionSockets(ctx caddy.Context) error {
	for _, raw := range a.SocketsRaw {
		mod, err := ctx.LoadModuleByID(socketModule, raw)
		if err != nil {
			return err
		}
		a.sockets = append(a.sockets, mod.(controlSocket))
	}
	return nil
}

// parseSocket parses the option socket. Its module parses everything after the name.
func (a *App) parseSocket(d *caddyfile.Dispenser) error {
	parsed, err := caddyfile.UnmarshalModule(d, socketModule)
	if err != nil {
		return err
	}
	a.SocketsRaw = append(a.SocketsRaw, caddyconfig.JSON(parsed, nil))
	return nil
}

// openSockets opens all sockets, or none.
func (a *App) openSockets() error {
	for _, s := range a.sockets {
		if err := s.Listen(); err != nil {
			a.closeSockets()
			return err
		}
	}
	return nil
}

func (a *App) closeSockets() {
	for _, s := range a.sockets {
		s.StopListening()
	}
}

// socketAddresses adds the addresses of the sockets to those of Listening.
func (a *App) socketAddresses(all map[string][]durable.Listening) {
	for i, s := range a.sockets {
		all[fmt.Sprintf("socket %d", i+1)] = s.Addresses()
	}
}
