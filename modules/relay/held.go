// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"time"
)

// Inspector decides whether the client gets the first bytes of a server. Until it has decided they
// are held back, while bytes from the client are passed on. HAProxy's tcp-response content needs
// one.
type Inspector interface {
	// Inspect is called when the session begins, with no bytes, and again whenever there are more. b
	// holds all that the server has sent, and is valid during the call only. final means that nothing
	// else is waited for: the server has finished, Decision.Until has passed, MaxHeld bytes are held,
	// or the client's connection was reset, so that the decision has no effect. Calls are made one at
	// a time, and none after a decision other than Hold. They must not use the session.
	Inspect(b []byte, final bool) Decision
}

// MaxHeld is the most bytes that are held back: the room in HAProxy's buffer (tune.bufsize less
// tune.maxrewrite).
const MaxHeld = 16384 - 1024

// Verdict says what to do with the bytes that are held back.
type Verdict uint8

// The verdicts.
const (
	Hold   Verdict = iota // wait for more; Pass if final
	Pass                  // the session goes on as one without an Inspector
	Refuse                // end the session: the client gets none of them
)

// Decision is a verdict with its details.
type Decision struct {
	Do Verdict
	// For Hold: Until is when to call Inspect with final; zero: as before, or never.
	Until time.Time
	// For Refuse: Reason is that of the session's Result, whose cause is Ended; with Err it is Failed.
	// Reset closes the server's connection by RST.
	Reason string
	Err    error
	Reset  bool
}

// refusal returns the result of a session that is refused.
func (d Decision) refusal() Result {
	if d.Err != nil {
		return Result{By: Proxy, Cause: Failed, Err: d.Err}
	}
	return Result{By: Proxy, Cause: Ended, Reason: d.Reason}
}

// held is the server's bytes that wait for a decision.
type held struct {
	inspector Inspector
	blocks    bool // the inspector may block, so the engine cannot call it
	bytes     []byte
	until     int64 // when to decide, for the engine; 0: never
}

// HoldResponse holds the server's first bytes back until i has decided. It is called before Start,
// or before the Handler's step Relay. If blocks is set, calls of i may block: the session is then
// copied by goroutines of its own, and must not have begun by Arrive.
func (s *Session) HoldResponse(i Inspector, blocks bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extend().held = &held{inspector: i, blocks: blocks}
}
