// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"time"

	"golang.org/x/sys/unix"
)

// turnBytes returns how much one side may send before other sessions get their turn: 64 KiB, or 512
// KiB if no small message, which would wait, has passed for quietBeforeBulk.
func (sh *shard) turnBytes() int {
	if sh.now-sh.lastSmall < int64(quietBeforeBulk) {
		return smallPipe
	}
	return bigPipe
}

// quietBeforeBulk is the time without small messages before turns become large.
const quietBeforeBulk = 10 * time.Millisecond

// Events of a side.
const (
	pollBroken   = unix.EPOLLHUP | unix.EPOLLERR
	pollNearEnd  = unix.EPOLLPRI | unix.EPOLLRDHUP | pollBroken // as the flag nearEnd
	pollReadable = unix.EPOLLIN | pollNearEnd
)

// allHaveArrived reports whether a side's last byte is here, by its events. A read also stops
// before an urgent byte and, on a Unix socket, behind descriptors that are passed with the bytes.
func allHaveArrived(ready uint32) bool {
	return ready&(unix.EPOLLRDHUP|unix.EPOLLPRI|unix.EPOLLERR) == unix.EPOLLRDHUP
}

// event handles an event of a side.
func (s *Session) event(sh *shard, of Side, ready uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.recoverPanic(sh)
	es := &s.engine
	if s.arrival() != nil {
		s.arrivalEvent(sh, of, ready)
		return
	}
	if es.state == lingering {
		s.lingerEvent(sh, of, ready)
		return
	}
	if es.state != running {
		return
	}
	now, e := sh.now, &es.sides[of]
	if ready&pollReadable != 0 {
		e.set(readable)
		e.put(nearEnd, e.has(nearEnd) || ready&pollNearEnd != 0)
		e.put(allArrived, allHaveArrived(ready) && !e.has(unixSocket))
	}
	if ready&unix.EPOLLERR != 0 && !s.readingFrom(of) && !e.has(writeBroken) {
		s.checkSocketError(sh, of, now) // nothing else would notice
	}
	if es.state == running && s.pending(1-of) != nil && ready&(unix.EPOLLOUT|pollBroken) != 0 {
		s.move(sh, 1-of, now)
	}
	if es.state == running && e.has(readable) {
		s.move(sh, of, now)
	}
}

// move passes on bytes from a side until all are gone, the other side blocks, or other sessions
// have waited for long enough.
func (s *Session) move(sh *shard, of Side, now int64) {
	es := &s.engine
	from, moved := &es.sides[of], 0
	if of == Server && s.extra().held != nil {
		s.receiveHeld(sh, now)
	}
	for (s.pending(of) == nil || s.flush(sh, of, now)) && es.state == running && from.has(readable) && !from.has(readDone) {
		if moved >= sh.turnBytes() {
			s.rearm(sh, of)
			break
		}
		n, err := s.receive(sh, of, now)
		moved += n
		switch {
		case n > 0:
		case err == nil:
			from.set(gotFin)
			s.finished(sh, of, now)
		case err == unix.EAGAIN: //nolint:errorlint // an Errno
			from.unset(readable)
		default:
			from.set(readDone)
			s.broken(sh, of, err, now)
		}
	}
	if h := s.pending(of); h != nil && h.pipe != nil && h.pipe.n == 0 {
		from.put(bulk, moved >= bufferSize)
		from.put(keepsUp, from.has(bulk)) // the other side has accepted it all
		s.drop(sh, of)
	}
}

// rearm makes the shard look at a side once more, behind events already queued.
func (s *Session) rearm(sh *shard, of Side) {
	here := s.pollSlotOf(of)
	if err := here.rearm(int(s.engine.sides[of].fd), of); err != nil {
		s.fail(sh, Result{By: Proxy, Cause: Failed, Err: err})
	}
}

// receive reads once from a side, and keeps the bytes pending or passes them on.
func (s *Session) receive(sh *shard, of Side, now int64) (n int, err error) {
	es := &s.engine
	from := &es.sides[of]
	h := s.pending(of)
	if from.has(bulk) && h == nil {
		if pipe := sh.pipes.take(from.has(keepsUp)); pipe != nil {
			h = &pending{pipe: pipe}
			s.extend().pending[of] = h
		}
	}
	if h != nil {
		if n, err = h.pipe.fill(int(from.fd), sh.turnBytes()); n > 0 {
			sh.spliced.Add(uint64(n))
		}
	} else {
		n, err = read(int(from.fd), sh.buffer[:])
	}
	if n <= 0 {
		return 0, err
	}
	from.active.Store(now)
	if of == Server && !es.answered {
		s.noteAnswer(sh.buffer[:min(n, bufferSize)]) // the first bytes pass no pipe
	}
	if h == nil {
		from.put(bulk, n == bufferSize)
		from.put(readable, from.has(bulk) || from.has(nearEnd)) // else that was all
		if !from.has(bulk) {
			sh.lastSmall = now
		}
		if from.has(allArrived) && !from.has(bulk) {
			s.writeLast(sh, of, sh.buffer[:n], now)
		} else {
			s.write(sh, of, sh.buffer[:n], now)
		}
	}
	return n, nil
}

// write passes on b, which came from a side, and keeps pending what the other side does not accept.
func (s *Session) write(sh *shard, of Side, b []byte, now int64) {
	n, err := write(int(s.engine.sides[1-of].fd), b)
	s.wrote(sh, of, b, n, err, now)
}

// writeLast works like write for the last bytes that come from a side. The FIN leaves with them.
func (s *Session) writeLast(sh *shard, of Side, b []byte, now int64) {
	from := &s.engine.sides[of]
	n, err := writeMore(int(s.engine.sides[1-of].fd), b)
	if s.wrote(sh, of, b, n, err, now); n == len(b) {
		from.set(gotFin)
		s.finished(sh, of, now)
	}
}

// wrote records the result of a write.
func (s *Session) wrote(sh *shard, of Side, b []byte, n int, err error, now int64) {
	to := &s.engine.sides[1-of]
	if n > 0 {
		s.countMoved(sh, of, int64(n))
		to.active.Store(now)
	}
	switch {
	case err != nil && err != unix.EAGAIN: //nolint:errorlint // an Errno
		s.broken(sh, 1-of, err, now)
	case n < len(b):
		s.extend().pending[of] = &pending{rest: bytes.Clone(b[n:])}
		s.block(sh, 1-of, now)
	}
}

// flush passes on pending bytes of a side. It reports whether all of them are gone.
func (s *Session) flush(sh *shard, of Side, now int64) bool {
	from, to, h := &s.engine.sides[of], &s.engine.sides[1-of], s.pending(of)
	for {
		n, left, err := h.send(int(to.fd))
		if n > 0 {
			s.countMoved(sh, of, int64(n))
			to.active.Store(now)
			if h.blocked != 0 {
				h.blocked = now
			}
		}
		switch {
		case err != nil && err != unix.EAGAIN: //nolint:errorlint // an Errno
			s.broken(sh, 1-of, err, now)
			return false
		case left == 0:
			wasBlocked := h.blocked != 0
			h.blocked = 0
			if h.pipe == nil {
				s.drop(sh, of)
			}
			if wasBlocked {
				from.active.Store(now) // while it was not read from, it was not silent
				s.arm()
			}
			return true
		case err != nil:
			s.block(sh, 1-of, now)
			return false
		}
	}
}

// send writes pending bytes to fd, once, and returns how many are left.
func (h *pending) send(fd int) (n, left int, err error) {
	if h.pipe == nil {
		n, err = write(fd, h.rest)
		h.rest = h.rest[n:]
		return n, len(h.rest), err
	}
	if h.pipe.n > 0 {
		n, err = h.pipe.drain(fd)
	}
	return n, h.pipe.n, err
}

// block records that a side accepts nothing, and watches for when it does.
func (s *Session) block(sh *shard, of Side, now int64) {
	e, from, h := &s.engine.sides[of], &s.engine.sides[1-of], s.pending(1-of)
	if h.blocked == 0 {
		h.blocked = now
		s.arm()
	}
	from.unset(keepsUp)
	if !e.has(watchedOut) {
		e.set(watchedOut)
		s.rearm(sh, of)
	}
}
