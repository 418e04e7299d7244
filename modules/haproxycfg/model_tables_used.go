// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// tableUse is a rule that tracks an entry of a stick table.
type tableUse struct {
	questionOrigin
	table  string // empty: the section's own
	action string
	key    *sample.Expression
}

// validateTableUses reports rules that track in a table that does not exist, or whose keys have
// another type.
func (t *translation) validateTableUses() {
	for _, u := range t.tableUses {
		name := cmp.Or(u.table, u.section.name)
		table := t.tables[name]
		switch {
		case table == nil && t.incomplete:
		case table == nil:
			t.errorf(u.Pos, "Proxy '%s': unable to find table '%s' referenced by %s%s", u.section.name, name, u.action, suggestionOrDot(name, t.tables))
		case !u.key.KeyOf(table.keyType()):
			t.errorf(u.Pos, "Proxy '%s': stick-table '%s' uses a type incompatible with the '%s' rule: its keys have the type %s", u.section.name, name, u.action, table.Type)
		}
	}
}

// keyType returns the type of the table's keys.
func (s *stickTable) keyType() tables.Type {
	of, _ := tables.ParseType(s.Type)
	return of
}

// validateTableQuestion returns an error message for a fetch or a converter of a stick table, or
// nothing.
func (t *translation) validateTableQuestion(q question) string {
	name := cmp.Or(q.Proxy, q.section.name)
	if t.tables[name] != nil || t.incomplete {
		return ""
	}
	return fmt.Sprintf("unable to find table '%s' referenced in %s%s", name, q, suggestionOrDot(name, t.tables))
}

// counters returns the number of counters that a connection has.
func (t *translation) counters() int {
	if t.stickCounters == nil {
		return defaultCounters
	}
	return *t.stickCounters
}

// emitCounters returns the number of counters for the app, or 0 if it is the default, or there are
// none.
func (t *translation) emitCounters() int {
	if t.counters() == defaultCounters {
		return 0
	}
	return t.counters()
}

// setStickCounters reads tune.stick-counters.
func setStickCounters(t *translation, _ *proxy, s statement) {
	n := integer(s.args[0])
	if n > rules.MaxCounters {
		t.errorf(s.Pos, "%s: the number of stick-counters must be between 1 and %d (was %d)", s.keyword, rules.MaxCounters, n)
		return
	}
	t.stickCounters = &n
}
