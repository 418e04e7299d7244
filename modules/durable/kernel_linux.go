// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// applyBacklog makes a bound socket listen, or changes the backlog of one that listens.
func (k *tcpKernel) applyBacklog() error {
	return k.do(func(fd int) error { return setBacklog(fd, k.backlog) })
}

// tcpKernel is a TCP socket whose connections are accepted without the system calls that package
// net makes for each: a session takes over their descriptors.
type tcpKernel struct {
	file        *os.File
	raw         syscall.RawConn
	addr        *net.TCPAddr
	local       net.Addr         // of all connections, unless transparent; nil: it differs
	transparent atomic.Bool      // it may be any
	ns          *netns.Namespace // nil: that of the process
	borrowed    bool             // another process shares it
	synFiltered atomic.Bool      // the filter drops all SYNs

	accept   func(fd uintptr) bool // tryAccept
	accepted *relay.Socket         // the result of tryAccept
	failed   error
	ask      func() bool // see askBefore; nil: always yes

	mu       sync.Mutex
	deferred bool // bound, and not listening yet
	backlog  int
}

// newTCPKernel returns a tcpKernel for a descriptor, which it takes over.
func newTCPKernel(fd int) (*tcpKernel, error) {
	k := &tcpKernel{file: os.NewFile(uintptr(fd), "listener")}
	if err := k.prepare(); err != nil {
		_ = k.file.Close()
		return nil, err
	}
	return k, nil
}

func (k *tcpKernel) prepare() (err error) {
	if err := relay.Prepare(); err != nil {
		return err
	}
	if k.raw == nil {
		if k.raw, err = k.file.SyscallConn(); err != nil {
			return err
		}
	}
	k.accept = k.tryAccept
	return k.do(func(fd int) (err error) {
		k.addr, err = addressOf(fd)
		if err == nil && !k.addr.IP.IsUnspecified() {
			k.local = k.addr
		}
		return err
	})
}

// addressOf returns the address of a socket. It does not use os.File's Fd, which may make the
// descriptor blocking.
func addressOf(fd int) (*net.TCPAddr, error) {
	at, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: at.Addr[:], Port: at.Port}, nil
	case *unix.SockaddrInet6:
		addr := &net.TCPAddr{IP: at.Addr[:], Port: at.Port}
		if at.ZoneId != 0 {
			if i, err := net.InterfaceByIndex(int(at.ZoneId)); err == nil {
				addr.Zone = i.Name
			}
		}
		return addr, nil
	default:
		return nil, fmt.Errorf("unexpected kind of address (%T): expected TCP", at)
	}
}

// do calls f with the descriptor.
func (k *tcpKernel) do(f func(fd int) error) (err error) {
	called := k.raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(called, err)
}

func (k *tcpKernel) configure(o socketOptions) error {
	if o.Transparent { // for good: the kernel's queue may hold connections to other addresses
		k.transparent.Store(true)
	}
	err := k.do(func(fd int) error {
		if k.borrowed {
			return inherit(fd, o.ListenConfig)
		}
		return errors.Join(inherit(fd, o.ListenConfig), setOptions(fd, k.addr.IP.To4() != nil, o.Options))
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.backlog = o.Backlog
	if k.deferred || k.borrowed {
		return err
	}
	return errors.Join(err, k.applyBacklog())
}

// startListening lets clients in, if the socket does not yet.
func (k *tcpKernel) startListening() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.deferred:
		err := k.withReusePort(k.applyBacklog)
		k.deferred = err != nil
		return err
	case k.synFiltered.CompareAndSwap(true, false):
		return k.withReusePort(k.detachFilter)
	}
	return nil
}

// withReusePort calls f while all sockets on the port have SO_REUSEPORT.
func (k *tcpKernel) withReusePort(f func() error) error {
	return within(k.ns, func() error {
		_, err := withReusePort(k.bound(), func() (*tcpKernel, error) { return k, f() })
		return err
	})
}

// bound returns the address that the socket is bound to, without its interface.
func (k *tcpKernel) bound() address {
	a := address{at: k.addr.AddrPort()}
	if k.ns != nil {
		a.place.ns = k.ns.ID()
	}
	return a
}

// localAddr returns the local address of all connections, or nil if it differs.
func (k *tcpKernel) localAddr() net.Addr {
	if k.transparent.Load() {
		return nil
	}
	return k.local
}

// Accept waits for a connection. Only one goroutine may call it: tryAccept, which is bound once to
// save an allocation, leaves its results in k.
func (k *tcpKernel) Accept() (net.Conn, error) {
	err := k.raw.Read(k.accept)
	conn, failed := k.accepted, k.failed
	k.accepted, k.failed = nil, nil
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		err = net.ErrClosed
	}
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: k.addr, Err: err}
	}
	return conn, nil
}

func (k *tcpKernel) tryAccept(fd uintptr) bool {
	if k.ask != nil && !k.ask() {
		k.failed = errPaused
		return true
	}
	k.accepted, k.failed = relay.Accept(fd, k.localAddr())
	return k.failed != unix.EAGAIN //nolint:errorlint // an Errno, and asked for each connection
}

func (k *tcpKernel) acceptQueued() (conn net.Conn, err error) {
	if k.borrowed {
		return nil, nil
	}
	err = k.do(func(fd int) error {
		accepted, err := relay.Accept(uintptr(fd), k.localAddr())
		if err == nil {
			conn = accepted
		}
		return err
	})
	if errors.Is(err, unix.EAGAIN) {
		return nil, nil
	}
	return conn, err
}

func (k *tcpKernel) interrupt() { _ = k.file.SetDeadline(past) }
func (k *tcpKernel) resume()    { _ = k.file.SetDeadline(time.Time{}) }

// askBefore makes Accept ask before it accepts a connection that has come, and fail with errPaused
// if that is not allowed.
func (k *tcpKernel) askBefore(ask func() bool) { k.ask = ask }

// watch makes the shards accept. The descriptor must not be closed before stop.
func (k *tcpKernel) watch(o relay.ListenOptions) (stop, wake func(), err error) {
	o.Local = k.localAddr
	err = k.do(func(fd int) error {
		l, err := relay.Listen(fd, o)
		if err == nil {
			stop, wake = l.Close, l.Wake
		}
		return err
	})
	return stop, wake, err
}

// Close closes the kernel socket.
func (k *tcpKernel) Close() error {
	ports.Lock()
	defer ports.Unlock()
	k.unregister()
	return k.file.Close()
}

// Addr returns the address that the socket is bound to.
func (k *tcpKernel) Addr() net.Addr { return k.addr }
