// SPDX-License-Identifier: Apache-2.0

package relay

// ShardStats are numbers of a shard.
type ShardStats struct {
	// Slots is the number of sessions and sockets that the shard watches.
	Slots int
	// Rounds is the number of times that the shard has asked the kernel for events, and Events that of
	// events that it got.
	Rounds, Events uint64
	// Spliced is the number of bytes that have passed its pipes.
	Spliced uint64
}
