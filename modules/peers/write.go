// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

const (
	writeSize  = 16_384 // bytes after which they are written
	takeAtOnce = 200    // keys of a table before those of the next
)

// write writes messages until the connection ends.
func (s *session) write() error {
	beat := time.NewTimer(heartbeatInterval)
	defer beat.Stop()
	for {
		more, err := s.send()
		if err != nil {
			return err
		}
		if len(s.out) > 0 {
			beat.Reset(heartbeatInterval)
		}
		if err := s.flush(); err != nil {
			return err
		}
		if more {
			continue
		}
		select {
		case <-s.closed:
			return nil
		case <-s.wake:
		case <-s.peer.ready:
		case <-beat.C:
			s.control(heartbeat)
		}
	}
}

// flush writes the messages.
func (s *session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	return err
}

// control appends a control message.
func (s *session) control(kind byte) { s.out = append(s.out, classControl, kind) }

// send appends messages, and reports whether there is more.
func (s *session) send() (more bool, err error) {
	t := s.take()
	for of, id := range t.acked {
		of.acknowledge(id)
	}
	if t.request {
		s.control(resyncRequest)
	}
	for in, id := range t.acks {
		data := binary.BigEndian.AppendUint32(appendNumber(nil, in.id), id)
		s.out = appendMessage(s.out, acknowledgement, data)
	}
	if t.teach {
		if err := s.teach(); err != nil {
			return false, err
		}
	}
	for range t.confirms {
		s.control(resyncConfirm)
	}
	for i, of := range s.peer.shared {
		full, err := s.push(i+1, of)
		if err != nil {
			return false, err
		}
		more = more || full
	}
	return more, nil
}

// push appends updates of entries that changed, and reports whether there are more.
func (s *session) push(id int, of *shared) (more bool, err error) {
	room := min(takeAtOnce, maxUnacked-len(of.unacked))
	if room <= 0 {
		return false, nil // until the peer acknowledges some
	}
	keys := of.feed.Take(room)
	if len(keys) > 0 {
		s.introduce(id, of)
	}
	for _, key := range keys {
		found := of.Table.Table.View(key, func(r tables.Row) {
			s.entry = appendValues(appendKey(s.entry[:0], s.config, key), s.config, r, &s.sent)
		})
		if !found {
			continue
		}
		s.append(of, -1)
		of.unacked = append(of.unacked, sentUpdate{of.lastID, key})
		if err := s.flushFull(); err != nil {
			return false, err
		}
	}
	return len(keys) == takeAtOnce, nil
}

// append appends the update of an entry.
func (s *session) append(of *shared, left time.Duration) {
	of.lastID++
	s.out = appendUpdate(s.out, of.lastID, s.isNext, left, s.entry)
	s.isNext = true
	of.sent.Add(1)
}

func (s *session) flushFull() error {
	if len(s.out) < writeSize {
		return nil
	}
	return s.flush()
}

// introduce appends the definition of a table, unless the last one was the same.
func (s *session) introduce(id int, of *shared) {
	c := of.Table.Table.Config()
	if s.switched == of && c.Expire == s.config.Expire && slices.Equal(c.Store, s.config.Store) {
		return
	}
	s.switched, s.config, s.isNext = of, c, false
	s.out = appendDefinition(s.out, id, of.Name, c)
}

// teach sends all entries, with the time until each expires.
func (s *session) teach() error {
	for i, of := range s.peer.shared {
		s.introduce(i+1, of)
		for r := range of.Table.Table.All() {
			left := r.Expires()
			if s.downgraded {
				left = -1
			}
			s.entry = appendValues(appendKey(s.entry[:0], s.config, r.Key()), s.config, r, &s.sent)
			s.append(of, left)
			if err := s.flushFull(); err != nil {
				return err
			}
		}
	}
	s.peer.taught.Add(1)
	if s.peer.group.isUpToDate() {
		s.control(resyncFinished)
	} else {
		s.control(resyncPartial)
	}
	return nil
}
