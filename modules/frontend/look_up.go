// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// lookupTimeout limits a lookup for rules without inspect_delay.
const lookupTimeout = 5 * time.Second

// Resolve implements rules.Resolver: it looks up a name that the client chooses. It waits as long
// as the rules may. On a shard it does not wait, and answers Miss. IP addresses are not looked up.
func (c *connection) Resolve(l rules.Lookup) (netip.Addr, sample.Verdict) {
	if balancer.ValidateHostName(l.Name) != nil {
		return netip.Addr{}, sample.Fail
	}
	if c.gone == nil && !c.isTrial() {
		return netip.Addr{}, sample.Miss
	}
	named := resolve.Named(l.Resolvers)
	if named == nil {
		return netip.Addr{}, sample.Fail
	}
	answer, err := named.ForClients().Lookup(resolve.NewName("tcp", l.Name, l.Prefer), c.lookupTime(l.Delay), c.gone)
	if err != nil || len(answer.Addresses) == 0 {
		return netip.Addr{}, sample.Fail
	}
	return anyOf(answer.Addresses), sample.Pass
}

// lookupTime returns how long a lookup may take for rules with a delay. The delay begins with the
// first wait of the rules.
func (c *connection) lookupTime(delay time.Duration) time.Duration {
	if delay == 0 {
		return lookupTimeout
	}
	if c.input.delayEnds.IsZero() {
		c.input.delay, c.input.delayEnds = delay, time.Now().Add(delay)
	}
	return max(1, time.Until(c.input.delayEnds))
}

// anyOf returns one of the addresses that have the family of the first one.
func anyOf(addresses []netip.Addr) netip.Addr {
	n := 1
	for n < len(addresses) && addresses[n].Is4() == addresses[0].Is4() {
		n++
	}
	return addresses[rand.IntN(n)] //nolint:gosec // any of them will do
}

// Interface guard
var _ rules.Resolver = (*connection)(nil)
