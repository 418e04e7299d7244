// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// MaxBalanceFactor is the highest balance_factor, as in HAProxy.
const MaxBalanceFactor = 1<<16 - 1

func validateFactor(f int) error {
	if f < 0 || f > MaxBalanceFactor || f > 0 && f <= 100 {
		return fmt.Errorf("balance_factor %d: expected 0, or a whole number from 101 to %d", f, MaxBalanceFactor)
	}
	return nil
}

// bounds is HAProxy's bounded load: no server has more than factor percent of its share of all
// connections, including the new one; every server may have at least one.
type bounds struct {
	factor int
	total  int   // sum of the shares
	before []int // sum of the shares earlier in the view, by Index
	shares []int
}

func (b *bounds) build(v pool.View, factor int) {
	*b = bounds{factor: factor}
	if factor == 0 {
		return
	}
	b.shares, b.before = make([]int, len(v.All)), make([]int, len(v.All))
	for i, s := range v.Servers {
		b.shares[s.Index], b.before[s.Index] = v.Shares[i], b.total
		b.total += v.Shares[i]
	}
}

// suits returns a function that reports whether a server may serve r.
func (b *bounds) suits(r *pool.Request) func(*pool.Server) bool {
	return func(s *pool.Server) bool { return !r.Avoids(s) && b.allow(s, r) }
}

// allow reports whether a server may have another connection. The remainder of the division by the
// shares is distributed in the order of the view.
func (b *bounds) allow(s *pool.Server, r *pool.Request) bool {
	if b.factor == 0 {
		return true
	}
	slots := ((r.BackendSessions()+1)*b.factor + 99) / 100
	each, rest := slots/b.total, slots%b.total
	share, before := b.shares[s.Index], b.before[s.Index]
	mine := share*each + (before+share)*rest/b.total - before*rest/b.total
	return s.Sessions() < int64(max(1, mine))
}
