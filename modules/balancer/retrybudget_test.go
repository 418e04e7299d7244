// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// The pool gets the budget from JSON and from a Caddyfile.
func TestRetryBudget(t *testing.T) {
	for _, c := range []struct {
		json, line string
		want       pool.RetryBudget
	}{
		{`{"retry_budget": {"percent": 20}}`, "retry_budget 20", pool.RetryBudget{Percent: 20, MinPerSecond: 10}},
		{`{"retry_budget": {"percent": 1000, "min_per_second": 0}}`, "retry_budget 1000 0", pool.RetryBudget{Percent: 1000}},
		{`{"retry_budget": {"percent": 1, "min_per_second": 1000000}}`, "retry_budget 1 1000000", pool.RetryBudget{Percent: 1, MinPerSecond: 1_000_000}},
	} {
		written, err := parseBackend(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		for text, b := range map[string]*Backend{c.json: backend(t, c.json), c.line: written} {
			b.setDefaults()
			if got := b.RetryBudget.config(); *got != c.want {
				t.Errorf("%s: %+v, want %+v", text, *got, c.want)
			}
		}
	}
	b := backend(t, `{}`)
	b.setDefaults()
	if got := b.RetryBudget.config(); got != nil {
		t.Errorf("without the option: %+v", *got)
	}
}
