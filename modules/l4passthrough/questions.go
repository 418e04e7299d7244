// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// validateQuestions returns an error if rules ask about an object that does not exist.
func (h *Handler) validateQuestions(app *balancer.App) error {
	for i, ruleset := range []*rules.Config{&h.earlyRules[0], &h.earlyRules[1], h.Content} {
		name := []string{"connection", "session", "content"}[i]
		if err := h.validateRules(app, h.Name, name, ruleset); err != nil {
			return h.at(name, 0, fmt.Errorf("%s: %w", name, err))
		}
	}
	for i, r := range h.router.Routes() {
		for _, q := range r.Questions() {
			if err := h.validateQuestion(app, h.Name, q); err != nil {
				return h.at("rule", i-len(h.names), fmt.Errorf("rule %d: %w", i+1-len(h.names), err))
			}
		}
	}
	for _, name := range h.backendsToCheck(app) {
		b := app.Backends[name]
		for _, of := range []struct {
			name    string
			ruleset *rules.Config
		}{{"content", b.Content}, {"response", b.Response}} {
			if err := h.validateRules(app, name, of.name, of.ruleset); err != nil {
				return options.Locate(b.Origin.Of(of.name, 0), fmt.Errorf("backend %q: %s: %w", name, of.name, err))
			}
		}
		if err := b.CheckQuestions(func(q sample.Question) error { return h.validateQuestion(app, name, q) }); err != nil {
			return fmt.Errorf("backend %q: %w", name, err)
		}
	}
	return nil
}

// backendsToCheck returns the backends whose rules are checked with this frontend: all for the
// first frontend of a configuration, for others only an anonymous one.
func (h *Handler) backendsToCheck(app *balancer.App) []string {
	if h.placement != nil && h.placement.checked {
		if h.Backend.Empty() {
			return nil
		}
		return []string{h.Name}
	}
	if h.placement != nil {
		h.placement.checked = true
	}
	return slices.Sorted(maps.Keys(app.Backends))
}

// frontends returns the names of the configuration's frontends, as far as they are known.
func (h *Handler) frontends() []string {
	if h.placement == nil {
		return nil
	}
	return h.placement.names
}

func (h *Handler) validateRules(app *balancer.App, section, kind string, ruleset *rules.Config) error {
	if ruleset == nil {
		return nil
	}
	for i, r := range ruleset.Rules {
		for _, q := range r.Questions() {
			if err := h.validateQuestion(app, section, q); err != nil {
				return fmt.Errorf("rule %d: %w", i+1, err)
			}
		}
		if err := validateTracking(app, section, r); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		h.warnUnstored(app, section, kind, r)
	}
	return nil
}

// validateTracking checks the counter of a rule in a section, and the type of its key.
func validateTracking(app *balancer.App, section string, r *rules.Rule) error {
	if counters := app.Counters(); r.Counter >= counters {
		return fmt.Errorf("%s: counter %d: expected a number below %d; stick_counters changes it", r.Action, r.Counter, counters)
	}
	name := cmp.Or(r.Table, section)
	t := app.StickTables[name]
	if t == nil {
		return nil
	}
	if c, err := t.Config(); err != nil || !r.KeyOf(c) {
		return errors.Join(err, fmt.Errorf("%s: key %s cannot be one of stick table %q, whose type is %s", r.Action, r.Key, name, c.Type))
	}
	return nil
}

// validateQuestion checks a question of a rule in a section. A backend that is another frontend's
// anonymous one may not be known yet.
func (h *Handler) validateQuestion(app *balancer.App, section string, q sample.Question) error {
	name := cmp.Or(q.Proxy, section)
	switch q.About {
	case sample.ObjectFrontend:
		return h.validateFrontend(name, q)
	case sample.ObjectBackend, sample.ObjectServer:
		b, err := app.Backend(name)
		switch {
		case err != nil && name != h.Name && slices.Contains(h.frontends(), name):
		case err != nil:
			return fmt.Errorf("%s: %w", q.Fetch, err)
		case q.About == sample.ObjectServer:
			return validateServer(b, q)
		}
	case sample.ObjectTable:
		if err := app.ValidateTable(name); err != nil {
			return fmt.Errorf("%s: %w", q.Fetch, err)
		}
	case sample.ObjectConnection, sample.ObjectEntry:
	}
	return nil
}

func (h *Handler) validateFrontend(name string, q sample.Question) error {
	known := h.frontends()
	if name == h.Name || slices.Contains(known, name) {
		return nil
	}
	return fmt.Errorf("%s: frontend %q is not defined%s", q.Fetch, name, options.Suggest(name, known))
}

func validateServer(b *balancer.Backend, q sample.Question) error {
	names := b.ServerNames()
	if slices.Contains(names, q.Server) {
		return nil
	}
	return fmt.Errorf("%s: backend %q has no server %q%s", q.Fetch, b.Name(), q.Server, options.Suggest(q.Server, names))
}
