// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Actions of a [PersistRule].
const (
	forcePersist  = "force"
	ignorePersist = "ignore"
)

// PersistRule says for the connections that it matches whether they go to the server
// that use_server names even if that is down or disabled.
type PersistRule struct {
	// Action is force or ignore. With force the connection keeps the server that
	// use_server names, whatever its state, and redispatch does not move it. With
	// ignore no later rule is tried. They are HAProxy's force-persist and
	// ignore-persist.
	Action string `json:"action"`

	// MatcherSetsRaw are sets of layer4 matchers: all of a set must match, and one set
	// is enough. Without any the rule always matches.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// UnlessRaw is the opposite of match, in place of it: the rule matches unless one
	// of the sets does.
	UnlessRaw []caddy.ModuleMap `json:"unless,omitempty" caddy:"namespace=layer4.matchers"`

	condition rules.Condition
}

func (b *Backend) provisionPersistRules(ctx caddy.Context) error {
	for i, r := range b.PersistRules {
		err := fmt.Errorf("expected an object with action %s or %s", forcePersist, ignorePersist)
		if r != nil && (r.Action == forcePersist || r.Action == ignorePersist) {
			r.condition, err = rules.LoadCondition(ctx, r, r.MatcherSetsRaw, r.UnlessRaw)
		}
		if err != nil {
			return b.at("persist_rule", i, fmt.Errorf("persist_rules %d: %w", i+1, err))
		}
	}
	return nil
}

// ForcesPersistence reports whether a connection that has just come to the backend
// keeps the server that use_server names, whatever the server's state. The first of
// the persist rules that matches decides. An error means that a matcher failed.
func (b *Backend) ForcesPersistence(v *rules.View) (bool, error) {
	for i, r := range b.PersistRules {
		verdict, err := r.condition.Match(v)
		if err != nil {
			return false, fmt.Errorf("persist_rules %d: %w", i+1, err)
		}
		if verdict == sample.Pass {
			return r.Action == forcePersist, nil
		}
	}
	return false, nil
}

// ForcesByRequest reports whether what the client sends has a part in what
// ForcesPersistence returns.
func (b *Backend) ForcesByRequest() bool {
	for _, r := range b.PersistRules {
		if r.condition.NeedsRequest() {
			return true
		}
	}
	return false
}

// persistRule is the option of a rule with that action.
func (b *Backend) persistRule(action string) options.Option {
	return options.Repeatable(b.noted("persist_rule", func(d *caddyfile.Dispenser) error {
		r := &PersistRule{Action: action}
		b.PersistRules = append(b.PersistRules, r)
		return rules.ParseCondition(d, action+"_persist", &r.MatcherSetsRaw, &r.UnlessRaw)
	}))
}
