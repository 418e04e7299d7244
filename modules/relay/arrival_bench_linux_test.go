// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkShortConnection makes one connection after another: accept, a hello of 1500 bytes,
// connect, an answer, and the client's end. The first way is Arrive; the second is a goroutine that
// reads the hello, Dial and Start; the third has no proxy, so that the difference is the cost of a
// proxy. Client and server allocate nothing.
func BenchmarkShortConnection(b *testing.B) {
	b.Run("arrive", func(b *testing.B) {
		shortConnections(b, func(s *Socket, server netip.AddrPort, ends chan Result) {
			h := &benchArrival{server: server, ends: ends}
			if err := h.s.Arrive(s, h); err != nil {
				b.Error(err)
			}
		})
	})
	b.Run("start", func(b *testing.B) {
		shortConnections(b, func(s *Socket, server netip.AddrPort, ends chan Result) {
			go func() {
				room := benchRooms.Get().(*[2048]byte)
				defer benchRooms.Put(room)
				_ = s.SetReadDeadline(time.Now().Add(time.Minute))
				n, err := s.Read(room[:])
				_ = s.SetReadDeadline(time.Time{})
				if err != nil {
					b.Error(err)
					return
				}
				to, err := Dial(server, DialOptions{Timeout: time.Minute, Client: s}, room[:n])
				if err != nil {
					b.Error(err)
					return
				}
				h := &benchArrival{ends: ends}
				h.s.Start(s, to, room[:n], benchOptions, h)
			}()
		})
	})
	b.Run("direct", func(b *testing.B) { shortConnections(b, nil) })
}

var (
	benchRooms   = sync.Pool{New: func() any { return new([2048]byte) }}
	benchOptions = &Options{ClientTimeout: time.Minute, ServerTimeout: time.Minute}
)

// benchArrival is a session with its handler for benchmarks.
type benchArrival struct {
	s      Session
	room   *[2048]byte
	server netip.AddrPort
	ends   chan Result
}

func (h *benchArrival) Answered()      {}
func (h *benchArrival) Ended(r Result) { h.ends <- r }

func (h *benchArrival) Buffer() []byte {
	h.room = benchRooms.Get().(*[2048]byte)
	return h.room[:]
}

func (h *benchArrival) Next(n News) Step {
	switch n.Event {
	case Arrived:
		return Step{Until: time.Now().Add(time.Minute)}
	case Received:
		return Step{Do: Connect, To: h.server, First: h.room[:n.N], Timeout: time.Minute}
	case Connected:
		benchRooms.Put(h.room)
		h.room = nil
		return Step{Do: Relay, Options: benchOptions}
	default:
		return Step{Do: Close}
	}
}

// shortConnections makes connections through a proxy, or directly if proxy is nil.
func shortConnections(b *testing.B, proxy func(s *Socket, server netip.AddrPort, ends chan Result)) {
	b.Helper()
	b.ReportAllocs()
	if err := Prepare(); err != nil {
		b.Fatal(err)
	}
	front, at := listenRaw(b)
	back, server := listenRaw(b)
	if proxy == nil {
		at = server
	}
	ends := make(chan Result, 1)
	hello, answer := make([]byte, 1500), make([]byte, 2048)
	to := &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		client, err := newSocket(at)
		must(err)
		must(unix.SetNonblock(client, false))
		must(unix.Connect(client, to))
		if proxy != nil {
			s, err := Accept(uintptr(front), nil)
			must(err)
			_, err = write(client, hello)
			must(err)
			proxy(s, server, ends)
		} else {
			_, err = write(client, hello)
			must(err)
		}
		ready(b, back)
		far, _, err := accept(back)
		must(err)
		ready(b, far)
		_, err = read(far, answer)
		must(err)
		_, err = write(far, answer[:1000])
		must(err)
		n, err := unix.Read(client, answer)
		must(err)
		if n != 1000 {
			b.Fatalf("an answer of %d bytes", n)
		}
		closeFD(client)
		ready(b, far)
		closeFD(far)
		if proxy != nil {
			if r := <-ends; r.In != 1500 || r.Out != 1000 || r.Cause != Closed {
				b.Fatalf("ended %+v", r)
			}
		}
	}
}

// ready waits until something can be read.
func ready(b *testing.B, fd int) {
	b.Helper()
	list := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(list[:], -1); n == 1 && err == nil {
			return
		}
	}
}
