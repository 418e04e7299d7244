// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// openTCP listens on an address. If it overlaps with another address of this process, the socket is
// only bound until startListening; from then on the kernel gives each connection to the socket with
// the most specific address. If this process has a plain listener of Caddy's there, which allows
// others beside it, the socket listens behind a filter that drops SYNs until startListening.
func openTCP(ctx context.Context, a address, o socketOptions) (kernel, error) {
	var k *tcpKernel
	err := o.inNamespace(func() (err error) {
		k, err = openHere(ctx, a, o)
		return err
	})
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(a.at), Err: err}
	}
	k.register()
	return k, nil
}

// openHere works like openTCP, in the namespace of the calling thread.
func openHere(ctx context.Context, a address, o socketOptions) (*tcpKernel, error) {
	bound := portBoundHere(a) // asked first: another socket may close meanwhile
	k, err := bindTCP(a, o, nil)
	switch {
	case err == nil:
		err = k.applyBacklog()
	case !errors.Is(err, unix.EADDRINUSE):
	case bound:
		k, err = withReusePort(a, func() (*tcpKernel, error) { return bindDeferred(a, o) })
	case hasPlainListener(a):
		if c, ok := ctx.(caddy.Context); ok { // it may be of the same configuration
			if err := Validate(c); err != nil {
				return nil, err
			}
		}
		k, err = withReusePort(a, func() (*tcpKernel, error) { return listenFiltered(a, o) })
	}
	if err != nil && k != nil {
		_ = k.file.Close()
	}
	return k, err
}

// bindDeferred binds a socket that listens from startListening on.
func bindDeferred(a address, o socketOptions) (*tcpKernel, error) {
	k, err := bindTCP(a, o, reusePort)
	if err == nil {
		k.deferred = true
	}
	return k, err
}

// listenFiltered listens behind a filter that drops SYNs until startListening.
func listenFiltered(a address, o socketOptions) (*tcpKernel, error) {
	k, err := bindTCP(a, o, func(fd int) error { return errors.Join(reusePort(fd), dropSYN(fd)) })
	if err != nil {
		return nil, err
	}
	k.synFiltered.Store(true)
	return k, k.applyBacklog()
}

// bindTCP creates a socket as package net does, but without multipath TCP, whose connections are
// another kind of socket: they neither inherit options nor splice.
func bindTCP(a address, o socketOptions, prepare func(fd int) error) (*tcpKernel, error) {
	family := unix.AF_INET6
	if a.isIPv4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	k := &tcpKernel{file: os.NewFile(uintptr(fd), "listener"), backlog: o.Backlog, ns: o.ns}
	k.transparent.Store(o.Transparent)
	if err := k.bind(a, o, prepare); err != nil {
		_ = k.file.Close()
		return nil, err
	}
	return k, nil
}

// bind binds a new socket to an address.
func (k *tcpKernel) bind(a address, o socketOptions, prepare func(fd int) error) error {
	raw, err := k.file.SyscallConn()
	if err != nil {
		return err
	}
	if o.Control != nil {
		network := map[bool]string{true: "tcp4", false: "tcp6"}[a.isIPv4()]
		if err := o.Control(network, a.at.String(), raw); err != nil {
			return err
		}
	}
	to, err := sockaddr(a.at)
	if err != nil {
		return err
	}
	k.raw = raw
	err = k.do(func(fd int) error {
		if err := setListenOptions(fd, a, o); err != nil {
			return err
		}
		if prepare != nil {
			if err := prepare(fd); err != nil {
				return err
			}
		}
		return os.NewSyscallError("bind", unix.Bind(fd, to))
	})
	if err != nil {
		return err
	}
	return k.prepare()
}

// setListenOptions sets the options of a socket that must be set before it is bound.
func setListenOptions(fd int, a address, o socketOptions) error {
	if !a.isIPv4() {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return errors.Join(bindToInterface(fd, o.Options), inherit(fd, o.ListenConfig), setOptions(fd, a.isIPv4(), o.Options))
}

func sockaddr(at netip.AddrPort) (unix.Sockaddr, error) {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, nil
	}
	to := &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	if zone := at.Addr().Zone(); zone != "" {
		i, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, err
		}
		to.ZoneId = uint32(i.Index)
	}
	return to, nil
}

// hasPlainListener reports whether this process has a listener of Caddy's own on an address.
func hasPlainListener(a address) bool {
	if a.place.ns != (netns.ID{}) {
		return false
	}
	host, port := a.at.Addr().String(), strconv.Itoa(int(a.at.Port()))
	hosts := []string{host}
	switch {
	case a.isWildcard():
		hosts = []string{"", "0.0.0.0", "::"}
	case a.at.Addr().IsLoopback():
		hosts = append(hosts, "localhost")
	}
	for _, network := range []string{"tcp", "tcp4", "tcp6"} {
		for _, host := range hosts {
			if caddy.ListenerUsage(network, net.JoinHostPort(host, port)) > 0 {
				return true
			}
		}
	}
	return false
}
