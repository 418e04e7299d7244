// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package relay

func (*Stats) readPipes() {}

// ReadShards returns nothing: only Linux has shards.
func ReadShards() []ShardStats { return nil }
