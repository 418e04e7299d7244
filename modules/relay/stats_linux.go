// SPDX-License-Identifier: Apache-2.0

package relay

func (s *Stats) readPipes() {
	s.Pipes, s.MaxPipes = int(pipeCount.Load()), int(maxPipeCount())
	if shards := engineShards.shards.Load(); shards != nil {
		for _, sh := range *shards {
			s.Spliced += sh.spliced.Load()
		}
	}
}
