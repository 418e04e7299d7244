// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// resets reports whether to reset a side's connection because the other's was reset: a FIN would
// tell its peer that it has received everything.
func (s *copied) resets(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed && s.result.Cause == Reset && s.result.By != p.side
}

// linger waits until bytes written to a side have been delivered, if closing the connection could
// throw them away: by RST, or because bytes arrive that are no longer read.
func (s *copied) linger() {
	for _, p := range []*peer{&s.client, &s.server} {
		if s.options.noLinger(p.side, p.readDone.Load()) || p.writeBroken.Load() || !s.resets(p) && (p.readDone.Load() || !s.other(p).writeBroken.Load()) {
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

// awaitDelivery returns once the other end has all that was written to p, or has accepted nothing
// for the given time, or the connection is over. It discards what arrives.
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

// maxDeliveryPause is the longest pause between two checks of a lingering session.
const maxDeliveryPause = 250 * time.Millisecond

// undeliveredTo returns how many bytes written to a connection its other end has not acknowledged,
// if the system knows.
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

// close closes both connections. If one of them was reset, it resets the other, too, provided that
// the system can tell how many bytes that loses: they were not delivered. It resets those that must
// not linger.
func (s *copied) close() {
	for _, p := range []*peer{&s.client, &s.server} {
		if (s.resets(p) || s.options.noLinger(p.side, p.readDone.Load())) && !p.closed.Load() {
			s.abort(p)
		}
		p.shutdown()
	}
}

// abort makes the next Close of p send RST.
func (s *copied) abort(p *peer) {
	left, known := undeliveredTo(p.Conn)
	if !known {
		return
	}
	from := s.other(p)
	if from.readDone.Load() && left > 0 {
		left-- // the FIN counts as a byte
	}
	s.count(from, -min(left, max(0, from.sent.Load())))
	Abort(p.Conn)
}
