// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// reserved holds the ports that this process has taken. Each is also bound by a datagram socket,
// which the tests of other packages, running at the same time, notice. On Linux that socket has a
// loopback address that nothing else uses, so that a server may have HTTP/3 on the port.
var reserved struct {
	sync.Mutex
	next    int
	sockets []net.PacketConn
}

// Port returns a port that is free for TCP at every address of this machine, and that no other call
// returns, in this process or another, until the process ends. The port is below the kernel's range
// of ports for outgoing connections, one of which a client could get between the check and the use.
func Port() (int, error) {
	const first, last = 12000, 32000
	reserved.Lock()
	defer reserved.Unlock()
	if reserved.next == 0 {
		reserved.next = first + rand.IntN((last-first)/2) //nolint:gosec // not a secret
	}
	host := ""
	if runtime.GOOS == "linux" { // where all of 127.0.0.0/8 is loopback
		host = "127.77.77.77"
	}
	for ; reserved.next < last; reserved.next++ {
		socket, err := net.ListenPacket("udp", fmt.Sprintf("%s:%d", host, reserved.next))
		// EADDRNOTAVAIL: no loopback, in a network namespace of the test's own.
		if err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			continue
		}
		if socket != nil {
			reserved.sockets = append(reserved.sockets, socket)
		}
		if !free(reserved.next) {
			continue
		}
		reserved.next++
		return reserved.next - 1, nil
	}
	reserved.next = 0 // ports in use may become free
	return 0, fmt.Errorf("no free port up to %d", last)
}

// FreeAddress returns a loopback address with a port of its own, as Port does.
func FreeAddress() (string, error) {
	port, err := Port()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// Address returns FreeAddress for a test. Until the test listens there, connects are refused.
func Address(t testing.TB) string {
	t.Helper()
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// free reports whether no socket has a port, at any address.
func free(port int) bool {
	return canBind(syscall.AF_INET, &syscall.SockaddrInet4{Port: port}) && canBind(syscall.AF_INET6, &syscall.SockaddrInet6{Port: port})
}

// canBind reports whether a socket can bind an address, or the system does not support the family.
// A socket that is open while a process forks also belongs to the child until that executes another
// program: the port would be taken until then.
func canBind(family int, address syscall.Sockaddr) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return errors.Is(err, syscall.EAFNOSUPPORT)
	}
	defer func() { _ = syscall.Close(fd) }()
	if family == syscall.AF_INET6 {
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 1); err != nil {
			return false
		}
	}
	return syscall.Bind(fd, address) == nil
}
