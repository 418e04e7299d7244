// SPDX-License-Identifier: Apache-2.0

package l4acl

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// rulesKey is the key of contexts that load matchers of rules.
type rulesKey struct{}

// ForRules returns a context that loads matchers of rules, also those within other matchers.
// They see what [Share] shows them, and the caller checks their questions. Any other matcher is one
// of a route.
func ForRules(ctx caddy.Context) caddy.Context { return ctx.WithValue(rulesKey{}, true) }

// stickTables is the app that has the stick tables.
type stickTables interface {
	Table(name string) *tables.Table
	ValidateTable(name string) error
}

// provisionRoute finds the stick tables of a term of a route. It returns an error if the term asks
// for anything that is not known there.
func (m *Matcher) provisionRoute(ctx caddy.Context, t *sample.Term) error {
	if ctx.Value(rulesKey{}) != nil {
		return nil
	}
	for i, acl := range t.ACLs() {
		if acl.Tracked() {
			return fmt.Errorf("%s: connections track nothing in a route: expected it in a rule of a frontend, or src_… and the name of a stick table", t.Any[i].Fetch)
		}
		for _, q := range acl.Questions() {
			if err := m.provisionQuestion(ctx, q); err != nil {
				return fmt.Errorf("%s: %w", cmp.Or(q.Fetch, t.Any[i].Fetch), err)
			}
		}
	}
	return nil
}

func (m *Matcher) provisionQuestion(ctx caddy.Context, q sample.Question) error {
	switch {
	case q.About != sample.ObjectTable:
		return errors.New("it is not known in a route: expected it in a rule of a frontend")
	case q.Proxy == "":
		return fmt.Errorf("a route has no stick table of its own: expected %s(NAME)", q.Fetch)
	}
	mod, err := ctx.App("passthrough")
	if err != nil {
		return fmt.Errorf("getting the passthrough app: %w", err)
	}
	app, ok := mod.(stickTables)
	if !ok {
		return fmt.Errorf("app passthrough is a %T, which has no stick tables", mod)
	}
	m.tables = routeTables{app}
	return app.ValidateTable(q.Proxy)
}

// routeTables are the stick tables of a route, in which connections track nothing.
type routeTables struct{ stickTables }

// Tracked implements sample.Tables.
func (routeTables) Tracked(int) tables.Ref { return tables.Ref{} }
