// SPDX-License-Identifier: Apache-2.0

package relay

// ReadShards returns the current numbers of the shards.
func ReadShards() (all []ShardStats) {
	shards := engineShards.shards.Load()
	if shards == nil {
		return nil
	}
	for _, sh := range *shards {
		sh.mu.Lock()
		slots := len(sh.slots) - len(sh.free) - 1 // slot 0 stands for "none"
		sh.mu.Unlock()
		all = append(all, ShardStats{slots, sh.rounds.Load(), sh.taken.Load(), sh.spliced.Load()})
	}
	return all
}

func (s *Stats) readPipes() {
	s.Pipes, s.MaxPipes = int(pipeCount.Load()), int(maxPipeCount())
	if shards := engineShards.shards.Load(); shards != nil {
		for _, sh := range *shards {
			s.Spliced += sh.spliced.Load()
			s.add(&sh.moved)
		}
	}
}
