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
	handshakeTime = 100 * time.Millisecond
	// settled is how long a connection may take from Accept to whoever counts it.
	settleTime = 100 * time.Millisecond
)

// What there is to know at the end of the process.
var (
	inShutdown        bool                      // addresses are closed, and none is opened any more; of socketsMu
	socketsAtShutdown []*socket                 // that were in use; of socketsMu
	lastTaken         atomic.Pointer[time.Time] // when a user last got a connection
)

// errShuttingDown is what a configuration meets that is loaded at the end of the process.
var errShuttingDown = errors.New("the process ends: it opens no address any more")

// stopAccepting lets nobody in any more who has not begun to come.
func stopAccepting() {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	inShutdown = true
	for s := range ceding { // which close soon by themselves
		socketsAtShutdown = append(socketsAtShutdown, s)
		s.inShutdown.Store(true)
	}
	for _, s := range sockets {
		socketsAtShutdown = append(socketsAtShutdown, s)
		s.inShutdown.Store(true)
		s.kernel.refuse()
		if s.key.kind != ofTCP {
			s.beginClose()
			continue
		}
		time.AfterFunc(handshakeTime, func() {
			socketsMu.Lock()
			defer socketsMu.Unlock()
			s.beginClose()
		})
	}
}

// noteTaken notes that a user has got a connection of s.
func (s *socket) noteTaken() {
	if s.inShutdown.Load() {
		now := time.Now()
		lastTaken.Store(&now)
	}
	s.inFlight.Add(-1)
}

// pending reports whether connections are on their way to those who serve them, or
// an address is not closed yet.
func pending() bool {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	for _, s := range socketsAtShutdown {
		if s.inFlight.Load() > 0 || !s.isDone() {
			return true
		}
	}
	last := lastTaken.Load()
	return last != nil && time.Since(*last) < settleTime
}
