// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// DefaultMinRetries is the default of RetryBudget.MinPerSecond.
const DefaultMinRetries = 10

const (
	maxRetryPercent = 1000
	maxMinRetries   = 1_000_000
)

// RetryBudget limits the retries of a backend: all connect attempts except the first of each
// connection. If a connect fails and the budget is used up, the connection ends as after its last
// retry. HAProxy has no such limit.
type RetryBudget struct {
	// Percent is the number of retries allowed per 100 connections, both over the last ten seconds: 1
	// to 1000. Required.
	Percent int `json:"percent"`

	// MinPerSecond is the number of additional retries allowed in each second, even with few
	// connections: 0 to 1,000,000. Default: 10.
	MinPerSecond *int `json:"min_per_second,omitempty"`
}

func (r *RetryBudget) validate() error {
	if r == nil {
		return nil
	}
	if r.Percent < 1 || r.Percent > maxRetryPercent {
		return fmt.Errorf("percent %d: expected a whole number from 1 to %d", r.Percent, maxRetryPercent)
	}
	if m := r.MinPerSecond; m != nil && (*m < 0 || *m > maxMinRetries) {
		return fmt.Errorf("min_per_second %d: expected a whole number from 0 to %d", *m, maxMinRetries)
	}
	return nil
}

func (r *RetryBudget) setDefaults() {
	if r != nil && r.MinPerSecond == nil {
		r.MinPerSecond = new(DefaultMinRetries)
	}
}

// config returns the pool's form of the budget.
func (r *RetryBudget) config() *pool.RetryBudget {
	if r == nil {
		return nil
	}
	return &pool.RetryBudget{Percent: r.Percent, MinPerSecond: *r.MinPerSecond}
}

// retryBudget returns the option. Syntax:
//
//	retry_budget <percent> [<retries per second>]
func retryBudget(r *RetryBudget) options.Option {
	return options.Once(func(d *caddyfile.Dispenser) error {
		word, err := options.Arg(d)
		if err != nil {
			return err
		}
		if r.Percent, err = strconv.Atoi(word); err != nil || r.Percent < 1 || r.Percent > maxRetryPercent {
			return d.Errf("retry_budget: %q: expected a percentage as a whole number from 1 to %d", word, maxRetryPercent)
		}
		if !d.NextArg() {
			return nil
		}
		n, err := strconv.Atoi(d.Val())
		if err != nil || n < 0 || n > maxMinRetries {
			return d.Errf("retry_budget %d: %q: expected retries per second as a whole number from 0 to %d", r.Percent, d.Val(), maxMinRetries)
		}
		r.MinPerSecond = &n
		return nil
	})
}
