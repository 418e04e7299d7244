// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/netns"
)

// Linux binds a socket beside one that listens on an overlapping address, such as 0.0.0.0 beside
// 127.0.0.1, if both have SO_REUSEPORT. With that option, another program of the same user could
// bind the very same address, too, and get a part of its connections. So the sockets here have it
// only while one of them is bound or begins to listen.

// ports holds the sockets that this process has bound to each port. Its lock is taken after
// socketsMu and a tcpKernel's mu.
var ports = struct {
	sync.Mutex
	of map[port][]*tcpKernel
}{of: make(map[port][]*tcpKernel)}

// port is a port of a network namespace.
type port struct {
	ns     netns.ID
	number uint16
}

func (a address) port() port { return port{a.place.ns, a.at.Port()} }

func (k *tcpKernel) port() port { return k.bound().port() }

// portBoundHere reports whether this process has bound sockets to the port of a.
func portBoundHere(a address) bool {
	ports.Lock()
	defer ports.Unlock()
	return len(ports.of[a.port()]) > 0
}

// register adds a bound socket.
func (k *tcpKernel) register() {
	ports.Lock()
	defer ports.Unlock()
	ports.of[k.port()] = append(ports.of[k.port()], k)
}

// unregister removes a socket that is about to be closed. The caller holds ports until it is: bound
// without SO_REUSEPORT, it would be in the way of others.
func (k *tcpKernel) unregister() {
	left := slices.DeleteFunc(ports.of[k.port()], func(other *tcpKernel) bool { return other == k })
	if ports.of[k.port()] = left; len(left) == 0 {
		delete(ports.of, k.port())
	}
}

// withReusePort calls f, which binds a socket to a or makes one listen there, while all sockets on
// the port have SO_REUSEPORT.
func withReusePort(a address, f func() (*tcpKernel, error)) (*tcpKernel, error) {
	ports.Lock()
	defer ports.Unlock()
	shareAll(ports.of[a.port()], 1)
	k, err := f()
	if err == nil {
		forceReusePortCheck(a)
	}
	shareAll(ports.of[a.port()], 0)
	if k != nil {
		shareAll([]*tcpKernel{k}, 0)
	}
	return k, err
}

// shareAll sets or clears SO_REUSEPORT. A socket beside a plain listener of Caddy's keeps it while
// its SYNs are filtered.
func shareAll(sockets []*tcpKernel, value int) {
	for _, k := range sockets {
		if k.synFiltered.Load() {
			continue
		}
		_ = k.do(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, value) })
	}
}

// reusePort sets SO_REUSEPORT on a new socket.
func reusePort(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }

// forceReusePortCheck makes the kernel check SO_REUSEPORT of all sockets of a port when another
// program binds it. The kernel skips that check for the address that was bound last with the
// option, and if that is 0.0.0.0 or [::], for every address of the IP version. So this binds, last,
// an address that no machine has: one of the other IP version, reserved for documentation (RFC
// 5737, RFC 3849). If that fails, the sockets work all the same.
func forceReusePortCheck(a address) {
	family, level, freebind := unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND
	var to unix.Sockaddr = &unix.SockaddrInet6{Port: int(a.at.Port()), Addr: [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}}
	if !a.isIPv4() {
		family, level, freebind = unix.AF_INET, unix.IPPROTO_IP, unix.IP_FREEBIND
		to = &unix.SockaddrInet4{Port: int(a.at.Port()), Addr: [4]byte{192, 0, 2, 1}}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if family == unix.AF_INET6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	_ = unix.SetsockoptInt(fd, level, freebind, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	_ = reusePort(fd)
	_ = unix.Bind(fd, to)
}
