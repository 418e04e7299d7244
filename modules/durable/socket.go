// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// restTime is how long connections that were in when the kernel socket closed wait
// for somebody to accept them.
const restTime = 5 * time.Second

// socketOptions are what a user wants of the kernel socket.
type socketOptions struct {
	net.ListenConfig
	mode    fs.FileMode   // of a Unix socket
	backlog int           // 0: the system's limit
	shared  bool          // with others of the configuration
	wake    chan struct{} // of the listener; nil: one of its own
}

var errNotShared = errors.New("durable: the configuration has this address twice: expected two addresses, or durable+shared/ in both places")

// kernel is a kernel socket that listens.
type kernel interface {
	net.Listener
	// configure sets what can be changed later: connections have that from then on.
	configure(socketOptions) error
	// listen lets clients in, where something else is there until then. Else they can
	// come from the beginning.
	listen() error
	// refuse lets no new clients in, where the system can do that; those who are in
	// are still accepted.
	refuse()
	// stepAside leaves new clients to the other sockets of this process that their
	// address belongs to; those who are in, or are coming in, are still accepted.
	stepAside()
	// wake has Accept fail with os.ErrDeadlineExceeded, until unwake.
	wake()
	unwake()
	// waiting accepts one who is in already, after wake. Where there is none, both
	// results are nil.
	waiting() (net.Conn, error)
}

// sockets holds every kernel socket in use, by canonical address. Its lock is held
// while a socket is opened and closed, so that whoever attaches during a last close
// finds either a socket that lives on or an address that is free.
var (
	socketsMu sync.Mutex
	sockets   = make(map[address]*socket)
)

// socket is one kernel socket and its users.
type socket struct {
	key     address
	kernel  kernel
	begin   sync.Once
	begun   chan struct{} // closed when a configuration that uses it runs
	idle    chan struct{} // closed with the last user, or at the end of the process
	done    chan struct{} // closed when the kernel socket is
	changed chan struct{} // one word: see look
	hand    atomic.Int64  // connections that were accepted and that no user has yet
	ending  atomic.Bool   // the process is: nobody is let in any more
	shared  atomic.Bool   // connections may be for another socket: see heir

	queue

	// Of socketsMu:
	users    []*listener // in the order in which they came
	shutting bool        // idle is closed

	err error // what ended the kernel socket; read after done

	restMu sync.Mutex
	rest   []net.Conn // those who were in when it closed
}

// attach adds a user to the socket of addr, which it opens if there is none. With
// port 0 the kernel picks a free port, so it always opens one, and those who ask
// for that port share it afterwards.
func attach(ctx context.Context, addr address, o socketOptions) (*listener, error) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	if refuses {
		return nil, errEnding
	}
	s := sockets[addr]
	if s != nil && s.isTakenFor(ctx, o) {
		return nil, errNotShared
	}
	if s == nil || s.lost() {
		var err error
		if s, err = openSocket(ctx, addr, o); err != nil {
			return nil, err
		}
	}
	return s.attach(ctx, o), nil
}

// isTakenFor reports whether another user of the same configuration has the socket,
// and one of both does not want to share it. The caller holds socketsMu.
func (s *socket) isTakenFor(ctx context.Context, o socketOptions) bool {
	config, ok := lifecycle.ConfigOf(ctx)
	return ok && slices.ContainsFunc(s.users, func(l *listener) bool {
		return l.hasConfig && l.config == config && (!l.options.shared || !o.shared)
	})
}

// openSocket opens the socket of an address. The caller holds socketsMu.
func openSocket(ctx context.Context, addr address, o socketOptions) (*socket, error) {
	k, err := openKernel(ctx, &addr, o)
	if err != nil {
		return nil, err
	}
	s := newSocket(addr, k)
	config, waits := lifecycle.ConfigOf(ctx)
	waits = waits && !config.Running()
	if !waits {
		if err := k.listen(); err != nil {
			_ = k.Close()
			return nil, err
		}
		s.begin.Do(func() { close(s.begun) })
	}
	s.enter()
	go s.run(waits)
	return s, nil
}

func newSocket(key address, k kernel) *socket {
	s := &socket{
		key:     key,
		kernel:  k,
		begun:   make(chan struct{}),
		idle:    make(chan struct{}),
		done:    make(chan struct{}),
		changed: make(chan struct{}, 1),
	}
	s.settled.L = &s.mu
	return s
}

// attach adds a user. The caller holds socketsMu.
func (s *socket) attach(ctx context.Context, o socketOptions) *listener {
	l := newListener(ctx, s, o)
	s.prune()
	s.users = append(s.users, l)
	s.join(l)
	s.pass()
	l.stop = context.AfterFunc(ctx, func() { l.leave() })
	if config, ok := lifecycle.ConfigOf(ctx); ok {
		go func() {
			if config.Await(ctx) {
				s.beginNow()
			}
		}()
	}
	return l
}

// beginNow has the socket be used.
func (s *socket) beginNow() {
	s.begin.Do(func() {
		if err := s.kernel.listen(); err != nil { // the accept goroutine tries again
			logger().Error("listening", zap.Stringer("address", s.key), zap.Error(err))
		}
		close(s.begun)
	})
}

// lost reports whether the kernel socket has been closed by somebody else.
func (s *socket) lost() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// prune takes away the users whose context has ended: they are on their way out, and
// must not be in the way of others until then. The caller holds socketsMu.
func (s *socket) prune() {
	if s.ending.Load() { // then they still accept who is in
		return
	}
	s.users = slices.DeleteFunc(s.users, func(l *listener) bool {
		if l.ctx.Err() == nil {
			return false
		}
		l.finish()
		return true
	})
}

// pass gives connections to the users of the configuration that has been here for
// longest. The caller holds socketsMu.
func (s *socket) pass() {
	var next []*listener
	for _, l := range s.users {
		if !l.has && l.config == s.users[0].config {
			next = append(next, l)
		}
	}
	if len(next) == 0 {
		return
	}
	if err := s.kernel.configure(s.options()); err != nil {
		logger().Error("options of a listening socket", zap.Stringer("address", s.key), zap.Error(err))
	}
	s.mu.Lock()
	for _, l := range next {
		l.has = true
	}
	s.mu.Unlock()
	s.turn()
}

// options are what the configuration that gets the connections wants of the kernel socket:
// where it has several users the first one's, and the largest backlog. The caller holds
// socketsMu.
func (s *socket) options() socketOptions {
	o := s.users[0].options
	for _, l := range s.users[1:] {
		if l.config == s.users[0].config {
			o.backlog = larger(o.backlog, l.options.backlog)
		}
	}
	return o
}

// detach takes one user away. With the last one the kernel socket is closed when
// detach returns, and those who were in are left for that user's Accept. At the
// end of the process it is not, nor where other sockets take over: then the result
// is false.
func (s *socket) detach(l *listener) (closed bool) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	i := slices.Index(s.users, l)
	if i < 0 { // pruned
		return true
	}
	s.users = slices.Delete(s.users, i, i+1)
	s.prune()
	heirs := s.heirs(l)
	for _, heir := range heirs {
		heir.beginNow()
	}
	if len(s.users) > 0 {
		l.finish()
		s.pass()
		s.review()
		return true
	}
	l.last = true
	if s.ending.Load() {
		return false
	}
	if len(heirs) > 0 {
		s.bequeath()
		return false
	}
	s.kernel.refuse()
	s.shut()
	<-s.done // which takes no lock, and waits for nobody
	return true
}

// shut has the accept goroutine close the kernel socket. The caller holds
// socketsMu.
func (s *socket) shut() {
	if s.shutting {
		return
	}
	s.shutting = true
	s.forget()
	close(s.idle)
	s.kernel.wake()
}

// keep keeps those who are in for the user who closed last.
func (s *socket) keep(conns []net.Conn) {
	if len(conns) == 0 {
		return
	}
	s.rest = conns
	time.AfterFunc(restTime, func() {
		n := 0
		for conn := s.takeRest(nil); conn != nil; conn = s.takeRest(nil) {
			_ = conn.Close()
			n++
		}
		if n > 0 {
			logger().Warn("nobody accepts connections that were in when the address closed", zap.Stringer("address", s.key), zap.Int("connections", n))
		}
	})
}

// takeRest takes one of those who were in, for a user who may have them or, if that
// is nil, to get rid of them.
func (s *socket) takeRest(l *listener) net.Conn {
	if l != nil {
		socketsMu.Lock()
		may := l.has && (l.last || !l.isClosed())
		socketsMu.Unlock()
		if !may {
			return nil
		}
	}
	s.restMu.Lock()
	defer s.restMu.Unlock()
	if len(s.rest) == 0 {
		return nil
	}
	conn := s.rest[0]
	s.rest = s.rest[1:]
	s.handed()
	return conn
}
