// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// stickyServers says which servers the entries of stick tables stand for.
type stickyServers struct {
	aliases map[string]string // names by those of another backend's server with the same number
	unstuck map[string]bool   // the names of those that are not stored
}

func (b *Backend) provisionStick(ctx caddy.Context) error {
	if err := b.Stick.Provision(ctx); err != nil {
		return b.at("stick", 0, wrapAbout("stick", err))
	}
	return nil
}

// bindStick opens the backend's own stick table, and gives its rules their tables. The tables of
// the app must be open.
func (a *App) bindStick(b *Backend) error {
	if b.Stick == nil {
		return nil
	}
	if err := a.openOwnTable(b); err != nil {
		return b.at("stick", 0, fmt.Errorf("backend %q: stick: %w", b.name, err))
	}
	if err := b.Stick.Bind(b.name, a.StickTables); err != nil {
		return b.at("stick", 0, fmt.Errorf("backend %q: stick: %w", b.name, err))
	}
	b.findSticky()
	return nil
}

// openOwnTable opens the backend's own table, unless the app has it.
func (a *App) openOwnTable(b *Backend) error {
	if b.Stick.Table == nil && a.StickTables[b.name] != nil {
		return nil
	}
	own := b.Stick.OwnTable()
	if own == nil {
		return nil
	}
	return a.AddTable(b.name, own)
}

// findSticky prepares the search for the servers of entries.
func (b *Backend) findSticky() {
	b.sticky = &stickyServers{aliases: make(map[string]string), unstuck: make(map[string]bool)}
	for _, s := range b.Servers {
		if s.NonStick {
			b.sticky.unstuck[s.Name] = true
		}
	}
}

// aliasServers lets entries that other backends have stored stand for the servers with the same
// numbers, as in HAProxy.
func (a *App) aliasServers(b *Backend) {
	if b.Stick == nil {
		return
	}
	byID := make(map[int]string)
	for _, s := range b.pool.Servers() {
		byID[s.ID] = s.Name
	}
	for _, other := range a.Backends {
		if other == b || other.Stick == nil || !b.Stick.Shares(other.Stick) {
			continue
		}
		for _, s := range other.pool.Servers() {
			if name := byID[s.ID]; name != "" && !b.pool.Has(s.Name) {
				b.sticky.aliases[s.Name] = name
			}
		}
	}
}

// StickyServer evaluates the stick rules of requests for a connection. assigned is the server that
// Assigned has returned; it remains. forced ignores the state of the server that an entry names. p
// gets the entries to store once the connection has its server.
func (b *Backend) StickyServer(v *rules.View, assigned string, forced bool, p *stick.Pending) (server string, err error) {
	return b.Stick.Request(v, assigned, p, func(stored string, byAddress bool) string {
		name := b.stored(stored, byAddress)
		if name == "" || !forced && !b.Persist && !b.pool.IsUp(name) {
			return ""
		}
		return name
	})
}

// stored returns the name of the server that an entry stands for, or "".
func (b *Backend) stored(server string, byAddress bool) string {
	switch {
	case byAddress:
		return b.serverAt(server)
	case b.pool.Has(server):
		return server
	default:
		return b.sticky.aliases[server]
	}
}

// IsSticky reports whether a server is stored in stick tables.
func (b *Backend) IsSticky(server string) bool {
	if a := b.added(server); a != nil {
		return !a.server.NonStick
	}
	return !b.sticky.unstuck[server]
}

// serverAt returns the name of the last server with an address, or "".
func (b *Backend) serverAt(address string) (name string) {
	for _, s := range b.pool.Servers() {
		if s.Address == address {
			name = s.Name
		}
	}
	return name
}
