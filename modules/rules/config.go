// SPDX-License-Identifier: Apache-2.0

// Package rules implements HAProxy's tcp-request content: rules over the first bytes from a client,
// which wait for more bytes while they are undecided. It holds the rules' order, actions and
// conditions. Conditions, which the frontend's own rules use too, are sets of layer4 matchers in
// three-valued logic. The package does not read from connections: the caller evaluates the rules
// again when more bytes have come.
package rules

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/patternfiles"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// Config holds rules over the first bytes from a client, and how long they may wait. Rules are
// evaluated in order until one ends the inspection. If none does, the connection is accepted. A
// rule that cannot be decided yet holds up all rules after it.
type Config struct {
	// InspectDelay limits the wait for the client, counted from the first rule that cannot be decided.
	// After it, unknown terms count as false. Default: 0, which decides at once, on the bytes that
	// have come so far. It is HAProxy's tcp-request inspect-delay.
	InspectDelay caddy.Duration `json:"inspect_delay,omitempty"`

	// Rules are evaluated in order, and again from the first whenever more bytes have come.
	Rules []*Rule `json:"rules,omitempty"`

	// BeforeHeader says that the rules come before a PROXY header, so that their action may be
	// expect_proxy.
	BeforeHeader bool `json:"-"`
}

// Provision compiles the rules. A nil Config has no rules.
func (c *Config) Provision(ctx caddy.Context) error {
	if c == nil {
		return nil
	}
	if err := options.ValidateDuration("inspect_delay", c.InspectDelay); err != nil {
		return err
	}
	loader := patternfiles.Loader(ctx)
	for i, r := range c.Rules {
		if r == nil {
			return fmt.Errorf("rule %d: expected an object with action", i+1)
		}
		if r.action = actions[r.Action]; r.action == expectProxy && !c.BeforeHeader {
			return fmt.Errorf("rule %d: action expect_proxy: expected it in connection, before anything is read", i+1)
		}
		r.number, r.delay = i+1, time.Duration(c.InspectDelay)
		if err := r.provision(ctx, loader); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return nil
}

// NeedsRequest reports whether any rule depends on bytes from the client.
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

// Foreign reports whether any rule has matchers of other packages, which may block.
func (c *Config) Foreign() bool {
	return c != nil && slices.ContainsFunc(c.Rules, func(r *Rule) bool { return r.condition.Foreign() })
}

// Decide evaluates the rules. It returns Wait if a rule cannot be decided yet; with v.Final only if
// v.Resolver must not wait. After Wait, call Decide again, with v.Resume, when more bytes have
// come. The returned rule is the one that decided, or held up the others; nil if none did. The
// error of a matcher names its rule.
func (c *Config) Decide(v *View) (Action, *Rule, error) {
	if c == nil {
		return Accept, nil, nil
	}
	resume := v.Resume
	v.Resume, v.LooksUp = 0, false
	for i, r := range c.Rules {
		if i+1 < resume {
			continue
		}
		verdict, err := sample.Pass, error(nil)
		if i+1 != resume {
			verdict, err = r.condition.Match(v)
		}
		if v.Observe != nil {
			v.Observe(Step{Number: i + 1, Rule: r.text(), Origin: r.Origin, Condition: &r.condition, Verdict: verdict, Err: err})
		}
		switch {
		case err != nil:
			return Close, r, fmt.Errorf("rule %d: %w", i+1, err)
		case verdict == sample.Miss && !v.Final:
			return Wait, r, nil
		case verdict != sample.Pass:
			continue
		}
		switch ends, waits := r.apply(v); {
		case ends:
			return r.action, r, nil
		case waits:
			v.Resume = i + 1
			return Wait, r, nil
		}
	}
	return Accept, nil, nil
}

var errNoAction = errors.New("missing action")
