// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"fmt"
	"sync/atomic"
	"time"
)

// engineSession is the part of a session that a shard needs. Fields that are not atomic are guarded
// by Session.mu.
type engineSession struct {
	sides    [2]side
	options  *Options
	slot     int32
	shardID  uint8 // 0: no shard
	state    state
	firstFin Side // the side that finished first; Proxy: neither has
	answered bool // the server has sent something
}

// shard returns the shard that the session is in, or nil.
func (es *engineSession) shard() *shard { return shardByID[es.shardID].Load() }

// state is the state of a session on the engine. Session.mu guards it through every transition:
//
//	                Arrive                     Start
//	                  v                          |
//	arriving: stage inspecting, reads the client |
//	   | Connect      ^ Await after Refused      |
//	   v              |                          |
//	arriving: stage connecting                   |
//	   | Connected, answered by Relay            |
//	   v                                         |
//	running: passes bytes both ways <------------+
//	   | both directions have ended, but the kernel holds bytes for one side
//	   v
//	lingering: only that side's connection is open, until they are acknowledged
//	   | delivered, nothing accepted for the timeout, or the connection ends
//	   v
//	over: both connections closed, Owner.Ended called
//
// Close in answer to an event leads from arriving to over, by way of stage draining if the manner
// is InOrder. Detach leads to over, too, but hands the connections back and skips Ended. End, a
// panic or a failure of the proxy itself leads to over from anywhere. From running, so do a write
// that times out and the end of both directions if the kernel holds nothing undelivered.
//
// A Handler runs without the lock. Instead arrival.busy is set: events, timers and End then only
// record what happened, and leave the transition to the goroutine that set it. If they changed the
// state, they would close descriptors that this goroutine still reads from.
type state uint8

const (
	notStarted state = iota
	arriving         // see Arrive
	running
	lingering // for what the kernel has not delivered to one side; the other is closed
	over
)

// side is one of the two connections, and the state of the bytes from it.
type side struct {
	sent   atomic.Int64 // bytes from it that the other side's socket has accepted
	active atomic.Int64 // when it last sent or accepted something
	fd     int32
	flags  sideFlag
}

// sideFlag is one bit of a side's condition: bits keep the record of an idle session small.
type sideFlag uint16

const (
	readable    sideFlag = 1 << iota // it may have more to read
	nearEnd                          // its end, an error or urgent data follows
	allArrived                       // its last byte is here: a read short of the buffer gets the rest
	bulk                             // its last read filled the buffer
	keepsUp                          // and the other side has accepted all of it
	watchedOut                       // watched for room to write
	readDone                         // not read from any more
	gotFin                           // because it finished in order
	sentFin                          // its sending direction was closed: FIN was sent to it
	writeBroken                      // writing to it failed: bytes that it sent before are still read
	unixSocket                       // bytes written to it are delivered at once
	delivered                        // all that was written to it is delivered, and nothing follows
)

func (e *side) has(m sideFlag) bool { return e.flags&m != 0 }

func (e *side) set(m sideFlag) { e.flags |= m }

func (e *side) unset(m sideFlag) { e.flags &^= m }

func (e *side) put(m sideFlag, on bool) {
	if e.unset(m); on {
		e.set(m)
	}
}

// pending is bytes in flight: in a pipe or in rest.
type pending struct {
	pipe    *pipe
	rest    []byte
	blocked int64 // since when the other side has accepted none of it; 0: it does
}

// blocked returns since when a side has accepted none of the bytes pending for it; 0: it does, or
// none are.
func (s *Session) blocked(of Side) int64 {
	if h := s.pending(1 - of); h != nil {
		return h.blocked
	}
	return 0
}

// pending returns the bytes that came from a side and the other side has not accepted, or nil.
func (s *Session) pending(of Side) *pending { return s.extra().pending[of] }

func (es *engineSession) isActive() bool {
	return es.state == running || es.state == lingering || es.state == arriving
}

func (es *engineSession) counters() Counters {
	c := Counters{In: max(0, es.sides[Client].sent.Load()), Out: es.sides[Server].sent.Load()}
	if active := max(es.sides[Client].active.Load(), es.sides[Server].active.Load()); active != 0 {
		c.Idle = time.Duration(clock() - active)
	}
	return c
}

// endOnEngine ends the session, as End does. The caller holds the session's lock, as for all
// methods below.
func (s *Session) endOnEngine(reason string) {
	s.setCause(Result{By: Proxy, Cause: Ended, Reason: reason})
	if a := s.arrival(); a != nil && a.busy {
		return // the goroutine that is busy with it sees the cause
	}
	s.finish(nil)
}

// setCause keeps the first cause other than Closed.
func (s *Session) setCause(r Result) {
	if s.extra().cause == nil {
		s.extend().cause = &r
	}
}

// finish closes both connections and notifies the owner. If one of them was reset, it resets the
// other, too: a FIN would tell its peer that it has received everything. sh is the shard whose
// goroutine this is, or nil.
func (s *Session) finish(sh *shard) {
	es := &s.engine
	if es.state == running || es.state == lingering {
		counts.engine.Add(-1)
	}
	es.state = over
	r, cause := Result{By: es.firstFin, Cause: Closed}, s.extra().cause
	if cause != nil {
		r = *cause
	}
	owner := s.ownerAtEnd(cause)
	for _, of := range both {
		e := &es.sides[of]
		s.drop(sh, of)
		if e.fd < 0 {
			continue
		}
		abrupt := es.options != nil && es.options.noLinger(of, e.has(gotFin))
		reset := abrupt || s.resets(of)
		if abrupt || cause != nil && (reset || cause.Cause != Reset) {
			lost := lostOnClose(e, reset)
			s.countMoved(nil, 1-of, -min(lost, max(0, es.sides[1-of].sent.Load())))
		}
		if reset {
			_ = setLinger(int(e.fd), true, 0)
		}
		closeFD(int(e.fd))
	}
	r.In, r.Out, r.Answered = max(0, es.sides[Client].sent.Load()), es.sides[Server].sent.Load(), es.answered
	end := endNotice{owner, r}
	home := es.shard()
	if home == nil {
		go end.notify()
		return
	}
	home.release(es.slot)
	home.notifier.add(end)
}

// ownerAtEnd returns the owner to notify of the session's end. If the session still arrives, it
// ends that.
func (s *Session) ownerAtEnd(cause *Result) Owner {
	a := s.arrival()
	if a == nil {
		return s.owner()
	}
	owner := a.handler
	a.client.disown()
	if s.more = nil; cause != nil {
		s.extend().cause = cause
	}
	a.release()
	return owner
}

// drop releases the pending bytes of a side.
func (s *Session) drop(sh *shard, of Side) {
	h := s.pending(of)
	if h == nil {
		return
	}
	if p := h.pipe; p != nil {
		if sh != nil {
			sh.pipes.give(p)
		} else {
			p.close()
		}
	}
	s.more.pending[of] = nil
	s.shrink()
}

// recoverPanic turns a panic into the session's end.
func (s *Session) recoverPanic(sh *shard) {
	if v := recover(); v != nil && s.engine.isActive() {
		s.setCause(Result{By: Proxy, Cause: Failed, Err: fmt.Errorf("panic while relaying: %v", v)})
		s.finish(sh)
	}
}
