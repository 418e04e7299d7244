// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// stage is how far a session has come that arrives.
type stage uint8

const (
	inspecting stage = iota // waits for bytes of the client
	connecting              // waits for the server
	draining                // waits until the client has read the last that it was sent
)

// arrival is what a session has until bytes are passed both ways. What is not said to be
// otherwise is guarded by the session's lock.
type arrival struct {
	extra        extra   // the session's, meanwhile
	handler      Handler // called without the lock, by the one that has set busy
	client       *Socket // its descriptor is lent to the session
	stage        stage
	newlyArrived bool // Arrived is to be told
	busy         bool // one goroutine sees to the session: others note what they find and leave the rest to it

	readable  bool // the client may have more to read
	nearEnd   bool // and its end, an error or urgent data is behind that: a short read does not say that it was all
	finished  bool // the client has closed its direction
	urgent    bool // it has sent urgent data
	broken    bool // the client's connection has an error
	rechecked bool // after the time was over it has been looked what has come before

	serverWatched bool // the server is watched by the shard
	connected     bool // the server has been reached
	isSlow        bool // connecting takes so long that it matters whether the client is there
	abortOnClose  bool // see Step
	toldLeft      bool // the client has left, and that was told

	serverEvents uint32 // what the server was ready for that has not been seen to
	seenEvents   uint32 // what else it was ready for, for the session
	deadline     int64  // when inspecting or leaving is over; 0: never
	slowAt       int64  // when present is to be set; 0: not any more
	connectBy    int64  // when connecting is given up; 0: never
	to           netip.AddrPort
	first        []byte
	sent         int    // of first
	unsent       []byte // of first, a copy, once the server has been reached
	failed       error  // why the server was not reached
	drained      int    // bytes that were discarded while leaving
}

var arrivalPool = sync.Pool{New: func() any { return new(arrival) }}

// Arrive begins a session by its client alone. A shard reads what the client sends, and h
// decides what becomes of it; h is told when the time is over that is given, if it is not
// zero. Arrive is called in place of Start, once. The session then owns the client's
// socket, which nothing has waited for yet; on an error it is still the caller's. Until
// bytes are passed both ways or the session has ended, the socket still answers what does
// not wait: its addresses and what SyscallConn's Control does. The session holds no buffer
// and no goroutine.
func (s *Session) Arrive(client *Socket, h Handler, until time.Time) error {
	fd, at, ok := client.lend()
	if !ok {
		return net.ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	es := &s.engine
	if err := s.watchClient(fd, at); err != nil {
		es.shardID, es.slot = 0, 0
		client.takeBack(at)
		return err
	}
	a := arrivalPool.Get().(*arrival)
	*a = arrival{handler: h, client: client, newlyArrived: true}
	if !until.IsZero() {
		a.deadline = int64(until.Sub(epoch))
	}
	a.extra = extra{cause: s.extra().cause, engineExtra: engineExtra{arrival: a}}
	s.more, es.state, es.firstFin = &a.extra, arriving, Proxy
	es.sides[Client].fd, es.sides[Server].fd = int32(fd), -1
	es.sides[Client].active.Store(clock())
	es.sides[Client].put(unixSocket, isUnix(client))
	if s.extra().cause != nil { // End came before
		s.finish(nil)
		return nil
	}
	s.proceed(nil, clock())
	return nil
}

// watchClient has a shard see what comes from the client.
func (s *Session) watchClient(fd int, at pollSlot) (err error) {
	es := &s.engine
	if at.slot != 0 {
		return errors.New("the socket is in use")
	}
	sh := at.shard
	if sh == nil {
		if sh, err = nextShard(); err != nil {
			return err
		}
	}
	es.shardID, es.slot = sh.id, sh.add(s)
	here := s.pollSlotOf(Client)
	if err := here.watch(fd, Client); err != nil {
		here.release()
		return err
	}
	return nil
}

// lend is take, but that what does not wait can still be done with the socket.
func (s *Socket) lend() (fd int, at pollSlot, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owned() {
		return 0, at, false
	}
	at, s.poll, s.lent = s.poll, pollSlot{}, true
	return s.fd, at, true
}

// takeBack makes a socket that was lent one like any other again.
func (s *Socket) takeBack(at pollSlot) {
	s.mu.Lock()
	s.poll, s.lent = at, false
	s.mu.Unlock()
}

// disown makes what was lent the session's own.
func (s *Socket) disown() {
	s.mu.Lock()
	s.fd, s.lent = -1, false
	s.mu.Unlock()
}

// Detach ends the session without closing anything: it returns the client's connection
// and, where Connected was told, the server's, of which the rest of First is still to be
// sent by Start. It is called by Next, whose Step then does not count, and nothing more
// is told. ok is false if the session has been ended from outside meanwhile: Ended says
// so.
func (s *Session) Detach() (client, server net.Conn, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	es, a := &s.engine, s.arrival()
	if a == nil || s.extra().cause != nil {
		return nil, nil, false
	}
	near, at := a.client, s.pollSlotOf(Client)
	switch fd := int(es.sides[Server].fd); {
	case fd < 0:
	case !a.connected:
		closeFD(fd)
	default:
		far := &Socket{fd: fd, remote: net.TCPAddrFromAddrPort(a.to), sent: a.sent}
		if far.poll.shard = es.shard(); a.serverWatched {
			_ = epollControl(es.shard().fd, unix.EPOLL_CTL_DEL, fd, nil)
		}
		server = far
	}
	es.shard().replace(es.slot, near)
	near.takeBack(at)
	es.state, es.shardID, es.slot, s.more = over, 0, 0, nil
	a.release()
	return near, server, true
}

// release makes what is left of a session's beginning another's.
func (a *arrival) release() {
	*a = arrival{}
	arrivalPool.Put(a)
}

// arrivalEvent is event while a session arrives.
func (s *Session) arrivalEvent(sh *shard, of Side, ready uint32) {
	es, a := &s.engine, s.arrival()
	switch {
	case es.sides[of].fd < 0: // an event from before it was closed
		return
	case of == Server:
		a.serverEvents |= ready
	case ready&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLPRI|pollBroken) != 0:
		a.readable = true
		a.nearEnd = a.nearEnd || ready&(unix.EPOLLRDHUP|unix.EPOLLPRI|pollBroken) != 0
		a.urgent = a.urgent || ready&unix.EPOLLPRI != 0
		a.finished = a.finished || ready&unix.EPOLLRDHUP != 0
		a.broken = a.broken || ready&unix.EPOLLERR != 0
	}
	if !a.busy {
		s.proceed(sh, sh.now)
	}
}

// proceed sees to everything that there is to be seen to, and does what the handler says,
// until something has to be waited for, or others have waited for long enough. The caller
// holds the lock, which is given back while the handler is called.
func (s *Session) proceed(sh *shard, now int64) {
	for round := 0; s.arrival() != nil; round++ {
		if s.extra().cause != nil {
			s.finish(sh)
			return
		}
		if a := s.arrival(); round >= 2*maxRounds && a.stage == inspecting && a.readable { // it sends as fast as it is read
			s.rearm(sh, Client)
			break
		}
		var news News
		var some bool
		switch a := s.arrival(); a.stage {
		case inspecting:
			news, some = s.inspect(now)
		case connecting:
			news, some = s.awaitServer(now)
		case draining:
			s.drainClient(sh, now)
		}
		if !some {
			break
		}
		if step, ok := s.askHandler(news); ok {
			s.apply(sh, step, now)
		}
	}
	if s.arrival() != nil {
		s.arm()
	}
}

// inspect returns what there is to tell of a client that is waited for. Bytes are not
// read yet.
func (s *Session) inspect(now int64) (News, bool) {
	a := s.arrival()
	if a.newlyArrived {
		a.newlyArrived = false
		return News{Event: Arrived}, true
	}
	over := a.deadline != 0 && now >= a.deadline
	if over && !a.readable && !a.rechecked {
		// The clock alone does not tell whether the client was silent or this process did not run.
		a.readable = hasEvents(int(s.engine.sides[Client].fd))
	}
	switch {
	case a.readable && (!over || !a.rechecked):
		a.rechecked = over
		return News{Event: Received}, true
	case over:
		a.deadline = 0
		return News{Event: Expired}, true
	default:
		return News{}, false
	}
}

// hasEvents reports whether something of a connection waits in the kernel.
func hasEvents(fd int) bool {
	list := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(list[:], 0)
	return err == nil && n > 0
}

// askHandler calls the handler. ok is false if the session no longer arrives, or is ending.
func (s *Session) askHandler(news News) (step Step, ok bool) {
	es, a := &s.engine, s.arrival()
	reads := news.Event == Received
	if reads {
		a.readable = false // unless an event comes meanwhile
	}
	a.busy = true
	fd, h, last := int(es.sides[Client].fd), a.handler, a.nearEnd
	s.mu.Unlock()
	step, more, crash := consult(h, news, fd, last)
	s.mu.Lock()
	if s.arrival() == nil { // it is detached, and e another's
		if crash != nil {
			go h.Ended(Result{By: Proxy, Cause: Failed, Err: crash})
		}
		return step, false
	}
	a.busy = false
	a.readable = a.readable || more
	if reads {
		es.sides[Client].active.Store(clock())
	}
	if crash != nil {
		s.setCause(Result{By: Proxy, Cause: Failed, Err: crash})
	}
	return step, s.extra().cause == nil // else proceed ends it
}

// consult reads, if the news is that there is something to read, and calls the handler. It
// holds no lock.
func consult(h Handler, news News, fd int, last bool) (step Step, more bool, crash error) {
	defer func() {
		if v := recover(); v != nil {
			crash = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if news.Event == Received {
		room := h.Buffer()
		n, err := read(fd, room)
		switch {
		case n > 0:
			news.N, more = n, n == len(room) || last
		case err == nil:
			news.Event = Finished
		case err == unix.EAGAIN: //nolint:errorlint // an Errno
			// There is nothing after all, which the handler has taken room for.
		default:
			news.Event, news.Err = Broken, os.NewSyscallError("read", err)
		}
	}
	return h.Next(news), more, nil
}

// apply does what the handler has said.
func (s *Session) apply(sh *shard, step Step, now int64) {
	a := s.arrival()
	switch {
	case step.Do == Await && !a.connected:
		if a.stage == connecting && a.failed != nil {
			a.stage, a.failed = inspecting, nil
		}
		if !step.Until.IsZero() {
			a.deadline, a.rechecked = int64(step.Until.Sub(epoch)), false
		}
	case step.Do == Connect && !a.connected:
		if sh != nil {
			sh.lastSmall = now // the server's answer is not to wait behind bulk
		}
		s.connect(step, now)
	case step.Do == Relay && a.connected:
		s.startRelay(sh, step.Options, step.Owner, now)
	case step.Do == Close:
		s.closeBoth(sh, step, now)
	default:
		s.fail(sh, Result{By: Proxy, Cause: Failed, Err: fmt.Errorf("the handler's step %d is not possible at stage %d", step.Do, a.stage)})
	}
}

// nextCheck is due while a session arrives.
func (a *arrival) nextCheck() int64 {
	if a.stage != connecting {
		return a.deadline
	}
	if a.slowAt != 0 {
		return a.slowAt
	}
	return a.connectBy
}
