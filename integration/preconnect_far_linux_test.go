// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	farDelay = 10 * time.Millisecond // each way
	farHere  = "10.253.7.1"
	farThere = "10.253.7.2"
	farLink  = "ptfar"
)

// farServer starts a server in a network namespace of its own, a round trip of twice farDelay away:
// two TUN devices, between which this process carries the packets.
func farServer(t *testing.T, serve func(*net.TCPConn)) (address string) {
	t.Helper()
	here, err := openTun(farHere, farThere)
	if err != nil {
		t.Skipf("no link with a delay: %v", err)
	}
	t.Cleanup(func() { here.Close() })
	made := make(chan error)
	var there *os.File
	var ln net.Listener
	go func() {
		runtime.LockOSThread() // the namespace is the thread's, which ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			there, err = openTun(farThere, farHere)
		}
		if err == nil {
			ln, err = net.Listen("tcp4", farThere+":443")
		}
		made <- err
	}()
	if err := <-made; err != nil {
		t.Skipf("no link with a delay: %v", err)
	}
	t.Cleanup(func() { ln.Close(); there.Close() })
	go accept(ln, serve)
	go carry(here, there)
	go carry(there, here)
	return ln.Addr().String()
}

// openTun makes a TUN device in the namespace of the thread.
func openTun(address, peer string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var request struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], farLink)
	request.flags = unix.IFF_TUN | unix.IFF_NO_PI
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&request))); errno != 0 {
		_ = unix.Close(fd)
		return nil, errno
	}
	f := os.NewFile(uintptr(fd), farLink)
	for _, args := range [][]string{{"addr", "add", address, "peer", peer, "dev", farLink}, {"link", "set", farLink, "up"}} {
		if text, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("ip %v: %w: %s", args, err, text), f.Close())
		}
	}
	return f, nil
}

// carry takes packets from one device to the other, each of them late.
func carry(from, to *os.File) {
	type packet struct {
		due  time.Time
		data []byte
	}
	late := make(chan packet, 1024)
	defer close(late)
	go func() {
		for p := range late {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.data)
		}
	}()
	for buf := make([]byte, 1<<16); ; {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		late <- packet{time.Now().Add(farDelay), slices.Clone(buf[:n])}
	}
}

// TestPreconnectFar measures the time to the first byte of a server that is 20 ms away, with and
// without connections that are ready: with them it is less than two round trips.
func TestPreconnectFar(t *testing.T) {
	at := farServer(t, func(c *net.TCPConn) {
		if n, _ := c.Read(make([]byte, 4096)); n > 0 {
			_, _ = io.WriteString(c, "A")
		}
		_, _ = io.Copy(io.Discard, c)
	})
	for options, quick := range map[string]bool{"retries 3": false, "preconnect 8": true} {
		ours := freeAddress(t)
		start(t, preconnecting(ours, options, at), "")
		var times []time.Duration
		for range 40 {
			c := dial(t, ours)
			began := time.Now()
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Fatal(err)
			}
			if got := read(t, c, make([]byte, 1)); got != "A" {
				t.Fatalf("answer %q", got)
			}
			times = append(times, time.Since(began))
			c.Close()
			time.Sleep(10 * time.Millisecond)
		}
		slices.Sort(times)
		t.Logf("%s: median %v, from %v to %v", options, times[20].Round(10*time.Microsecond), times[0].Round(10*time.Microsecond), times[39].Round(10*time.Microsecond))
		if least := times[0]; quick != (least < 4*farDelay) {
			t.Errorf("%s: the first byte comes after %v at the earliest", options, least)
		}
	}
}
