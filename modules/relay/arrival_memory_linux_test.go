// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var silentRooms = sync.Pool{New: func() any { return new([4096]byte) }}

// silentHandler keeps only the bytes that it has read.
type silentHandler struct {
	s    Session
	room *[4096]byte
	kept []byte
	got  atomic.Int32 // bytes
	ends *sync.WaitGroup
}

func (h *silentHandler) Buffer() []byte {
	h.room = silentRooms.Get().(*[4096]byte)
	return h.room[:]
}

func (h *silentHandler) Next(n News) Step {
	switch n.Event {
	case Arrived:
		return Step{Until: time.Now().Add(time.Hour)}
	case Received:
	default:
		return Step{Do: Close}
	}
	defer func() {
		silentRooms.Put(h.room)
		h.room = nil
	}()
	h.kept = append(make([]byte, 0, len(h.kept)+n.N), h.kept...)
	h.kept = append(h.kept, h.room[:n.N]...)
	h.got.Store(int32(len(h.kept)))
	return Step{}
}

func (h *silentHandler) Answered()    {}
func (h *silentHandler) Ended(Result) { h.ends.Done() }

// TestMemoryOfArrivals measures the cost of a client that has sent nothing yet, and of one that has
// sent a part: no goroutine, and little memory.
func TestMemoryOfArrivals(t *testing.T) {
	if err := Prepare(); err != nil {
		t.Fatal(err)
	}
	n := 2000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n = min(n, int(limit.Cur)/4)
	var ends sync.WaitGroup
	all, near, far := make([]*silentHandler, n), make([]int, n), make([]int, n)
	for i := range n {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		near[i], far[i] = fds[0], fds[1]
	}
	before := use(t)
	ends.Add(n)
	for i := range n {
		all[i] = &silentHandler{ends: &ends}
		if err := all[i].s.Arrive(&Socket{fd: near[i], remote: new(net.UnixAddr)}, all[i]); err != nil {
			t.Fatal(err)
		}
	}
	silent := use(t)
	const part = 700
	for i := range n {
		if _, err := unix.Write(far[i], make([]byte, part)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		for range 1000 {
			if all[i].got.Load() == part {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	half := use(t)
	// A frontend adds to that: below 2 KiB in all.
	if got := (int64(silent.heap) - int64(before.heap)) / int64(n); got > 1024 {
		t.Errorf("%d bytes for each silent client", got)
	}
	if got := (int64(half.heap) - int64(silent.heap)) / int64(n); got > part+1024 {
		t.Errorf("%d bytes more for each client that has sent %d", got, part)
	}
	if silent.goroutines > before.goroutines || half.goroutines > before.goroutines {
		t.Errorf("%d goroutines before, %d silent, %d later", before.goroutines, silent.goroutines, half.goroutines)
	}
	t.Logf("%d arrivals: %d bytes each, %d more with a part of %d bytes", n, (silent.heap-before.heap)/uint64(n), (half.heap-silent.heap)/uint64(n), part)
	for i := range n {
		unix.Close(far[i])
	}
	ends.Wait()
	runtime.KeepAlive(all)
}
