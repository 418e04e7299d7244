// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// incoming is a table that the peer has defined and this process shares.
type incoming struct {
	*shared
	defined
	lastID uint32 // of the updates received
	unsent int    // updates received since the last acknowledgement
}

// maxConfirms is the largest number of confirmations that a peer waits for.
const maxConfirms = 16

// ackEvery is the number of updates after which they are acknowledged, if more of them follow.
const ackEvery = 500

// read reads messages until the connection ends.
func (s *session) read() error {
	buf := make([]byte, maxMessage)
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(silenceTimeout))
		class, kind, data, err := readMessage(s.in, buf)
		if err == nil {
			err = s.handle(class, kind, data)
		}
		if err != nil {
			s.report(err)
			return err
		}
		if s.in.Buffered() == 0 {
			s.acknowledge()
		}
	}
}

// report tells the peer of its error.
func (s *session) report(err error) {
	kind := errorProtocol
	switch {
	case errors.Is(err, errTooLong):
		kind = errorSize
	case !errors.Is(err, errMalformed):
		return
	}
	s.peer.protocolErrors.Add(1)
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = s.conn.Write([]byte{classError, byte(kind)})
}

func (s *session) handle(class, kind byte, data []byte) error {
	switch class {
	case classControl:
		return s.handleControl(kind)
	case classError:
		return fmt.Errorf("the peer reports error %d", kind)
	case classTable:
		return s.handleTable(kind, data)
	case math.MaxUint8:
		return errMalformed
	default:
		return nil // of later versions
	}
}

func (s *session) handleControl(kind byte) error {
	switch kind {
	case resyncRequest:
		s.leave(func(t *todo) { t.teach = true })
	case resyncFinished, resyncPartial:
		s.leave(func(t *todo) { t.confirms = min(t.confirms+1, maxConfirms) })
		s.peer.group.learned(s, kind == resyncFinished)
	case heartbeat:
		s.peer.heartbeats.Add(1)
	}
	return nil
}

func (s *session) handleTable(kind byte, data []byte) error {
	c := &cursor{rest: data}
	switch kind {
	case definition:
		return s.define(data)
	case switchTable:
		id := c.number()
		s.acknowledge()
		s.current = s.defined[id]
	case updateWithID, updateNext, timedUpdateWithID, timedUpdateNext:
		return s.learn(kind, c)
	case acknowledgement:
		return s.acknowledged(c)
	}
	if c.failed {
		return errMalformed
	}
	return nil
}

// define begins with updates of a table. Those of one that this process does not share, or that
// differs, are ignored.
func (s *session) define(data []byte) error {
	s.acknowledge()
	s.current = nil
	d, usable, err := readDefinition(data)
	if err != nil {
		return err
	}
	delete(s.defined, d.id)
	for _, t := range s.peer.shared {
		if t.Name != d.name || !usable || !d.fits(t.Table.Table.Config()) {
			continue
		}
		s.current = &incoming{shared: t, defined: d}
		for id, other := range s.defined {
			if other.shared == t { // it has a new number
				s.current.lastID = other.lastID
				delete(s.defined, id)
			}
		}
		s.defined[d.id] = s.current
	}
	return nil
}

// learn takes over an update.
func (s *session) learn(kind byte, c *cursor) error {
	in := s.current
	if in == nil {
		return nil
	}
	in.lastID++
	if kind == updateWithID || kind == timedUpdateWithID {
		in.lastID = c.uint32()
	}
	left := time.Duration(math.MaxInt64)
	if kind == timedUpdateWithID || kind == timedUpdateNext {
		left = time.Duration(c.uint32()) * time.Millisecond
	}
	u := &s.update
	if err := u.read(c, &in.defined, &s.names); err != nil {
		return err
	}
	in.Table.Table.LearnFor(u.key, left, func(r tables.Row) { u.set(r, in.ReceiveOnly) })
	in.received.Add(1)
	if in.unsent++; in.unsent >= ackEvery {
		s.acknowledge()
	}
	return nil
}

// acknowledge acknowledges the updates of the current table.
func (s *session) acknowledge() {
	in := s.current
	if in == nil || in.unsent == 0 {
		return
	}
	in.unsent = 0
	id := in.lastID
	s.leave(func(t *todo) {
		if t.acks == nil {
			t.acks = make(map[*incoming]uint32)
		}
		t.acks[in] = id
	})
}

// acknowledged takes note of what the peer has received.
func (s *session) acknowledged(c *cursor) error {
	number, id := c.number(), c.uint32()
	if c.failed {
		return errMalformed
	}
	if number == 0 || number > uint64(len(s.peer.shared)) {
		return nil
	}
	of := s.peer.shared[number-1]
	s.leave(func(t *todo) {
		if t.acked == nil {
			t.acked = make(map[*shared]uint32)
		}
		t.acked[of] = id
	})
	return nil
}
