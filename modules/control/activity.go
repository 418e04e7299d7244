// SPDX-License-Identifier: Apache-2.0

package control

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// Activity is a snapshot of what moves bytes.
type Activity struct {
	relay.Stats
	// Shards are the event loops, of which only Linux has some.
	Shards []relay.ShardStats
	// OnGoroutine is the number of connections that a goroutine serves until they are sessions.
	OnGoroutine int
}

// ActivityNow returns a snapshot.
func ActivityNow() Activity {
	return Activity{relay.ReadStats(), relay.ReadShards(), frontend.CountOnGoroutine()}
}
