// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"iter"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
)

// Event is a change of state of the process: of servers, backends and frontends, a configuration
// that was loaded, or a change at run time.
type Event = events.Event

// Events returns the events that follow the one with a number, the oldest first: no more than limit
// (0: all), the newest of them. The process remembers the last 1000.
func Events(since uint64, limit int) []Event { return events.Process.After(since, limit) }

// FollowEvents returns the events that follow the one with a number, and then further ones as they
// happen, until ctx is done. A reader that is too slow misses some, which their numbers show.
func FollowEvents(ctx context.Context, since uint64) iter.Seq[Event] {
	return events.Process.Follow(ctx, since)
}

// LastEvent returns the number of the last event.
func LastEvent() uint64 { return events.Process.Last() }
