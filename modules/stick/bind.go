// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// DefaultExpire is the time after which an entry of a backend's own table is dropped by default.
const DefaultExpire = 30 * time.Minute

// OwnTable returns the backend's own table with its defaults, or nil if no rule uses one. It is
// called after Provision.
func (b *Backend) OwnTable() *Table {
	i := slices.IndexFunc(b.Rules, func(r *Rule) bool { return r.Table == "" })
	if b.Table == nil {
		if i < 0 {
			return nil
		}
		b.Table = new(Table)
	}
	if b.Table.Type == "" && i >= 0 {
		b.Table.Type, b.Table.Length = b.Rules[i].key.tableType(b.Table.Length)
	}
	if b.Table.Expire == 0 {
		b.Table.Expire = caddy.Duration(DefaultExpire)
	}
	return b.Table
}

// tableType returns the type of a table for the key, and the length if none is given.
func (k *ruleKey) tableType(length int) (kind string, _ int) {
	const name, fingerprint = 255, 36
	t, fits := tables.String, name
	switch {
	case k.word == sessionID:
		t, fits = tables.Binary, 0
	case k.word == ja4:
		fits = fingerprint
	case k.expression != nil:
		t = k.expression.TableType()
	}
	if length != 0 || t != tables.String {
		fits = length
	}
	return t.String(), fits
}

// fits reports whether the key can be one of a table.
func (k *ruleKey) fits(t tables.Type) bool {
	switch {
	case k.expression != nil:
		return k.expression.KeyOf(t)
	case k.word == sessionID:
		return t == tables.Binary
	default:
		return t == tables.String || t == tables.Binary
	}
}

// Bind connects the rules of the named backend with their tables, which are open.
func (b *Backend) Bind(own string, all map[string]*Table) error {
	for i, r := range b.Rules {
		name := r.Table
		if name == "" {
			name = own
		}
		t := all[name]
		if t == nil {
			return at(i, fmt.Errorf("stick table %q is not defined%s", name, options.Suggest(name, slices.Collect(maps.Keys(all)))))
		}
		c, err := t.Config()
		if err != nil {
			return at(i, err)
		}
		if !r.key.fits(c.Type) {
			return at(i, fmt.Errorf("key %q cannot be a key of stick table %q, whose type is %s", r.Key, name, c.Type))
		}
		t.storeServer()
		r.table = t
	}
	return nil
}

// Shares reports whether rules of both use one table that the other one stores in.
func (b *Backend) Shares(other *Backend) bool {
	return slices.ContainsFunc(b.requests, func(r *Rule) bool {
		return r.looks() && slices.ContainsFunc(other.Rules, func(o *Rule) bool { return o.stores() && o.table == r.table })
	})
}

// storeServer gives the entries of a table room for a server.
func (t *Table) storeServer() {
	h := t.handle
	h.registry.mu.Lock()
	defer h.registry.mu.Unlock()
	server := tables.Store{Data: tables.Server}
	if slices.Contains(h.config.Store, server) {
		return
	}
	h.config.Store = append(slices.Clone(h.config.Store), server)
	if h.shared.users == 1 { // no other configuration has the table
		h.shared.current.Load().Reconfigure(h.config)
	}
}

// byAddress reports whether entries have the addresses of servers, not their names.
func (t *Table) byAddress() bool { return t.ServerKey == "addr" }
