// SPDX-License-Identifier: Apache-2.0

package l4rate

import (
	"context"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// counts holds the tables of matchers.
var counts = registry{tables: make(map[place]*counted), ordinals: make(map[lifecycle.Config]map[string]int)}

// place identifies a matcher across configurations: by its words, and its number among those with
// the same words.
type place struct {
	words   string
	ordinal int
}

// counted is a table and the number of configurations that use it.
type counted struct {
	table *tables.Table
	users int
}

type registry struct {
	mu       sync.Mutex
	tables   map[place]*counted
	ordinals map[lifecycle.Config]map[string]int // the matchers of each configuration so far
}

// open returns the table of a configuration's next matcher with these words.
func (r *registry) open(ctx caddy.Context, words string, c tables.Config) *tables.Table {
	config, ok := lifecycle.ConfigOf(ctx)
	if !ok {
		return tables.New(c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ordinals[config] == nil {
		r.ordinals[config] = make(map[string]int)
		context.AfterFunc(ctx, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.ordinals, config)
		})
	}
	at := place{words, r.ordinals[config][words]}
	r.ordinals[config][words]++
	t := r.tables[at]
	if t == nil {
		t = &counted{table: tables.New(c)}
		r.tables[at] = t
	}
	t.users++
	context.AfterFunc(ctx, func() { r.close(at, t) })
	return t.table
}

// close gives up a table.
func (r *registry) close(at place, t *counted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(r.tables, at)
	}
}
