// SPDX-License-Identifier: Apache-2.0

package policies

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// NonBlocking says that the policy never waits.
func (*First) NonBlocking() {}

// NonBlocking says that the policy never waits.
func (*Hash) NonBlocking() {}

// NonBlocking says that the policy never waits.
func (*LeastConn) NonBlocking() {}

// NonBlocking says that the policy never waits.
func (*Random) NonBlocking() {}

// NonBlocking says that the policy never waits.
func (*RoundRobin) NonBlocking() {}

// NonBlocking says that the policy never waits.
func (*Source) NonBlocking() {}

// NonBlocking says that the policy never waits.
func (*StaticRR) NonBlocking() {}

// Interface guards
var (
	_ pool.NonBlocking = (*First)(nil)
	_ pool.NonBlocking = (*Hash)(nil)
	_ pool.NonBlocking = (*LeastConn)(nil)
	_ pool.NonBlocking = (*Random)(nil)
	_ pool.NonBlocking = (*RoundRobin)(nil)
	_ pool.NonBlocking = (*Source)(nil)
	_ pool.NonBlocking = (*StaticRR)(nil)
)
