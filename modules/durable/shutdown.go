// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"sync/atomic"
	"time"
)

const (
	// handshakeTime is the time for which connections whose handshake had begun are still accepted
	// after the address was closed: the network may be that slow.
	handshakeTime = 100 * time.Millisecond
	// settleTime is the time that a connection may take from Accept until lifecycle counts it.
	settleTime = 100 * time.Millisecond
)

// The state of the shutdown.
var (
	inShutdown        bool                      // no address may be opened; guarded by socketsMu
	socketsAtShutdown []*socket                 // in use when the shutdown began; guarded by socketsMu
	lastTaken         atomic.Pointer[time.Time] // when a user last took a connection
)

// errShuttingDown is returned to a configuration that is loaded during shutdown.
var errShuttingDown = errors.New("shutting down: no new addresses are opened")

// stopAccepting lets in no new clients. Those that are queued, or whose handshake has begun, are
// still accepted.
func stopAccepting() {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	inShutdown = true
	for s := range ceding { // they close within handshakeTime
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

// noteTaken records that a user has taken a connection of s.
func (s *socket) noteTaken() {
	if s.inShutdown.Load() {
		now := time.Now()
		lastTaken.Store(&now)
	}
	s.inFlight.Add(-1)
}

// pending reports whether an address is still open, or connections are accepted that lifecycle does
// not count yet.
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
