// SPDX-License-Identifier: Apache-2.0

// Package policies holds the balancing policies, one Caddy module and one file each, in the
// namespace passthrough.policies. A policy is a pool.Policy. The balancer loads it by its module ID
// and never imports this package: policies of other plugins work the same way.
package policies
