// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// resets reports whether the connection of a side is to be reset, because the
// other's was: a FIN would tell its peer that all has been said.
func (s *copied) resets(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed && s.result.Cause == Reset && s.result.By != p.side
}

// linger waits until what was written to a side has been delivered, where closing
// the connection could throw it away: by RST, or because something from that side
// arrives that is not read any more.
func (s *copied) linger() {
	for _, p := range []*peer{&s.client, &s.server} {
		if p.writeBroken.Load() || !s.resets(p) && (p.readDone.Load() || !s.other(p).writeBroken.Load()) {
			continue
		}
		if w, ok := p.Conn.(interface{ CloseWrite() error }); ok && !s.resets(p) {
			_ = w.CloseWrite()
		}
		p.awaitDelivery(max(p.limit(), 0))
	}
}

func (s *copied) other(p *peer) *peer {
	if p == &s.client {
		return &s.server
	}
	return &s.client
}

// awaitDelivery returns once the other end has all that was written to e, or has
// taken nothing for the time given, or the connection is over. What comes from it
// has no receiver.
func (p *peer) awaitDelivery(limit time.Duration) {
	if limit == 0 {
		limit = lingerTimeout
	}
	var discarded [4 << 10]byte
	began := time.Now()
	moved, last := began, int64(-1)
	for ended := false; !p.closed.Load(); {
		left, known := undeliveredTo(p.Conn)
		now := time.Now()
		if left != last {
			moved, last = now, left
		}
		if !known || left == 0 || now.Sub(moved) >= limit {
			return
		}
		pause := min(max(now.Sub(began)/4, time.Millisecond), maxDeliveryPause)
		if ended {
			time.Sleep(pause)
			continue
		}
		_ = p.SetReadDeadline(now.Add(pause))
		if _, err := p.Read(discarded[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			ended = true
		}
	}
}

// maxDeliveryPause is how often a lingering session is looked at, at least.
const maxDeliveryPause = 250 * time.Millisecond

// undeliveredTo is how much of what was written to a connection its other end has
// not acknowledged, if the system tells.
func undeliveredTo(c net.Conn) (n int64, known bool) {
	for {
		wrapper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = wrapper.NetConn()
	}
	conn, ok := c.(syscall.Conn)
	if !ok {
		return 0, false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) { n, known = undeliveredBytes(fd) })
	return n, known && err == nil
}

// close closes both connections. Where one of them was reset, the other is too, if
// the system can tell what is lost by it: that was not delivered.
func (s *copied) close() {
	for _, p := range []*peer{&s.client, &s.server} {
		if s.resets(p) && !p.closed.Load() {
			s.abort(p)
		}
		p.shutdown()
	}
}

// abort has the next Close of e send RST.
func (s *copied) abort(p *peer) {
	left, known := undeliveredTo(p.Conn)
	if !known {
		return
	}
	from := s.other(p)
	if from.readDone.Load() && left > 0 {
		left-- // the FIN counts as a byte
	}
	from.sent.Add(-min(left, from.sent.Load()))
	Abort(p.Conn)
}
