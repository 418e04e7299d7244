// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"sync/atomic"
	"time"
)

const (
	// handshakes is for how long those are still let in, at the end of the process,
	// whose handshake had begun: the network may be that slow.
	handshakes = 100 * time.Millisecond
	// settled is how long a connection may take from Accept to whoever counts it.
	settled = 100 * time.Millisecond
)

// What there is to know at the end of the process.
var (
	refuses    bool                      // addresses are closed, and none is opened any more; of socketsMu
	ended      []*socket                 // that were in use; of socketsMu
	lastHanded atomic.Pointer[time.Time] // when a user last got a connection
)

// errEnding is what a configuration meets that is loaded at the end of the process.
var errEnding = errors.New("the process ends: it opens no address any more")

// refuseAll lets nobody in any more who has not begun to come.
func refuseAll() {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	refuses = true
	for s := range leaving { // which close soon by themselves
		ended = append(ended, s)
		s.ending.Store(true)
	}
	for _, s := range sockets {
		ended = append(ended, s)
		s.ending.Store(true)
		s.kernel.refuse()
		if s.key.kind != ofTCP {
			s.shut()
			continue
		}
		time.AfterFunc(handshakes, func() {
			socketsMu.Lock()
			defer socketsMu.Unlock()
			s.shut()
		})
	}
}

// handed notes that a user has got a connection of s.
func (s *socket) handed() {
	if s.ending.Load() {
		now := time.Now()
		lastHanded.Store(&now)
	}
	s.hand.Add(-1)
}

// arriving reports whether connections are on their way to those who serve them, or
// an address is not closed yet.
func arriving() bool {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	for _, s := range ended {
		if s.hand.Load() > 0 || !s.lost() {
			return true
		}
	}
	last := lastHanded.Load()
	return last != nil && time.Since(*last) < settled
}
