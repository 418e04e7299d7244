// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Supported returns an error that names an option which this system does not have. Linux has all.
func (o *SocketOptions) Supported() error { return nil }

// Permitted returns the error of the kernel if this process may not use the options.
func (o *SocketOptions) Permitted() error {
	if o == nil || o.Transparent == NotTransparent {
		return nil
	}
	fd, err := newSocket(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if err != nil {
		return nil // connections will tell
	}
	defer closeFD(fd)
	return os.NewSyscallError("setsockopt IP_TRANSPARENT", setOption(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1))
}

// outgoing says how a connection is begun.
type outgoing struct {
	keepAlive, first bool           // see DialOptions.KeepAlive; bytes follow at once
	options          *SocketOptions // nil: none
	client           netip.AddrPort
}

// newSocket makes the socket. It stays in the namespace that it is made in.
func (how *outgoing) newSocket(to netip.AddrPort) (int, error) {
	if how.options != nil && how.options.Namespace != nil {
		return newSocketIn(how.options.Namespace, to)
	}
	fd, err := newSocket(to)
	return fd, os.NewSyscallError("socket", err)
}

// newSocketIn makes a socket in a namespace.
func newSocketIn(n Namespace, to netip.AddrPort) (fd int, err error) {
	err = n.Do(func() (err error) {
		fd, err = newSocket(to)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return -1, &SocketError{"making a socket in another network namespace", err}
	}
	return fd, nil
}

// maxPortTries bounds the ports that one connection tries, which takes a few milliseconds. In a
// longer range, a connection jumps to another place after maxPortRun ports in use.
const (
	maxPortTries = 1000
	maxPortRun   = 32
)

// walk begins to connect from the first free port of the range, from the one after the last used.
func (o *SocketOptions) walk(to netip.AddrPort, how outgoing) (fd int, err error) {
	size := uint32(o.LastPort) - uint32(o.FirstPort) + 1
	at := o.last.Add(1)
	for try := uint32(1); ; try++ {
		port := o.FirstPort + uint16(at%size)
		switch fd, err = startFrom(to, how, port); {
		case err == nil:
			if try > 1 {
				o.last.Store(at)
			}
			return fd, nil
		case !isPortInUse(err):
			return -1, err
		case try == min(size, maxPortTries):
			return -1, &SocketError{"connecting from " + o.ranged(), errPortsInUse}
		}
		if at++; size > maxPortTries && try%maxPortRun == 0 {
			at = rand.Uint32() //nolint:gosec // any place will do
		}
	}
}

// setUp prepares a socket. port is the one of the range, or 0.
func (o *SocketOptions) setUp(fd int, to netip.AddrPort, how outgoing, port uint16) error {
	if o.Interface != "" {
		if err := bindToDevice(fd, o.Interface); err != nil {
			return &SocketError{"connecting through interface " + o.Interface, os.NewSyscallError("setsockopt SO_BINDTODEVICE", err)}
		}
	}
	if err := o.setTCP(fd, how); err != nil {
		return err
	}
	from := o.from(how.client)
	if !from.IsValid() {
		if port == 0 {
			return nil
		}
		from = netip.AddrPortFrom(netip.IPv6Unspecified(), port)
		if to.Addr().Is4() {
			from = netip.AddrPortFrom(netip.IPv4Unspecified(), port)
		}
	}
	if port != 0 {
		from = netip.AddrPortFrom(from.Addr(), port)
	}
	if err := errFamily(from, to); err != nil {
		return err
	}
	return o.bind(fd, from, o.isTransparent(how.client))
}

// bind gives the socket its address. With a port, another socket may have the same, as long as they
// are connected to different addresses. Without one, connect chooses it.
func (o *SocketOptions) bind(fd int, from netip.AddrPort, transparent bool) error {
	if transparent {
		level, option := unix.SOL_IP, unix.IP_TRANSPARENT
		if from.Addr().Is6() {
			level, option = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
		}
		if err := setOption(fd, level, option, 1); err != nil {
			return sourceError(from, os.NewSyscallError("setsockopt IP_TRANSPARENT", err))
		}
	}
	if from.Port() == 0 {
		_ = setOption(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	} else {
		_ = setOption(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err := bind(fd, from); err != nil {
		return sourceError(from, os.NewSyscallError("bind", err))
	}
	return nil
}

// setTCP sets the options of TCP.
func (o *SocketOptions) setTCP(fd int, how outgoing) error {
	set := func(name string, option int, value int64) error {
		if value == 0 {
			return nil
		}
		if err := setOption(fd, unix.SOL_TCP, option, int32(value)); err != nil {
			return &SocketError{"preparing the connection", os.NewSyscallError("setsockopt "+name, err)}
		}
		return nil
	}
	if err := set("TCP_USER_TIMEOUT", unix.TCP_USER_TIMEOUT, o.UserTimeout.Milliseconds()); err != nil {
		return err
	}
	if err := set("TCP_MAXSEG", unix.TCP_MAXSEG, int64(o.MSS)); err != nil {
		return err
	}
	if o.FastOpen && how.first { // without bytes to send, the kernel would not begin to connect
		if err := set("TCP_FASTOPEN_CONNECT", unix.TCP_FASTOPEN_CONNECT, 1); err != nil {
			return err
		}
	}
	if o.KeepAlive != nil {
		o.KeepAlive.set(fd)
	}
	return nil
}

// set makes the kernel probe the other end.
func (k *KeepAlive) set(fd int) {
	if k.Idle < 0 {
		return
	}
	keepAlive(fd)
	for option, d := range map[int]time.Duration{unix.TCP_KEEPIDLE: k.Idle, unix.TCP_KEEPINTVL: k.Interval} {
		if d > 0 {
			_ = setOption(fd, unix.SOL_TCP, option, int32(max(1, d/time.Second)))
		}
	}
	if k.Count > 0 {
		_ = setOption(fd, unix.SOL_TCP, unix.TCP_KEEPCNT, int32(k.Count))
	}
}
