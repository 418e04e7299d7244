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
	leaving                 // waits until the client has read the last that it was sent
)

// arrival is what a session has until bytes are passed both ways. What is not said to be
// otherwise is guarded by the session's lock.
type arrival struct {
	extra   extra   // the session's, meanwhile
	handler Handler // called without the lock, by the one that has set busy
	client  *Socket // its descriptor is lent to the session
	stage   stage
	fresh   bool // Arrived is to be told
	busy    bool // one goroutine sees to the session: others note what they find and leave the rest to it

	readable bool // the client may have more to read
	last     bool // and its end, an error or urgent data is behind that: a short read does not say that it was all
	finished bool // the client has closed its direction
	urgent   bool // it has sent urgent data
	broken   bool // the client's connection has an error
	glanced  bool // after the time was over it has been looked what has come before

	watched  bool // the server is watched by the shard
	reached  bool // the server has been reached
	present  bool // connecting takes so long that it matters whether the client is there
	untilFin bool // see Step
	left     bool // the client has left, and that was told

	server uint32 // what the server was ready for that has not been seen to
	heard  uint32 // what else it was ready for, for the session
	until  int64  // when inspecting or leaving is over; 0: never
	slow   int64  // when present is to be set; 0: not any more
	due    int64  // when connecting is given up; 0: never
	to     netip.AddrPort
	first  []byte
	sent   int    // of first
	rest   []byte // of first, a copy, once the server has been reached
	failed error  // why the server was not reached
	count  int    // bytes that were discarded while leaving
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
		client.back(at)
		return err
	}
	a := arrivalPool.Get().(*arrival)
	*a = arrival{handler: h, client: client, fresh: true}
	if !until.IsZero() {
		a.until = int64(until.Sub(epoch))
	}
	a.extra = extra{cause: s.extra().cause, engineExtra: engineExtra{arrival: a}}
	s.more, es.state, es.firstFin = &a.extra, arriving, Proxy
	es.sides[Client].fd, es.sides[Server].fd = int32(fd), -1
	es.sides[Client].active.Store(clock())
	es.sides[Client].put(local, isUnix(client))
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

// back makes a socket that was lent one like any other again.
func (s *Socket) back(at pollSlot) {
	s.mu.Lock()
	s.poll, s.lent = at, false
	s.mu.Unlock()
}

// keep makes what was lent the session's own.
func (s *Socket) keep() {
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
	case !a.reached:
		closeFD(fd)
	default:
		far := &Socket{fd: fd, remote: net.TCPAddrFromAddrPort(a.to), sent: a.sent}
		if far.poll.shard = es.shard(); a.watched {
			_ = epollControl(es.shard().fd, unix.EPOLL_CTL_DEL, fd, nil)
		}
		server = far
	}
	es.shard().replace(es.slot, near)
	near.back(at)
	es.state, es.shardID, es.slot, s.more = over, 0, 0, nil
	a.release()
	return near, server, true
}

// release makes what is left of a session's beginning another's.
func (a *arrival) release() {
	*a = arrival{}
	arrivalPool.Put(a)
}

// happens is event while a session arrives.
func (s *Session) happens(sh *shard, of Side, ready uint32) {
	es, a := &s.engine, s.arrival()
	switch {
	case es.sides[of].fd < 0: // an event from before it was closed
		return
	case of == Server:
		a.server |= ready
	case ready&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLPRI|broke) != 0:
		a.readable = true
		a.last = a.last || ready&(unix.EPOLLRDHUP|unix.EPOLLPRI|broke) != 0
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
		if a := s.arrival(); round >= 2*rounds && a.stage == inspecting && a.readable { // it sends as fast as it is read
			s.rearm(sh, Client)
			break
		}
		var news News
		var some bool
		switch a := s.arrival(); a.stage {
		case inspecting:
			news, some = s.inspect(now)
		case connecting:
			news, some = s.await(now)
		case leaving:
			s.leaves(sh, now)
		}
		if !some {
			break
		}
		if step, ok := s.ask(news); ok {
			s.take(sh, step, now)
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
	if a.fresh {
		a.fresh = false
		return News{Event: Arrived}, true
	}
	over := a.until != 0 && now >= a.until
	if over && !a.readable && !a.glanced {
		// The clock alone does not tell whether the client was silent or this process did not run.
		a.readable = stirs(int(s.engine.sides[Client].fd))
	}
	switch {
	case a.readable && (!over || !a.glanced):
		a.glanced = over
		return News{Event: Received}, true
	case over:
		a.until = 0
		return News{Event: Expired}, true
	default:
		return News{}, false
	}
}

// stirs reports whether something of a connection waits in the kernel.
func stirs(fd int) bool {
	list := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(list[:], 0)
	return err == nil && n > 0
}

// ask has the handler say what to do. False: the session does not arrive any more, or it ends.
func (s *Session) ask(news News) (step Step, ok bool) {
	es, a := &s.engine, s.arrival()
	reads := news.Event == Received
	if reads {
		a.readable = false // unless an event comes meanwhile
	}
	a.busy = true
	fd, h, last := int(es.sides[Client].fd), a.handler, a.last
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
		room := h.Room()
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

// take does what the handler has said.
func (s *Session) take(sh *shard, step Step, now int64) {
	a := s.arrival()
	switch {
	case step.Do == Await && !a.reached:
		if a.stage == connecting && a.failed != nil {
			a.stage, a.failed = inspecting, nil
		}
		if !step.Until.IsZero() {
			a.until, a.glanced = int64(step.Until.Sub(epoch)), false
		}
	case step.Do == Connect && !a.reached:
		if sh != nil {
			sh.little = now // the server's answer is not to wait behind bulk
		}
		s.connect(step, now)
	case step.Do == Relay && a.reached:
		s.begin(sh, step.Options, step.Owner, now)
	case step.Do == Close:
		s.close(sh, step, now)
	default:
		s.fail(sh, Result{By: Proxy, Cause: Failed, Err: fmt.Errorf("the handler's step %d is not possible at stage %d", step.Do, a.stage)})
	}
}

// comes is due while a session arrives.
func (a *arrival) comes() int64 {
	if a.stage != connecting {
		return a.until
	}
	if a.slow != 0 {
		return a.slow
	}
	return a.due
}
