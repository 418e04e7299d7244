// SPDX-License-Identifier: Apache-2.0

// Package rules is HAProxy's tcp-request content: rules over the first bytes
// of a client, which wait for more while they cannot be decided. It holds the
// conditions that these rules and those of the frontend have (sets of layer4
// matchers, in three values) and the rules' order and actions. It does not read
// from connections: whoever does asks again when there is more.
package rules

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Config are rules over what a client sends first, and how long they may wait
// for it. The rules are tried in order until one of them ends the inspection or
// all have been tried, which accepts the connection. A rule that cannot be
// decided yet holds up all that come after it.
type Config struct {
	// InspectDelay is how long the client is waited for, counted from the first
	// rule that cannot be decided. When it is over, what is not known is not
	// true. Default: 0, the rules are decided at once, by what is there. It is
	// HAProxy's tcp-request inspect-delay.
	InspectDelay caddy.Duration `json:"inspect_delay,omitempty"`

	// Rules are tried in order, from the first again whenever more has come.
	Rules []*Rule `json:"rules,omitempty"`
}

// Provision compiles the rules. A nil Config has none.
func (c *Config) Provision(ctx caddy.Context) error {
	if c == nil {
		return nil
	}
	if err := options.CheckDuration("inspect_delay", c.InspectDelay); err != nil {
		return err
	}
	loader := new(sample.Loader)
	for i, r := range c.Rules {
		if r == nil {
			return fmt.Errorf("rule %d: expected an object with action", i+1)
		}
		r.number = i + 1
		if err := r.provision(ctx, loader); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return nil
}

// NeedsRequest reports whether anything that the client sends is looked at.
func (c *Config) NeedsRequest() bool {
	if c == nil {
		return false
	}
	for _, r := range c.Rules {
		if r.NeedsRequest() {
			return true
		}
	}
	return false
}

// Foreign reports whether a matcher of another package is asked, which may take its time.
func (c *Config) Foreign() bool {
	return c != nil && slices.ContainsFunc(c.Rules, func(r *Rule) bool { return r.condition.Foreign() })
}

// Decide tries the rules on what there is. It returns Wait where a rule cannot be
// decided, which with v.Final does not happen; then all rules are to be tried
// again when there is more to see. The rule is the one that has decided; nil where
// none has. The error of a matcher names its rule.
func (c *Config) Decide(v *View) (Action, *Rule, error) {
	if c == nil {
		return Accept, nil, nil
	}
	for i, r := range c.Rules {
		verdict, err := r.condition.Match(v)
		switch {
		case err != nil:
			return Close, r, fmt.Errorf("rule %d: %w", i+1, err)
		case verdict == sample.Miss && !v.Final:
			return Wait, r, nil
		case verdict == sample.Pass && r.do(v):
			return r.action, r, nil
		}
	}
	return Accept, nil, nil
}

var errNoAction = errors.New("it has no action")
