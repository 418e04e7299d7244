// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// TestSessionSize pins the heap size of an idle session: each byte more costs two bytes of memory
// for each of very many sessions. Go has a size class of 160 bytes; the one before it is of 144.
// The memory off the heap is not counted.
func TestSessionSize(t *testing.T) {
	if strconv.IntSize != 64 {
		t.Skip("the sizes are those of a 64-bit system")
	}
	if got, want := unsafe.Sizeof(session{}), uintptr(160); got > want {
		t.Errorf("a session has %d bytes, want at most %d", got, want)
	}
}

// keeping starts a server that sends each client one byte and keeps the connection.
func keeping(t testing.TB) unix.SockaddrInet4 {
	t.Helper()
	fd, at := listeningSocket(t)
	over := make(chan struct{})
	go func() {
		defer close(over)
		kept, buf := make([]int, 0, 4096), make([]byte, 4096)
		for {
			c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
			if err != nil {
				break
			}
			_, _ = unix.Read(c, buf)
			_, _ = unix.Write(c, buf[:1])
			kept = append(kept, c)
		}
		for _, c := range kept {
			_ = unix.Close(c)
		}
	}()
	t.Cleanup(func() { _ = unix.Shutdown(fd, unix.SHUT_RDWR); <-over; _ = unix.Close(fd) })
	return at
}

// TestIdleSessions measures the heap that one more idle session takes in this package and in
// relay.
func TestIdleSessions(t *testing.T) {
	const n, most = 1000, 256
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 5*n {
		t.Skipf("%d descriptors are too few: %v", limit.Cur, err)
	}
	server := keeping(t)
	app := newAppOf(t, map[string]string{"web": fmt.Sprintf(`{"servers": [{"name": "s1", "address": "127.0.0.1:%d"}]}`, server.Port)})
	f, _ := frontendTo(app, "web", Config{InspectDelay: time.Minute, MaxHello: 65536, Logger: zap.NewNop()})
	hello := hellotest.Hello(t, "a.example.test")
	ln, at := listeningSocket(t)
	defer unix.Close(ln)
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: at.Port}
	clients := make([]int, 0, 2*n)
	open := func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			clients = append(clients, fd)
			err = unix.Connect(fd, &at)
		}
		if err == nil {
			_, err = unix.Write(fd, hello)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := relay.Accept(uintptr(ln), local)
		if err != nil {
			t.Fatal(err)
		}
		f.Entry(EntryConfig{}).Serve(s, time.Now())
		if got, err := unix.Read(fd, make([]byte, 1)); got != 1 {
			t.Fatal(got, err)
		}
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	defer func() {
		for _, fd := range clients {
			_ = unix.Close(fd)
		}
	}()
	for range n / 10 {
		open()
	}
	before := heap()
	for range n {
		open()
	}
	each := (heap() - before) / n
	t.Logf("%d bytes each", each)
	if each > most {
		t.Errorf("an idle session keeps %d bytes of heap, want at most %d", each, most)
	}
}
