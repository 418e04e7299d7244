// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// acceptor takes connections from a kernel socket without those system calls that
// package net makes for each: a session takes over their descriptors.
type acceptor struct {
	net.Listener
	file  *os.File // a duplicate, for the runtime's poller
	raw   syscall.RawConn
	local net.Addr // that all connections have; nil: it depends
}

// newAcceptor has ln's connections accepted. Where that cannot be done, ln does.
func newAcceptor(ln net.Listener) net.Listener {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return ln
	}
	a := &acceptor{Listener: ln}
	if relay.Prepare() != nil || a.open(tcp) != nil {
		return ln
	}
	if address, ok := ln.Addr().(*net.TCPAddr); ok && !address.IP.IsUnspecified() {
		a.local = address
	}
	return a
}

func (a *acceptor) open(ln *net.TCPListener) error {
	control, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	fd, failed := -1, error(nil)
	err = control.Control(func(of uintptr) { fd, failed = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	a.file = os.NewFile(uintptr(fd), "listener") // non-blocking, as what it is a duplicate of
	a.raw, err = a.file.SyscallConn()
	return err
}

// Accept waits for a connection.
func (a *acceptor) Accept() (net.Conn, error) {
	var conn *relay.Socket
	var failed error
	err := a.raw.Read(func(fd uintptr) bool {
		conn, failed = relay.Accept(fd, a.local)
		return !errors.Is(failed, unix.EAGAIN)
	})
	if err != nil { // there is no deadline: it is closed
		failed = net.ErrClosed
	}
	if failed != nil {
		return nil, &net.OpError{Op: "accept", Net: a.Addr().Network(), Addr: a.Addr(), Err: failed}
	}
	return conn, nil
}

// Close closes the kernel socket.
func (a *acceptor) Close() error {
	return errors.Join(a.file.Close(), a.Listener.Close())
}

// inherited has a listening socket have what its connections are to have: they get
// it from there, without system calls of their own. Multipath TCP is off: its
// connections are sockets of another kind, which neither inherit nor splice.
func inherited(cfg net.ListenConfig) net.ListenConfig {
	cfg.SetMultipathTCP(false)
	keepAlive, before := keepAliveOf(cfg), cfg.Control
	cfg.KeepAlive, cfg.KeepAliveConfig = -1, net.KeepAliveConfig{}
	cfg.Control = func(network, address string, c syscall.RawConn) (err error) {
		if before != nil {
			if err := before(network, address, c); err != nil {
				return err
			}
		}
		controlled := c.Control(func(fd uintptr) { err = inherit(int(fd), keepAlive) })
		return errors.Join(controlled, err)
	}
	return cfg
}

// keepAliveOf is what package net would do, with its defaults.
func keepAliveOf(cfg net.ListenConfig) net.KeepAliveConfig {
	k := cfg.KeepAliveConfig
	if !k.Enable {
		k = net.KeepAliveConfig{Enable: cfg.KeepAlive >= 0, Idle: cfg.KeepAlive, Interval: cfg.KeepAlive}
	}
	if k.Idle == 0 {
		k.Idle = 15 * time.Second
	}
	if k.Interval == 0 {
		k.Interval = 15 * time.Second
	}
	if k.Count == 0 {
		k.Count = 9
	}
	return k
}

func inherit(fd int, k net.KeepAliveConfig) error {
	err := unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_NODELAY, 1)
	if !k.Enable {
		return err
	}
	err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	for option, value := range map[int]time.Duration{
		unix.TCP_KEEPIDLE:  (k.Idle + time.Second - 1) / time.Second,
		unix.TCP_KEEPINTVL: (k.Interval + time.Second - 1) / time.Second,
		unix.TCP_KEEPCNT:   time.Duration(k.Count),
	} {
		if value > 0 { // below zero: the system's
			err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_TCP, option, int(value)))
		}
	}
	return err
}
