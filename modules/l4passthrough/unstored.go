// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"cmp"
	"fmt"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// warnUnstored logs rules that read or change what the entries of a stick table do not store. As in
// HAProxy that is no error: such a condition is false, and such an action does nothing.
func (h *Handler) warnUnstored(app *balancer.App, section, kind string, r *rules.Rule) {
	for _, q := range r.Questions() {
		table := h.tableWithout(app, section, q)
		if table == "" || h.logger == nil {
			continue
		}
		name := q.Value.Data.String()
		if q.Value.Data.IsArray() {
			name = fmt.Sprintf("%s with an element %d", name, q.Value.Index)
		}
		h.logger.Warn(fmt.Sprintf("%s: %s has no value: expected %s in store of stick table %q", r.Called(kind), q.Fetch, name, table),
			zap.String("section", section), zap.String("at", h.Origin.Of(kind, 0)))
	}
}

// tableWithout returns the name of the table whose entries lack the value that a question is about,
// or "".
func (h *Handler) tableWithout(app *balancer.App, section string, q sample.Question) (table string) {
	names := []string{cmp.Or(q.Proxy, section)}
	if q.About == sample.ObjectEntry {
		names = h.trackedBy(q.Counter)
	}
	if !q.Value.Is || section != h.Name && q.About == sample.ObjectEntry {
		return ""
	}
	for _, name := range names {
		t := app.StickTables[name]
		if t == nil {
			return ""
		}
		if c, err := t.Config(); err != nil || stick.Stores(c, q.Value.Data, q.Value.Index) {
			return ""
		}
		table = name
	}
	return table
}

// trackedBy returns the names of the tables in which a counter tracks by rules of the frontend.
func (h *Handler) trackedBy(counter int) (names []string) {
	for _, ruleset := range []*rules.Config{&h.earlyRules[0], &h.earlyRules[1], h.Content} {
		if ruleset == nil {
			continue
		}
		for _, r := range ruleset.Rules {
			if table, of, ok := r.Tracks(); ok && of == counter {
				names = append(names, cmp.Or(table, h.Name))
			}
		}
	}
	return names
}
