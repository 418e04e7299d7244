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

// PersistRule decides for matching connections whether they go to the server of use_server or stick
// even if it is down or disabled.
type PersistRule struct {
	// Action is force or ignore. force keeps the connection on the server of use_server, whatever its
	// state, and overrides redispatch. ignore stops the evaluation of further rules. They are
	// HAProxy's force-persist and ignore-persist.
	Action string `json:"action"`

	// MatcherSetsRaw are sets of layer4 matchers: the rule matches if all matchers of one set do.
	// Without a set it always matches.
	MatcherSetsRaw []caddy.ModuleMap `json:"match,omitempty" caddy:"namespace=layer4.matchers"`

	// UnlessRaw negates the sets, and is used instead of match: the rule matches unless one of the
	// sets does.
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

// ForcesPersistence reports whether a connection that enters the backend stays on the server of
// use_server, whatever the server's state. The first matching persist rule decides. An error means
// that a matcher failed.
func (b *Backend) ForcesPersistence(v *rules.View) (bool, error) {
	for i, r := range b.PersistRules {
		verdict, err := r.condition.Match(v)
		if v.Observe != nil {
			v.Observe(rules.Step{List: "persist_rules", Number: i + 1, Rule: r.Action + "_persist", Origin: b.Origin.Of("persist_rule", i), Condition: &r.condition, Verdict: verdict, Err: err})
		}
		if err != nil {
			return false, fmt.Errorf("persist_rules %d: %w", i+1, err)
		}
		if verdict == sample.Pass {
			return r.Action == forcePersist, nil
		}
	}
	return false, nil
}

// ForcesByRequest reports whether ForcesPersistence depends on bytes that the client sends.
func (b *Backend) ForcesByRequest() bool {
	for _, r := range b.PersistRules {
		if r.condition.NeedsRequest() {
			return true
		}
	}
	return false
}

// persistRule returns the option for rules with an action.
func (b *Backend) persistRule(action string) options.Option {
	return options.Repeatable(b.noted("persist_rule", func(d *caddyfile.Dispenser) error {
		r := &PersistRule{Action: action}
		b.PersistRules = append(b.PersistRules, r)
		return rules.ParseCondition(d, action+"_persist", &r.MatcherSetsRaw, &r.UnlessRaw)
	}))
}
