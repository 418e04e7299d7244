// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"time"

	"go.uber.org/zap"
)

// leftoverTimeout is the time for which connections that were accepted and not taken when the
// kernel socket closed wait for Accept.
const leftoverTimeout = 5 * time.Second

// keepLeftover keeps accepted connections for the user that closed last.
func (s *socket) keepLeftover(conns []net.Conn) {
	if len(conns) == 0 {
		return
	}
	s.leftover = conns
	time.AfterFunc(leftoverTimeout, func() {
		n := 0
		for conn := s.takeLeftover(nil); conn != nil; conn = s.takeLeftover(nil) {
			_ = conn.Close()
			n++
		}
		if n > 0 {
			logger().Warn("dropped queued connections: no listener accepted them within 5s", zap.Stringer("address", s.key), zap.Int("connections", n))
		}
	})
}

// takeLeftover returns a leftover connection if l may have one. With a nil l it returns any, to be
// closed.
func (s *socket) takeLeftover(l *listener) net.Conn {
	if l != nil {
		socketsMu.Lock()
		may := l.active && (l.closedLast || !l.isClosed())
		socketsMu.Unlock()
		if !may {
			return nil
		}
	}
	s.leftoverMu.Lock()
	defer s.leftoverMu.Unlock()
	if len(s.leftover) == 0 {
		return nil
	}
	conn := s.leftover[0]
	s.leftover = s.leftover[1:]
	s.noteTaken()
	return conn
}
