// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Table is a stick table.
type Table struct {
	Name string

	table *tables.Table
	share stick.Share // nil: no other nodes share it
}

// Tables returns the stick tables, sorted by name.
func Tables() (all []Table) {
	for _, name := range balancer.StickTables().Names() {
		if t := balancer.StickTables().Table(name); t != nil {
			all = append(all, Table{name, t, balancer.StickTables().Share(name)})
		}
	}
	return all
}

// TableOf returns a stick table.
func TableOf(name string) (Table, error) {
	if t := balancer.StickTables().Table(name); t != nil {
		return Table{name, t, balancer.StickTables().Share(name)}, nil
	}
	return Table{}, unknown("stick table %q: no such table", name)
}

// Config returns the configuration of the table.
func (t Table) Config() tables.Config { return t.table.Config() }

// Share returns the state of what shares the table with other nodes, and whether they do.
func (t Table) Share() (s stick.ShareStatus, shared bool) {
	if t.share == nil {
		return s, false
	}
	return t.share.Status(), true
}

// Used returns the number of entries.
func (t Table) Used() int { return t.table.Len() }

// Entries yields the entries that a filter selects, one at a time: there may be millions. It holds
// no lock while yield runs.
func (t Table) Entries(f stick.Filter) iter.Seq[stick.Entry] { return stick.Entries(t.table, f) }

// Set changes values of the entry of a key, which it creates if necessary, and the server unless it
// is nil. It is HAProxy's set table. Errors change nothing.
func (t Table) Set(by Origin, key string, data map[string]int64, server *string) error {
	if err := stick.Set(t.table, key, data, server); err != nil {
		if errors.Is(err, stick.ErrFull) {
			return conflict("stick table %q: %w", t.Name, err)
		}
		return invalid("stick table %q: %w", t.Name, err)
	}
	var told []string
	for _, name := range slices.Sorted(maps.Keys(data)) {
		told = append(told, name+"="+strconv.FormatInt(data[name], 10))
	}
	if server != nil {
		told = append(told, "server="+*server)
	}
	report(RuntimeChange{By: by, Table: t.Name, Changed: pool.Changed{Key: key, To: strings.Join(told, " ")}})
	return nil
}

// Clear drops the entries that a filter selects, and returns how many, and the number of those that
// stay because connections use them. It is HAProxy's clear table.
func (t Table) Clear(by Origin, f stick.Filter) (cleared, used int) {
	cleared, used = stick.Clear(t.table, f, t.share)
	report(RuntimeChange{By: by, Table: t.Name, Changed: pool.Changed{Key: "entries cleared", To: strconv.Itoa(cleared)}})
	return cleared, used
}
