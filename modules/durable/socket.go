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

// leftoverTimeout is how long connections that were in when the kernel socket closed wait
// for somebody to accept them.
const leftoverTimeout = 5 * time.Second

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
	startListening() error
	// refuse lets no new clients in, where the system can do that; those who are in
	// are still accepted.
	refuse()
	// stepAside leaves new clients to the other sockets of this process that their
	// address belongs to; those who are in, or are coming in, are still accepted.
	stepAside()
	// wake has Accept fail with os.ErrDeadlineExceeded, until unwake.
	interrupt()
	resume()
	// waiting accepts one who is in already, after wake. Where there is none, both
	// results are nil.
	acceptQueued() (net.Conn, error)
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
	key        address
	kernel     kernel
	startOnce  sync.Once
	started    chan struct{} // closed when a configuration that uses it runs
	closing    chan struct{} // closed with the last user, or at the end of the process
	done       chan struct{} // closed when the kernel socket is
	recheck    chan struct{} // one word: see look
	inFlight   atomic.Int64  // connections that were accepted and that no user has yet
	inShutdown atomic.Bool   // the process is: nobody is let in any more
	overlapped atomic.Bool   // connections may be for another socket: see heir

	queue

	// Of socketsMu:
	users      []*listener // in the order in which they came
	closeBegun bool        // idle is closed

	err error // what ended the kernel socket; read after done

	leftoverMu sync.Mutex
	leftover   []net.Conn // those who were in when it closed
}

// attach adds a user to the socket of addr, which it opens if there is none. With
// port 0 the kernel picks a free port, so it always opens one, and those who ask
// for that port share it afterwards.
func attach(ctx context.Context, addr address, o socketOptions) (*listener, error) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	if inShutdown {
		return nil, errShuttingDown
	}
	s := sockets[addr]
	if s != nil && s.conflictsWith(ctx, o) {
		return nil, errNotShared
	}
	if s == nil || s.isDone() {
		var err error
		if s, err = openSocket(ctx, addr, o); err != nil {
			return nil, err
		}
	}
	return s.addUser(ctx, o), nil
}

// conflictsWith reports whether another user of the same configuration has the socket,
// and one of both does not want to share it. The caller holds socketsMu.
func (s *socket) conflictsWith(ctx context.Context, o socketOptions) bool {
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
		if err := k.startListening(); err != nil {
			_ = k.Close()
			return nil, err
		}
		s.startOnce.Do(func() { close(s.started) })
	}
	s.claimAddress()
	go s.run(waits)
	return s, nil
}

func newSocket(key address, k kernel) *socket {
	s := &socket{
		key:     key,
		kernel:  k,
		started: make(chan struct{}),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		recheck: make(chan struct{}, 1),
	}
	s.quiet.L = &s.mu
	return s
}

// addUser adds a user. The caller holds socketsMu.
func (s *socket) addUser(ctx context.Context, o socketOptions) *listener {
	l := newListener(ctx, s, o)
	s.removeEndedUsers()
	s.users = append(s.users, l)
	s.addListener(l)
	s.activateOldest()
	l.unwatchContext = context.AfterFunc(ctx, func() { l.detach() })
	if config, ok := lifecycle.ConfigOf(ctx); ok {
		go func() {
			if config.Await(ctx) {
				s.start()
			}
		}()
	}
	return l
}

// start opens the socket to clients.
func (s *socket) start() {
	s.startOnce.Do(func() {
		if err := s.kernel.startListening(); err != nil { // the accept goroutine tries again
			logger().Error("listening", zap.Stringer("address", s.key), zap.Error(err))
		}
		close(s.started)
	})
}

// isDone reports whether the kernel socket has been closed by somebody else.
func (s *socket) isDone() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// removeEndedUsers takes away the users whose context has ended: they are on their way out, and
// must not be in the way of others until then. The caller holds socketsMu.
func (s *socket) removeEndedUsers() {
	if s.inShutdown.Load() { // then they still accept who is in
		return
	}
	s.users = slices.DeleteFunc(s.users, func(l *listener) bool {
		if l.ctx.Err() == nil {
			return false
		}
		l.markClosed()
		return true
	})
}

// activateOldest gives connections to the users of the configuration that has been here for
// longest. The caller holds socketsMu.
func (s *socket) activateOldest() {
	var next []*listener
	for _, l := range s.users {
		if !l.active && l.config == s.users[0].config {
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
		l.active = true
	}
	s.mu.Unlock()
	s.activeChanged()
}

// options are what the configuration that gets the connections wants of the kernel socket:
// where it has several users the first one's, and the largest backlog. The caller holds
// socketsMu.
func (s *socket) options() socketOptions {
	o := s.users[0].options
	for _, l := range s.users[1:] {
		if l.config == s.users[0].config {
			o.backlog = largerBacklog(o.backlog, l.options.backlog)
		}
	}
	return o
}

// removeUser takes one user away. With the last one the kernel socket is closed when
// removeUser returns, and those who were in are left for that user's Accept. At the
// end of the process it is not, nor where other sockets take over: then the result
// is false.
func (s *socket) removeUser(l *listener) (closed bool) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	i := slices.Index(s.users, l)
	if i < 0 { // pruned
		return true
	}
	s.users = slices.Delete(s.users, i, i+1)
	s.removeEndedUsers()
	heirs := s.successors(l)
	for _, heir := range heirs {
		heir.start()
	}
	if len(s.users) > 0 {
		l.markClosed()
		s.activateOldest()
		s.redeliver()
		return true
	}
	l.closedLast = true
	if s.inShutdown.Load() {
		return false
	}
	if len(heirs) > 0 {
		s.cedeAddress()
		return false
	}
	s.kernel.refuse()
	s.beginClose()
	<-s.done // which takes no lock, and waits for nobody
	return true
}

// beginClose has the accept goroutine close the kernel socket. The caller holds
// socketsMu.
func (s *socket) beginClose() {
	if s.closeBegun {
		return
	}
	s.closeBegun = true
	s.releaseAddress()
	close(s.closing)
	s.kernel.interrupt()
}

// keepLeftover keeps those who are in for the user who closed last.
func (s *socket) keepLeftover(conns []net.Conn) {
	if len(conns) == 0 {
		return
	}
	s.leftover = conns
	time.AfterFunc(leftoverTimeout, func() {
		n := 0
		for conn := s.takeLeftover(nil); conn != nil; conn = s.takeLeftover(nil) {
			_ = conn.Close()
			n++
		}
		if n > 0 {
			logger().Warn("nobody accepts connections that were in when the address closed", zap.Stringer("address", s.key), zap.Int("connections", n))
		}
	})
}

// takeLeftover takes one of those who were in, for a user who may have them or, if that
// is nil, to get rid of them.
func (s *socket) takeLeftover(l *listener) net.Conn {
	if l != nil {
		socketsMu.Lock()
		may := l.active && (l.closedLast || !l.isClosed())
		socketsMu.Unlock()
		if !may {
			return nil
		}
	}
	s.leftoverMu.Lock()
	defer s.leftoverMu.Unlock()
	if len(s.leftover) == 0 {
		return nil
	}
	conn := s.leftover[0]
	s.leftover = s.leftover[1:]
	s.noteTaken()
	return conn
}
