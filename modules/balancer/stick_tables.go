// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// stickTables keeps the stick tables across configurations.
var stickTables stick.Registry

// StickTables returns the stick tables of the process, which outlive configurations. It is meant
// for the admin endpoint.
func StickTables() *stick.Registry { return &stickTables }

// provisionStickTables opens the tables.
func (a *App) provisionStickTables() error {
	for _, name := range slices.Sorted(maps.Keys(a.StickTables)) {
		if err := a.openTable(name, a.StickTables[name]); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) openTable(name string, t *stick.Table) error {
	if t == nil {
		return fmt.Errorf("stick table %q: expected an object with type and size", name)
	}
	err := cmp.Or(ValidateTableName(name), a.validatePeers(t))
	if err == nil {
		err = t.LoadStore(a.ctx)
	}
	if err == nil {
		err = t.Open(&stickTables, name)
	}
	if err != nil {
		return fmt.Errorf("stick table %q: %w", name, err)
	}
	return nil
}

// ValidateTableName returns an error for a name with invalid characters. Tables of HAProxy's peers
// sections are named SECTION/TABLE.
func ValidateTableName(name string) error {
	section, table, isOfSection := strings.Cut(name, "/")
	if isOfSection && ValidateName(table) != nil {
		section = name
	}
	return ValidateName(section)
}

// AddTable adds a table that is defined inside a backend or a frontend, under its name. It must be
// called while Caddy provisions.
func (a *App) AddTable(name string, t *stick.Table) error {
	if a.StickTables[name] != nil {
		return fmt.Errorf("stick table %q is defined twice: rename one of the two", name)
	}
	if err := a.openTable(name, t); err != nil {
		return err
	}
	if a.StickTables == nil {
		a.StickTables = make(map[string]*stick.Table)
	}
	a.StickTables[name] = t
	return nil
}

// Table returns the stick table of that name, or nil. It is safe for concurrent use, once the
// configuration is provisioned.
func (a *App) Table(name string) *tables.Table {
	if t := a.StickTables[name]; t != nil {
		return t.Table()
	}
	return nil
}

// ValidateTable returns an error if there is no stick table of that name.
func (a *App) ValidateTable(name string) error {
	if a.StickTables[name] != nil {
		return nil
	}
	return fmt.Errorf("stick table %q is not defined%s", name, options.Suggest(name, slices.Collect(maps.Keys(a.StickTables))))
}

// parseStickTable parses "stick_table <name> { … }". See stick.Table for the options.
func (a *App) parseStickTable(d *caddyfile.Dispenser) error {
	name, err := options.Arg(d)
	if err != nil {
		return err
	}
	if err := ValidateWrittenName(name); err != nil {
		return d.Errf("stick_table: %w", err)
	}
	if a.StickTables[name] != nil {
		return d.Errf("stick_table %q is defined twice", name)
	}
	if a.StickTables == nil {
		a.StickTables = make(map[string]*stick.Table)
	}
	a.StickTables[name] = new(stick.Table)
	return a.StickTables[name].UnmarshalCaddyfile(d)
}
