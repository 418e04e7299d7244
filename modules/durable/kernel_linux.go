// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// openTCP listens on an address. Where this process has a plain listener of Caddy's
// there, which lets others beside it, it does so unnoticed until listen.
func openTCP(ctx context.Context, a address, o options) (kernel, error) {
	ln, err := listenTCP(ctx, a, o, nil)
	unnoticed := errors.Is(err, unix.EADDRINUSE) && isPlain(a)
	if unnoticed {
		ln, err = listenTCP(ctx, a, o, func(fd int) error {
			err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			return errors.Join(err, dropSYN(fd))
		})
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = ln.Close() }() // the kernel socket lives on in its duplicate
	fd, err := duplicate(ln)
	if err != nil {
		return nil, err
	}
	k, err := newTCPKernel(fd)
	if err == nil {
		k.unnoticed = unnoticed
	}
	return k, err
}

// listenTCP listens as package net does, but for multipath TCP, whose connections are
// sockets of another kind: they neither inherit options nor splice.
func listenTCP(ctx context.Context, a address, o options, control func(fd int) error) (*net.TCPListener, error) {
	keepAlive, before := keepAliveOf(o.ListenConfig), o.Control
	cfg := net.ListenConfig{KeepAlive: -1}
	cfg.SetMultipathTCP(false)
	cfg.Control = func(network, address string, c syscall.RawConn) (err error) {
		if before != nil {
			if err := before(network, address, c); err != nil {
				return err
			}
		}
		controlled := c.Control(func(fd uintptr) {
			if err = inherit(int(fd), keepAlive); err == nil && control != nil {
				err = control(int(fd))
			}
		})
		return errors.Join(controlled, err)
	}
	ln, err := cfg.Listen(ctx, networks[a.network], a.name)
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

func duplicate(ln *net.TCPListener) (fd int, err error) {
	raw, err := ln.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlled := raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(controlled, os.NewSyscallError("fcntl", err))
}

// isPlain reports whether this process has a listener of Caddy's own on an address.
func isPlain(a address) bool {
	host, port, err := net.SplitHostPort(a.name)
	if err != nil {
		return false
	}
	hosts := []string{host}
	switch {
	case host == "":
		hosts = []string{"", "0.0.0.0", "::"}
	case net.ParseIP(host).IsLoopback():
		hosts = append(hosts, "localhost")
	}
	for _, network := range networks {
		for _, host := range hosts {
			if caddy.ListenerUsage(network, net.JoinHostPort(host, port)) > 0 {
				return true
			}
		}
	}
	return false
}

// tcpKernel is a TCP socket whose connections are accepted without those system
// calls that package net makes for each: a session takes over their descriptors.
type tcpKernel struct {
	file      *os.File
	raw       syscall.RawConn
	addr      *net.TCPAddr
	local     net.Addr // that all connections have; nil: it depends
	borrowed  bool     // somebody else has it, too
	unnoticed bool     // nobody can come
}

// newTCPKernel makes one of a descriptor, which it takes over.
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
	if k.raw, err = k.file.SyscallConn(); err != nil {
		return err
	}
	return k.do(func(fd int) (err error) {
		k.addr, err = addressOf(fd)
		if err == nil && !k.addr.IP.IsUnspecified() {
			k.local = k.addr
		}
		return err
	})
}

// addressOf is the address of a socket, without os.File's Fd, which may make it one
// that blocks.
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
		return nil, fmt.Errorf("it has an address of another kind (%T): expected one of TCP", at)
	}
}

// do calls f with the descriptor.
func (k *tcpKernel) do(f func(fd int) error) (err error) {
	called := k.raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(called, err)
}

func (k *tcpKernel) configure(o options) error {
	return k.do(func(fd int) error { return inherit(fd, keepAliveOf(o.ListenConfig)) })
}

// listen lets clients in, if they are not yet.
func (k *tcpKernel) listen() error {
	if !k.unnoticed {
		return nil
	}
	k.unnoticed = false
	return k.do(func(fd int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
	})
}

// Accept waits for a connection.
func (k *tcpKernel) Accept() (net.Conn, error) {
	var conn *relay.Socket
	var failed error
	err := k.raw.Read(func(fd uintptr) bool {
		conn, failed = relay.Accept(fd, k.local)
		return !errors.Is(failed, unix.EAGAIN)
	})
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

func (k *tcpKernel) waiting() (conn net.Conn, err error) {
	if k.borrowed {
		return nil, nil
	}
	err = k.do(func(fd int) error {
		accepted, err := relay.Accept(uintptr(fd), k.local)
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

// noSYN is a filter that drops what begins a connection (RFC 9293 3.1: SYN without
// ACK, in the 14th byte of the header).
var noSYN = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
}

func dropSYN(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(noSYN)), Filter: &noSYN[0]}))
}

// refuse has the kernel not answer who would begin to come: he asks again after a
// second, and is told then, or let in by whoever listens there next. Without it,
// between the last look and the close somebody would be let in and reset.
func (k *tcpKernel) refuse() {
	if !k.borrowed {
		_ = k.do(dropSYN)
	}
}

func (k *tcpKernel) wake() { _ = k.file.SetDeadline(past) }

// Close closes the kernel socket.
func (k *tcpKernel) Close() error { return k.file.Close() }

// Addr is the address that it is bound to.
func (k *tcpKernel) Addr() net.Addr { return k.addr }
