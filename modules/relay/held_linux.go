// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"golang.org/x/sys/unix"
)

// inspectHeld asks the inspector about the bytes held back, and does what it says. After Pass the
// session is one like any other.
func (s *Session) inspectHeld(sh *shard, final bool, now int64) {
	h := s.extra().held
	final = final || len(h.bytes) >= MaxHeld
	d := h.inspector.Inspect(h.bytes, final)
	switch {
	case d.Do == Refuse:
		if server := int(s.engine.sides[Server].fd); d.Reset {
			_ = setLinger(server, true, 0)
		}
		s.fail(sh, d.refusal())
	case d.Do == Hold && !final:
		if !d.Until.IsZero() {
			h.until = int64(d.Until.Sub(epoch))
			s.arm()
		}
	default:
		s.dropHeld()
		if len(h.bytes) > 0 {
			s.write(sh, Server, h.bytes, now)
		}
	}
}

// dropHeld drops the bytes that are held back.
func (s *Session) dropHeld() {
	if s.more != nil {
		s.more.held = nil
		s.shrink()
	}
}

// receiveHeld reads from the server until it has read all, or the inspector has decided. The
// server's end stays to be read again.
func (s *Session) receiveHeld(sh *shard, now int64) {
	es := &s.engine
	from := &es.sides[Server]
	for h := s.extra().held; h != nil && es.state == running && from.has(readable) && !from.has(readDone); h = s.extra().held {
		room := sh.buffer[:MaxHeld-len(h.bytes)]
		switch n, err := read(int(from.fd), room); {
		case n > 0:
			from.put(readable, n == len(room) || from.has(nearEnd))
			from.active.Store(now)
			s.noteAnswer(room[:n])
			h.bytes = append(h.bytes, room[:n]...)
			s.inspectHeld(sh, false, now)
		case err == nil:
			s.inspectHeld(sh, true, now)
		case err == unix.EAGAIN: //nolint:errorlint // an Errno
			from.unset(readable)
		default:
			from.set(readDone)
			s.dropHeld()
			s.broken(sh, Server, err, now)
		}
	}
}

// decideHeld lets the inspector decide about a session whose client is gone.
func (s *Session) decideHeld() {
	if h := s.extra().held; h != nil {
		s.dropHeld()
		h.inspector.Inspect(h.bytes, true)
	}
}

// checkHeld asks for the decision once its time has come.
func (s *Session) checkHeld(now int64) {
	if h := s.extra().held; h != nil && isDue(h.until, now) {
		h.until = 0
		s.inspectHeld(nil, true, now)
	}
}

// noteAnswer tells the owner that the server has sent something, once.
func (s *Session) noteAnswer(first []byte) {
	if es := &s.engine; !es.answered {
		es.answered = true
		answered(s.owner(), first)
	}
}
