// SPDX-License-Identifier: Apache-2.0

// Package policies holds the balancing policies, one Caddy module and one file
// each, in the namespace passthrough.policies. A policy is a pool.Policy; the
// balancer loads it by its module ID and never imports this package, so that a
// policy of somebody else's is added in the same way.
package policies
