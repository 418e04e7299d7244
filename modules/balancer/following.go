// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// following looks up the host names of a backend's servers that have resolvers, while its
// configuration serves.
type following struct {
	mu      sync.Mutex
	done    chan struct{} // nil before it begins
	stopped bool
}

// follows reports whether the server's host name is looked up without being used.
func (s *Server) follows() bool {
	network, address := SplitAddress(s.Address)
	if s.Resolvers == "" || s.isSlot() || network == "unix" || DependsOnClient(address) {
		return false
	}
	_, err := netip.ParseAddr(hostOf(address))
	return err != nil
}

// hostOf returns the host of HOST:PORT.
func hostOf(address string) string {
	return strings.Trim(address[:max(0, strings.LastIndexByte(address, ':'))], "[]")
}

// followNames begins to follow the names. It is idempotent.
func (b *Backend) followNames(a *App) {
	f := b.following
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done != nil || f.stopped {
		return
	}
	f.done = make(chan struct{})
	for _, s := range b.Servers {
		if r := a.Resolvers[s.Resolvers]; r != nil && s.follows() {
			go b.follow(s, r.Resolver(), f.done, a.ctx.Logger())
		}
	}
}

// stopFollowing ends it.
func (b *Backend) stopFollowing() {
	f := b.following
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done != nil && !f.stopped {
		close(f.done)
	}
	f.stopped = true
}

// beginAt gives a server the address of init_addr, unless the DNS has said something already.
func (b *Backend) beginAt(s *Server) error {
	ip, _ := s.initialAddress()
	if ip == "" {
		return nil
	}
	slots, err := registry.Slots(b.name)
	known := slices.ContainsFunc(slots, func(o pool.Slot) bool { return o.Name == s.Name && o.Resolution != nil })
	if err != nil || known {
		return err
	}
	_, address := SplitAddress(s.Address)
	return b.resolveTo(s, net.JoinHostPort(ip, address[strings.LastIndexByte(address, ':')+1:]))
}

// follow puts a server into maintenance while its name has no addresses.
func (b *Backend) follow(s *Server, r *resolve.Resolver, done <-chan struct{}, log *zap.Logger) {
	err := b.beginAt(s)
	network, address := SplitAddress(s.Address)
	name := resolve.NewName(network, hostOf(address), s.ResolvePrefer)
	r.Follow(name, done, func(all []netip.Addr, _ error) {
		to := s.Address
		if len(all) == 0 {
			to = ""
		}
		if err = cmp.Or(err, b.resolveTo(s, to)); err != nil {
			log.Warn("a server cannot follow its host name", zap.String("backend", b.name), zap.String("server", s.Name), zap.Error(err))
		}
		err = nil
	})
}

func (b *Backend) resolveTo(s *Server, address string) error {
	return registry.Resolve(pool.Ref{Backend: b.name, Server: s.Name}, pool.Resolution{Address: address, Weight: -1}, s.Resolvers)
}
