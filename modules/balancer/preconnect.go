// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/preconnect"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// Limits and defaults of Backend.Preconnect.
const (
	MaxPreconnect           = 1000
	DefaultPreconnectMaxAge = 30 * time.Second
)

// validatePreconnect validates preconnect. A connection that is made before its client cannot
// depend on it.
func (b *Backend) validatePreconnect() error {
	if b.Preconnect == 0 && b.PreconnectMaxAge == 0 {
		return nil
	}
	if err := b.validatePreconnectNumbers(); err != nil {
		return err
	}
	for i, s := range b.Servers {
		var why string
		switch o := b.socketOf(s); {
		case DependsOnClient(s.Address):
			why = "its address depends on the client"
		case HasRelativePort(s.Address):
			why = "its port depends on the one that the client connects to"
		case transparents[o.Transparent] != relay.NotTransparent:
			why = "transparent " + o.Transparent + ": it is to see the client's address"
		default:
			continue
		}
		return b.atServer(i, fmt.Errorf("preconnect: server %q: %s, and the connection is made before there is a client", s.Name, why))
	}
	return nil
}

func (b *Backend) validatePreconnectNumbers() error {
	if err := options.ValidateDuration("preconnect_max_age", b.PreconnectMaxAge); err != nil {
		return err
	}
	switch {
	case b.Preconnect < 0 || b.Preconnect > MaxPreconnect:
		return fmt.Errorf("preconnect %d: expected a whole number from 0 to %d", b.Preconnect, MaxPreconnect)
	case b.Preconnect == 0:
		return errors.New("preconnect_max_age: expected preconnect, too")
	case b.Site != "":
		return errors.New("preconnect: the backend passes connections on within this process: expected it in a backend with servers of its own")
	case b.PreconnectMaxAge != 0 && time.Duration(b.PreconnectMaxAge) < time.Second:
		return fmt.Errorf("preconnect_max_age %v: expected 1s or more", time.Duration(b.PreconnectMaxAge))
	}
	return nil
}

// TakeReady returns a ready connection to a server, or nil. The caller owns it. It does not block.
func (b *Backend) TakeReady(s *pool.Server) net.Conn {
	if b.ready == nil {
		return nil
	}
	keeper := b.ready.keeper.Load()
	if keeper != nil && b.ready.addresses[s.Name] != s.Address { // it was changed at run time
		return nil
	}
	return keeper.Take(s.Name)
}

// readyServers holds the connections of a backend that are ready, while its configuration serves.
type readyServers struct {
	keeper    atomic.Pointer[preconnect.Keeper]
	addresses map[string]string // by the server's name; written before keeper
}

// startPreconnect begins to keep connections ready. It takes over those that the same backend of
// another configuration, which may be nil, has ready for servers that have not changed.
func (b *Backend) startPreconnect(before *Backend) {
	if b.ready == nil || b.ready.keeper.Load() != nil {
		return
	}
	var old *preconnect.Keeper
	if before != nil && before != b && before.ready != nil {
		old = before.ready.keeper.Load()
	}
	c := preconnect.Config{Count: b.Preconnect, MaxAge: cmp.Or(time.Duration(b.PreconnectMaxAge), DefaultPreconnectMaxAge)}
	b.ready.addresses = make(map[string]string)
	for _, s := range b.pool.Servers() {
		if known := b.serverNamed(s.Name); known != nil && known.isSlot() { // its address may change
			continue
		}
		b.ready.addresses[s.Name] = s.Address
		c.Servers = append(c.Servers, b.preconnectTo(s))
	}
	b.ready.keeper.Store(preconnect.Start(c, old, func(server string) bool { return b.sameServer(before, server) }))
}

// stopPreconnect closes the connections that are ready.
func (b *Backend) stopPreconnect() {
	if b.ready != nil {
		b.ready.keeper.Load().Stop()
	}
}

// preconnectTo returns how to keep connections to a server.
func (b *Backend) preconnectTo(s *pool.Server) preconnect.Server {
	d := Destination{
		Address: s.Address, Naming: s.Naming, Timeout: max(0, time.Duration(b.Timeouts.Connect)),
		Socket: b.Socket(s), Ready: true,
	}
	return preconnect.Server{
		Name: s.Name,
		Room: func() int {
			now := b.pool.Server(s.Name)
			if now == nil || now.Address != s.Address {
				return 0
			}
			return b.pool.Room(now)
		},
		Connect: func(done <-chan struct{}) (net.Conn, error) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() {
				select {
				case <-done:
					cancel()
				case <-ctx.Done():
				}
			}()
			return d.Connect(ctx)
		},
	}
}

// sameServer reports whether another configuration of the backend reaches a server in the same way.
func (b *Backend) sameServer(other *Backend, name string) bool {
	here, there := b.pool.Server(name), other.pool.Server(name)
	return here != nil && there != nil && here.Address == there.Address && here.Naming == there.Naming &&
		reflect.DeepEqual(b.Socket(here), other.Socket(there))
}
