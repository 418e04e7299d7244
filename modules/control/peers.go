// SPDX-License-Identifier: Apache-2.0

package control

import "github.com/caddy-passthrough/caddy-passthrough/modules/peering"

// Peers returns the state of the sections of peers, sorted by name.
func Peers() []peering.Status { return peering.All() }
