// SPDX-License-Identifier: Apache-2.0

package policies

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// NonBlocking marks the policy as one that never blocks.
func (*First) NonBlocking() {}

// NonBlocking marks the policy as one that never blocks.
func (*Hash) NonBlocking() {}

// NonBlocking marks the policy as one that never blocks.
func (*LeastConn) NonBlocking() {}

// NonBlocking marks the policy as one that never blocks.
func (*Maglev) NonBlocking() {}

// NonBlocking marks the policy as one that never blocks.
func (*PeakEWMA) NonBlocking() {}

// NonBlocking marks the policy as one that never blocks.
func (*Random) NonBlocking() {}

// NonBlocking marks the policy as one that never blocks.
func (*RoundRobin) NonBlocking() {}

// NonBlocking marks the policy as one that never blocks.
func (*Source) NonBlocking() {}

// NonBlocking marks the policy as one that never blocks.
func (*StaticRR) NonBlocking() {}

// Interface guards
var (
	_ pool.NonBlocking = (*First)(nil)
	_ pool.NonBlocking = (*Hash)(nil)
	_ pool.NonBlocking = (*LeastConn)(nil)
	_ pool.NonBlocking = (*Maglev)(nil)
	_ pool.NonBlocking = (*PeakEWMA)(nil)
	_ pool.NonBlocking = (*Random)(nil)
	_ pool.NonBlocking = (*RoundRobin)(nil)
	_ pool.NonBlocking = (*Source)(nil)
	_ pool.NonBlocking = (*StaticRR)(nil)
)
