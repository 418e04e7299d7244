// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// island is a network namespace with a loopback interface and TCP Fast Open on both sides.
type island struct{ calls chan func() }

func newIsland(t *testing.T) *island {
	t.Helper()
	n, ready := &island{make(chan func())}, make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			ready <- err
			return
		}
		// The kernel takes this file for the one of the thread's namespace.
		ready <- errors.Join(raiseLoopback(), os.WriteFile("/proc/sys/net/ipv4/tcp_fastopen", []byte("3"), 0o600))
		for call := range n.calls {
			call()
		}
	}()
	if err := <-ready; err != nil {
		t.Skip("no network namespace: ", err)
	}
	t.Cleanup(func() { close(n.calls) })
	return n
}

// Do implements Namespace.
func (n *island) Do(f func() error) error {
	done := make(chan error)
	n.calls <- func() { done <- f() }
	return <-done
}

// raiseLoopback brings up the loopback interface.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request := struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: unix.IFF_UP | unix.IFF_RUNNING}
	copy(request.name[:], "lo")
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}
