// SPDX-License-Identifier: Apache-2.0

package relay

// countMoved counts bytes of a side that were passed on, or were not, if n is negative. sh is the
// shard whose goroutine this is, or nil. A shard adds up its bytes without atomic operations, and
// shows the sums once for each batch of events.
func (s *Session) countMoved(sh *shard, of Side, n int64) {
	s.engine.sides[of].sent.Add(n)
	if sh != nil {
		sh.unadded[of] += n
		return
	}
	s.engine.stripe().bytes[of].Add(n)
}

// setMoved sets the number of the client's bytes that were passed on before the session began.
func (s *Session) setMoved(n int64) {
	before := s.engine.sides[Client].sent.Swap(n)
	s.engine.stripe().bytes[Client].Add(n - before)
}

func (es *engineSession) stripe() *stripe { return &stripes[int(es.shardID)%len(stripes)] }

// addMoved shows what the shard's goroutine has moved since the last call.
func (sh *shard) addMoved() {
	for of, n := range sh.unadded {
		if n != 0 {
			sh.moved.bytes[of].Add(n)
			sh.unadded[of] = 0
		}
	}
}
