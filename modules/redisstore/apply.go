// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// maxServers bounds the names of servers that a table learns: it keeps each of them.
const maxServers = 10_000

// apply applies a message.
func (s *share) apply(text string) {
	m, ok := parseMessage(text)
	switch {
	case !ok:
		s.counts.learned.add(isInvalid)
		return
	case m.run == s.run:
		s.comeBack(&m)
		return
	case m.kind == farewell:
		s.peers.drop(m.run)
		return
	case !s.peers.note(m.run, m.node):
		s.counts.learned.add(isFull)
		return
	}
	for {
		c, ok := m.next()
		if !ok {
			break
		}
		s.applyChange(m.run, c)
	}
	if m.changes.bad {
		s.counts.learned.add(isInvalid)
	}
}

// comeBack notes that a message of this node has come back: what follows is newer.
func (s *share) comeBack(m *message) {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	for {
		c, ok := m.next()
		if !ok {
			return
		}
		delete(s.sent, c.key)
	}
}

// applyChange applies what another node has changed.
func (s *share) applyChange(run string, c change) {
	key, ok := s.table.Canonical([]byte(c.key))
	if !ok || len(c.state) > maxRecord || len(c.counts) > maxRecord {
		s.counts.learned.add(isInvalid)
		return
	}
	if c.parts&isForgotten != 0 {
		s.forgetEntry(run, key)
	}
	r := isLearned
	if c.parts&hasState != 0 {
		s.receiving.Lock()
		s.heard[c.key] = true
		r = s.learnState(key, c.state)
		s.receiving.Unlock()
	}
	if c.parts&hasCounts != 0 && r == isLearned {
		r = s.learnCounts(run, key, c.counts)
	}
	s.counts.learned.add(r)
}

// learnState puts the state of an entry that another node has set into the table. It does not if
// this node has changed it since, or has set another one that comes later. The lock is held.
func (s *share) learnState(key []byte, record string) result {
	switch {
	case s.synced == nil:
		return isLearned // it is not stored here
	case !s.isValid(record):
		return isInvalid
	case s.sent[string(key)]:
		return isLearned
	}
	var known []byte
	s.synced.View(key, func(r tables.Row) { known, _ = newRecord(s.synced.Config(), r, true) })
	full := !s.synced.Learn(key, func(r tables.Row) { readRecord(record, s.synced.Config(), r) })
	full = !s.table.Learn(key, func(r tables.Row) {
		state, isSet := newRecord(s.config, r, true)
		if !isSet || string(state) == string(known) {
			readRecord(record, s.config, r)
		}
	}) || full
	if full {
		return isFull
	}
	return isLearned
}

// isValid reports whether a record is complete, and names a server that the table may learn. The
// lock is held.
func (s *share) isValid(record string) bool {
	server, ok := serverOf(record)
	return ok && len(record) <= maxRecord && s.knows(server)
}

// knows reports whether the table may learn the name of a server.
func (s *share) knows(server string) bool {
	if server == "" || s.servers[server] {
		return true
	}
	if len(server) > maxName || len(s.servers) >= maxServers {
		return false
	}
	s.servers[server] = true
	return true
}

// learnCounts stores what another node has counted for an entry.
func (s *share) learnCounts(run string, key []byte, record string) result {
	counts := s.peers.of(run)
	if counts == nil {
		return isLearned
	}
	valid := false
	if !counts.Learn(key, func(r tables.Row) { valid = readRecord(record, counts.Config(), r) }) {
		return isFull
	}
	if !valid {
		return isInvalid
	}
	if !s.table.Learn(key, func(tables.Row) {}) { // its values are sums
		return isFull
	}
	return isLearned
}

// forgetEntry drops an entry that a node has dropped.
func (s *share) forgetEntry(run string, key []byte) {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	s.heard[string(key)] = true
	s.table.Clear(key)
	if s.synced != nil {
		s.synced.Clear(key)
	}
	if counts := s.peers.of(run); counts != nil {
		counts.Clear(key)
	}
}
