// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// parked is a session that a shard has. What is not atomic is guarded by the
// session's lock.
type parked struct {
	sides   [2]side
	options *Options
	slot    int32
	home    uint8 // the shard's id; 0: none
	state   state
	first   Side // that finished; Proxy: none
	heard   bool // the server has sent something
}

// shard returns the shard that the session is in, or nil.
func (p *parked) shard() *shard { return shards[p.home].Load() }

type state uint8

const (
	notParked state = iota
	arriving        // see Arrive
	running
	lingering // for what the kernel has not delivered to one side; the other is closed
	over
)

// side is one of the two connections, and what has come from it.
type side struct {
	sent   atomic.Int64 // bytes from it that the other side's socket has taken
	active atomic.Int64 // when it last sent or took something
	fd     int32
	marks  mark
}

// mark is something else that is known of a side. They are bits, for the sake of the many
// sides that there are.
type mark uint16

const (
	readable mark = 1 << iota // it may have more to read
	nearEnd                   // its end, an error or urgent data is behind that
	complete                  // all that comes from it has arrived: a read that is not full takes the rest
	bulk                      // there was much of it lately
	fast                      // and the other side has taken all of it
	forRoom                   // it is watched for room
	done                      // nothing more is taken from it
	fin                       // because it has finished in order
	shut                      // it was told that nothing more comes
	dying                     // it takes no more: what it has sent is still read
	local                     // it is a Unix socket: what is written to it is delivered
	empty                     // all that was written to it is delivered, and no more will be
)

func (e *side) has(m mark) bool { return e.marks&m != 0 }

func (e *side) set(m mark) { e.marks |= m }

func (e *side) unset(m mark) { e.marks &^= m }

func (e *side) put(m mark, on bool) {
	if e.unset(m); on {
		e.set(m)
	}
}

// held is what is in flight: in a pipe or in rest.
type held struct {
	pipe    *pipe
	rest    []byte
	blocked int64 // since when the other side has taken nothing of it; 0: it does
}

// blocked is since when a side has taken nothing of what is held for it; 0: it does, or
// nothing is.
func (s *Session) blocked(of Side) int64 {
	if h := s.held(1 - of); h != nil {
		return h.blocked
	}
	return 0
}

// held returns what has come from a side and the other side has not taken, or nil.
func (s *Session) held(of Side) *held { return s.extra().held[of] }

func (p *parked) running() bool {
	return p.state == running || p.state == lingering || p.state == arriving
}

func (p *parked) counters() Counters {
	c := Counters{In: p.sides[Client].sent.Load(), Out: p.sides[Server].sent.Load()}
	if active := max(p.sides[Client].active.Load(), p.sides[Server].active.Load()); active != 0 {
		c.Idle = time.Duration(clock() - active)
	}
	return c
}

// park gives the session to a shard, if both connections are sockets.
func (s *Session) park(client, server net.Conn, first []byte, o *Options, owner Owner) bool {
	if !isSocket(client) || !isSocket(server) {
		return false
	}
	from, fromAt, to, toAt, ok := takeBoth(client, server)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, now := &s.parked, clock()
	p.options = o
	p.state, p.first = running, Proxy
	p.sides[Client].fd, p.sides[Server].fd = int32(from), int32(to)
	for i, c := range [...]net.Conn{client, server} {
		p.sides[i].active.Store(now)
		p.sides[i].put(local, isUnix(c))
	}
	sent := sentTo(server)
	p.sides[Client].sent.Store(int64(sent))
	if s.extra().wrong != nil { // End came before
		fromAt.leave()
		toAt.leave()
		s.more.owner = owner
	} else if err := s.watch(fromAt, toAt, owner); err != nil {
		s.note(Result{By: Proxy, Cause: Failed, Err: err})
	}
	if s.extra().wrong != nil {
		s.finish(nil)
		return true
	}
	if first = first[sent:]; len(first) > 0 {
		s.write(nil, Client, first, now)
	}
	s.arm()
	return true
}

// watch has one shard see what comes from both sides, each of which may be watched
// already.
func (s *Session) watch(client, server place, owner Owner) (err error) {
	p := &s.parked
	sh, slot := client.shard, client.slot
	if slot == 0 && (server.slot != 0 || sh == nil) {
		sh, slot = server.shard, server.slot
	}
	if sh == nil {
		sh, err = pick()
	}
	if slot != 0 {
		sh.replace(slot, s)
	} else if err == nil {
		slot = sh.add(s)
	}
	if p.slot = slot; slot == 0 {
		s.extend().owner = owner
	} else {
		p.home = sh.id
		s.own(owner)
	}
	for i, at := range [...]place{client, server} {
		of := Side(i)
		e := &p.sides[of]
		e.put(forRoom, at.out)
		here, watched := s.placeOf(of), at.slot != 0 && at.shard == sh
		if at.slot != 0 && !watched {
			at.forget(int(e.fd))
		} else if at.slot != p.slot {
			at.leave()
		}
		switch {
		case err != nil: // there is no more to be done than that
		case watched:
			err = here.again(int(e.fd), of)
		default:
			err = here.watch(int(e.fd), of)
		}
	}
	return err
}

func (s *Session) placeOf(of Side) place {
	p := &s.parked
	return place{shard: p.shard(), slot: p.slot, out: p.sides[of].has(forRoom)}
}

func isOwn(c net.Conn) bool {
	_, own := c.(*Socket)
	return own
}

func isUnix(c net.Conn) bool {
	if s, own := c.(*Socket); own {
		_, is := s.remote.(*net.UnixAddr)
		return is
	}
	_, is := c.(*net.UnixConn)
	return is
}

// takeBoth takes both or neither: a duplicate, which there may be no descriptor
// for, first.
func takeBoth(client, server net.Conn) (from int, fromAt place, to int, toAt place, ok bool) {
	if isOwn(client) {
		if to, toAt, ok = take(server); !ok {
			return 0, fromAt, 0, toAt, false
		}
		if from, fromAt, ok = take(client); !ok { // it is closed
			closeFD(to)
		}
		return from, fromAt, to, toAt, ok
	}
	if from, fromAt, ok = take(client); !ok {
		return 0, fromAt, 0, toAt, false
	}
	if to, toAt, ok = take(server); !ok {
		closeFD(from)
	}
	return from, fromAt, to, toAt, ok
}

// take is a descriptor of a connection, which is the session's from then on, and
// where it is watched.
func take(c net.Conn) (fd int, at place, ok bool) {
	if s, ok := c.(*Socket); ok {
		return s.take()
	}
	raw, ok := Raw(c)
	if !ok {
		return 0, at, false
	}
	fd = -1
	_ = raw.Control(func(of uintptr) { fd = duplicate(int(of)) })
	return fd, at, fd >= 0
}

// sentTo is how much a server has of what was to be sent first.
func sentTo(server net.Conn) int {
	if w, ok := server.(interface{ Socket() net.Conn }); ok { // it only holds back what comes from it
		server = w.Socket()
	}
	if s, ok := server.(*Socket); ok {
		return s.sent
	}
	return 0
}

// endParked is End. The caller holds the session's lock, as that of all that
// follows does.
func (s *Session) endParked(reason string) {
	s.note(Result{By: Proxy, Cause: Ended, Reason: reason})
	if e := s.early(); e != nil && e.busy {
		return // what is busy with it sees that
	}
	s.finish(nil)
}

// note keeps the first cause that is not Closed.
func (s *Session) note(r Result) {
	if s.extra().wrong == nil {
		s.extend().wrong = &r
	}
}

// finish closes both connections and tells the owner. Where one of them was
// reset, the other is too: a FIN would tell its peer that all has been said. sh
// is the shard whose goroutine this is, or nil.
func (s *Session) finish(sh *shard) {
	p := &s.parked
	p.state = over
	r, wrong := Result{By: p.first, Cause: Closed}, s.extra().wrong
	if wrong != nil {
		r = *wrong
	}
	var owner Owner
	if e := s.early(); e != nil {
		owner = e.handler
		e.client.keep()
		if s.more = nil; wrong != nil {
			s.extend().wrong = wrong
		}
		e.release()
	} else {
		owner = s.owner()
	}
	for _, of := range both {
		e := &p.sides[of]
		s.drop(sh, of)
		if e.fd < 0 {
			continue
		}
		reset := s.resets(of)
		if wrong != nil && (reset || wrong.Cause != Reset) {
			lost := thrownAway(e, reset)
			p.sides[1-of].sent.Add(-min(lost, p.sides[1-of].sent.Load()))
		}
		if reset {
			_ = setLinger(int(e.fd), true, 0)
		}
		closeFD(int(e.fd))
	}
	r.In, r.Out, r.Answered = p.sides[Client].sent.Load(), p.sides[Server].sent.Load(), p.heard
	end := ending{owner, r}
	home := p.shard()
	if home == nil {
		go end.tell()
		return
	}
	home.release(p.slot)
	home.ended.add(end)
}

// drop gives back what is held of what came from a side.
func (s *Session) drop(sh *shard, of Side) {
	h := s.held(of)
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
	s.more.held[of] = nil
	s.shrink()
}

// crashed turns a panic into the session's end.
func (s *Session) crashed(sh *shard) {
	if v := recover(); v != nil && s.parked.running() {
		s.note(Result{By: Proxy, Cause: Failed, Err: fmt.Errorf("panic while relaying: %v", v)})
		s.finish(sh)
	}
}
