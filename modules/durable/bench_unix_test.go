// SPDX-License-Identifier: Apache-2.0

//go:build unix

package durable

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// BenchmarkAccept times connect, accept and close over a plain listener and over durable ones, with
// and without a taker, for one client at a time and for several. The clients allocate nothing, so
// that only the listener's allocations count.
func BenchmarkAccept(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("plain/%d", clients), func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			benchmarkAccept(b, ln, clients)
		})
		b.Run(fmt.Sprintf("taker/%d", clients), func(b *testing.B) {
			ln := open(b, 0)
			TakeBy(ln, func(s *relay.Socket) { s.Close() })
			benchmarkAccept(b, ln, clients)
		})
		b.Run(fmt.Sprintf("one address/%d", clients), func(b *testing.B) {
			benchmarkAccept(b, open(b, 0), clients)
		})
		b.Run(fmt.Sprintf("all addresses/%d", clients), func(b *testing.B) {
			got, err := listen(b.Context(), "durable", "", "0", 0, net.ListenConfig{})
			if err != nil {
				b.Fatal(err)
			}
			ln := got.(net.Listener)
			defer ln.Close()
			benchmarkAccept(b, ln, clients)
		})
	}
}

func benchmarkAccept(b *testing.B, ln net.Listener, clients int) {
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	to := &unix.SockaddrInet4{Port: portOf(ln), Addr: [4]byte{127, 0, 0, 1}}
	fds, end := make([]int, clients), make([]byte, 1)
	b.ReportAllocs()
	before := usage()
	for i := 0; i < b.N; i += clients {
		for j := range fds {
			fds[j] = connectRaw(b, to)
		}
		for _, fd := range fds {
			_, _ = unix.Read(fd, end) // until it is accepted and closed
			unix.Close(fd)
		}
	}
	after := usage()
	b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(after.Nvcsw-before.Nvcsw)/float64(b.N), "switches/op")
}

func connectRaw(b *testing.B, to unix.Sockaddr) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // no TIME_WAIT
	}
	if err == nil {
		err = unix.Connect(fd, to)
	}
	if err != nil {
		b.Fatal(err)
	}
	return fd
}

// tireless accepts the same connection again and again, at no cost.
type tireless struct {
	*fakeKernel
	conn net.Conn
}

func (l *tireless) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
		return l.conn, nil
	}
}

// BenchmarkHandOver times only the way from the accept goroutine to Accept, without a kernel.
func BenchmarkHandOver(b *testing.B) {
	_, conn := net.Pipe()
	s := newSocket(address{}, &tireless{fakeKernel: newFakeKernel(), conn: conn})
	go s.run(false)
	ln := attachTo(b, s)
	defer ln.Close()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = ln.Accept()
	}
}

// usage returns the resources used by this process.
func usage() (u unix.Rusage) {
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u
}
