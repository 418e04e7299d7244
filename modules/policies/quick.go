// SPDX-License-Identifier: Apache-2.0

package policies

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// Quick says that the policy never waits.
func (*First) Quick() {}

// Quick says that the policy never waits.
func (*Hash) Quick() {}

// Quick says that the policy never waits.
func (*LeastConn) Quick() {}

// Quick says that the policy never waits.
func (*Random) Quick() {}

// Quick says that the policy never waits.
func (*RoundRobin) Quick() {}

// Quick says that the policy never waits.
func (*Source) Quick() {}

// Quick says that the policy never waits.
func (*StaticRR) Quick() {}

// Interface guards
var (
	_ pool.Quick = (*First)(nil)
	_ pool.Quick = (*Hash)(nil)
	_ pool.Quick = (*LeastConn)(nil)
	_ pool.Quick = (*Random)(nil)
	_ pool.Quick = (*RoundRobin)(nil)
	_ pool.Quick = (*Source)(nil)
	_ pool.Quick = (*StaticRR)(nil)
)
