// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// stage is the progress of an arriving session.
type stage uint8

const (
	inspecting stage = iota // waits for bytes from the client
	connecting              // waits for the server
	draining                // the client's connection is half closed: discards what it still sends
)

// arrival holds the state of a session until it passes bytes both ways. Fields are guarded by the
// session's lock unless noted.
type arrival struct {
	extra        extra   // the session's, meanwhile
	handler      Handler // called without the lock, by the goroutine that has set busy
	client       *Socket // the session has borrowed its descriptor
	stage        stage
	newlyArrived bool // Arrived has not been sent yet
	// busy is set while one goroutine runs the session: the others note their events for it.
	busy bool

	readable bool // the client may have more to read
	// nearEnd: the client's end, an error or urgent data follows, so that a short read need not be the
	// last.
	nearEnd   bool
	finished  bool // the client has closed its direction
	urgent    bool // the client has sent urgent data
	broken    bool // the client's connection has an error
	rechecked bool // after the deadline, the socket was checked for bytes that came before

	serverWatched bool // the shard watches the server
	connected     bool // the server is connected
	isSlow        bool // connecting has taken slowConnect: a client that leaves is reported
	abortOnClose  bool // see Step.AbortOnClose
	toldLeft      bool // Left has been sent
	fast          bool // first may go with the SYN

	serverEvents uint32 // the server's events that have not been handled
	seenEvents   uint32 // the server's events so far, for the running session
	deadline     int64  // of inspecting or draining; 0: none
	slowAt       int64  // when to set isSlow; 0: never
	connectBy    int64  // when to give up connecting; 0: never
	to           netip.AddrPort
	first        []byte
	header       int    // bytes of first that are the proxy's own
	sent         int    // bytes of first
	unsent       []byte // a copy of the rest of first, once connected
	failed       error  // why connecting failed
	drained      int    // bytes discarded while draining
}

var arrivalPool = sync.Pool{New: func() any { return new(arrival) }}

// Arrive begins a session by its client alone: a shard reads what the client sends, and h decides
// what to do, beginning with the event Arrived. It replaces Start and is called once. It takes over
// the client's socket, which no call must have waited for yet; on an error the socket remains the
// caller's. Until bytes pass both ways or the session has ended, the socket still serves calls that
// do not wait: its addresses and Control of its SyscallConn. The session holds no buffer and no
// goroutine.
func (s *Session) Arrive(client *Socket, h Handler) error {
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
	counts.arriving.Add(1)
	*a = arrival{handler: h, client: client, newlyArrived: true}
	a.extra = extra{cause: s.extra().cause, engineExtra: engineExtra{arrival: a}}
	s.more, es.state, es.firstFin = &a.extra, arriving, Proxy
	es.sides[Client].fd, es.sides[Server].fd = int32(fd), -1
	es.sides[Client].active.Store(clock())
	es.sides[Client].put(unixSocket, isUnix(client))
	if s.extra().cause != nil { // End was called before
		s.finish(nil)
		return nil
	}
	s.proceed(nil, clock())
	return nil
}

// release returns a to the pool. The caller must not use it any more: the next session gets it.
func (a *arrival) release() {
	*a = arrival{}
	arrivalPool.Put(a)
	counts.arriving.Add(-1)
}

// arrivalEvent handles an event of a session that is arriving.
func (s *Session) arrivalEvent(sh *shard, of Side, ready uint32) {
	es, a := &s.engine, s.arrival()
	switch {
	case es.sides[of].fd < 0: // an event from before it was closed
		return
	case of == Server:
		a.serverEvents |= ready
	case ready&pollReadable != 0:
		a.readable = true
		a.nearEnd = a.nearEnd || ready&pollNearEnd != 0
		a.urgent = a.urgent || ready&unix.EPOLLPRI != 0
		a.finished = a.finished || ready&unix.EPOLLRDHUP != 0
		a.broken = a.broken || ready&unix.EPOLLERR != 0
	}
	if !a.busy {
		s.proceed(sh, sh.now)
	}
}

// proceed runs the session until it has to wait, or other sessions have waited for long enough. The
// caller holds the lock, which is released while the handler runs.
func (s *Session) proceed(sh *shard, now int64) {
	for round := 0; s.arrival() != nil; round++ {
		if s.extra().cause != nil {
			s.finish(sh)
			return
		}
		if a := s.arrival(); round >= 2*maxRounds && a.stage == inspecting && a.readable {
			s.rearm(sh, Client) // it sends as fast as it is read
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
		} else if step.Ready != nil {
			_ = step.Ready.Close()
		}
	}
	if s.arrival() != nil {
		s.arm()
	}
}

// inspect returns the next event of a client that is waited for. It reads no bytes yet.
func (s *Session) inspect(now int64) (News, bool) {
	a := s.arrival()
	if a.newlyArrived {
		a.newlyArrived = false
		return News{Event: Arrived}, true
	}
	over := isDue(a.deadline, now)
	if over && !a.readable && !a.rechecked {
		// The clock alone does not show whether the client was silent or this process did not run.
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

// hasEvents reports whether the kernel holds bytes, an end or an error of a connection.
func hasEvents(fd int) bool {
	list := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(list[:], 0)
	return err == nil && n > 0
}

// apply carries out the handler's step.
func (s *Session) apply(sh *shard, step Step, now int64) {
	a := s.arrival()
	switch {
	case step.Do == Await && !a.connected:
		a.await(step.Until)
	case step.Do == Connect && !a.connected:
		if sh != nil {
			sh.lastSmall = now // the server's answer must not wait behind bulk
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

// await makes the session wait for the client's next event, until a deadline if there is a new one.
func (a *arrival) await(until time.Time) {
	if a.stage == connecting && a.failed != nil {
		a.stage, a.failed = inspecting, nil
	}
	if !until.IsZero() {
		a.deadline, a.rechecked = int64(until.Sub(epoch)), false
	}
}

// nextCheck returns when check must be called; 0: never.
func (a *arrival) nextCheck() int64 {
	if a.stage != connecting {
		return a.deadline
	}
	if a.slowAt != 0 {
		return a.slowAt
	}
	return a.connectBy
}
