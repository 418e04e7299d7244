// SPDX-License-Identifier: Apache-2.0

package relay

import "sync/atomic"

// Stats are numbers of the process.
type Stats struct {
	// Arriving is the number of sessions that shards have begun by their clients alone: they wait for
	// the client, or for the connection to the server. Engine and Copied are the numbers of sessions
	// whose bytes shards and goroutines move.
	Arriving, Engine, Copied int64
	// Pipes is the number of pipes that the engine has, at most MaxPipes. Spliced is the number of
	// bytes that have passed them since the process began.
	Pipes, MaxPipes int
	Spliced         uint64
	// In and Out are the bytes from clients and from servers that sessions have passed on since the
	// process began, those of sessions that run included.
	In, Out int64
}

// counts are the numbers of sessions; see Stats.
var counts struct{ arriving, engine, copied atomic.Int64 }

// ReadStats returns the current numbers.
func ReadStats() Stats {
	s := Stats{Arriving: counts.arriving.Load(), Engine: counts.engine.Load(), Copied: counts.copied.Load()}
	s.readPipes()
	for i := range stripes {
		s.add(&stripes[i])
	}
	return s
}
