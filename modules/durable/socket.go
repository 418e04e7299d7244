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

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// socketOptions holds a user's settings for the kernel socket.
type socketOptions struct {
	net.ListenConfig
	Options
	ns     *netns.Namespace // nil: that of the process
	mode   fs.FileMode      // of a Unix socket
	shared bool             // several users of one configuration may have the address
	wake   chan struct{}    // the listener's wake channel; nil: it makes one
}

var errNotShared = errors.New("durable: the configuration has this address twice: expected two addresses, or durable+shared/ in both places")

// kernel is a listening socket of the kernel.
type kernel interface {
	net.Listener
	// configure applies the options that can change later; new connections have them.
	configure(socketOptions) error
	// startListening lets clients in where the address is still another listener's. All other sockets
	// listen from the moment they are opened.
	startListening() error
	// refuse lets in no new clients, where the system can do that; clients that are already connected
	// are still accepted.
	refuse()
	// stepAside leaves new clients to the other sockets of this process that cover their address;
	// clients that are connected, or whose handshake has begun, are still accepted.
	stepAside()
	// interrupt makes Accept fail with os.ErrDeadlineExceeded, until resume.
	interrupt()
	resume()
	// acceptQueued accepts a connection that is already in the kernel's queue. It is called after
	// interrupt. If the queue is empty, both results are nil.
	acceptQueued() (net.Conn, error)
}

// sockets holds every kernel socket in use, by canonical address. socketsMu is held while a socket
// is opened and closed, so that attach during a last close finds either a socket that stays open or
// a free address.
var (
	socketsMu sync.Mutex
	sockets   = make(map[address]*socket)
)

// socket is a kernel socket with its users; durable.go shows its states.
type socket struct {
	key        address
	kernel     kernel
	startOnce  sync.Once
	started    chan struct{}          // closed when a configuration that uses it runs
	closing    chan struct{}          // closed with the last user, or by shutdown
	done       chan struct{}          // closed when the kernel socket is closed
	recheck    chan struct{}          // capacity 1: see notify
	inFlight   atomic.Int64           // connections accepted and not yet taken by a user
	inShutdown atomic.Bool            // the process is shutting down: no new clients
	overlapped atomic.Bool            // connections may belong to another socket: see otherOwner
	gated      atomic.Bool            // a listener has had a gate
	wakeShards atomic.Pointer[func()] // ends a pause of the shards that accept; nil: none do

	queue

	// Guarded by socketsMu:
	users      []*listener // oldest first
	closeBegun bool        // closing is closed
	above      int         // sockets whose addresses outrank key

	err error // why the kernel socket closed; read after done

	leftoverMu sync.Mutex
	leftover   []net.Conn // accepted and not taken when it closed
}

// attach adds a user to the socket of addr, and opens the socket if necessary. With port 0 the
// kernel picks a free port, so attach always opens a socket; users that name that port share it
// afterwards.
func attach(ctx context.Context, addr address, o socketOptions) (*listener, error) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	if inShutdown {
		return nil, errShuttingDown
	}
	s, err := sockets[addr], error(nil)
	switch {
	case s != nil && s.conflictsWith(ctx, o):
		err = errNotShared
	case s == nil || s.isDone():
		s, err = openSocket(ctx, addr, o)
	case !s.hasUserWith(o.Options):
		err = tryOptions(addr, o)
	}
	if err != nil {
		return nil, err
	}
	return s.addUser(ctx, o), nil
}

// hasUserWith reports whether a user has the very same options. The caller holds socketsMu.
func (s *socket) hasUserWith(o Options) bool {
	return slices.ContainsFunc(s.users, func(l *listener) bool {
		has := l.options.Options
		has.Front = o.Front // not an option of the kernel
		return has == o
	})
}

// conflictsWith reports whether another user of the same configuration has the socket, unless both
// asked to share it or one of the two is the other's front. The caller holds socketsMu.
func (s *socket) conflictsWith(ctx context.Context, o socketOptions) bool {
	config, ok := lifecycle.ConfigOf(ctx)
	return ok && slices.ContainsFunc(s.users, func(l *listener) bool {
		return l.hasConfig && l.config == config && (!l.options.shared || !o.shared) && l.options.Front == o.Front
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
	openSockets.Add(1)
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

// start moves the socket from waiting to serving.
func (s *socket) start() {
	s.startOnce.Do(func() {
		if err := s.kernel.startListening(); err != nil { // the accept goroutine tries again
			logger().Error("listening", zap.Stringer("address", s.key), zap.Error(err))
		}
		close(s.started)
	})
}

// isDone reports whether the kernel socket is closed, by this package or behind its back.
func (s *socket) isDone() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// beginClose makes the accept goroutine close the kernel socket. The caller holds socketsMu.
func (s *socket) beginClose() {
	if s.closeBegun {
		return
	}
	s.closeBegun = true
	s.releaseAddress()
	close(s.closing)
	s.kernel.interrupt()
}
