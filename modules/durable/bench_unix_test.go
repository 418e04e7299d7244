// SPDX-License-Identifier: Apache-2.0

//go:build unix

package durable

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAccept times connect, accept and close, one after the other, over a plain
// listener and over a durable one.
func BenchmarkAccept(b *testing.B) {
	b.Run("plain", func(b *testing.B) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer ln.Close()
		benchmarkAccept(b, ln)
	})
	b.Run("durable", func(b *testing.B) {
		benchmarkAccept(b, open(b, 0))
	})
}

func benchmarkAccept(b *testing.B, ln net.Listener) {
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	addr := ln.Addr().String()
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
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

// BenchmarkHandOver times the hand-over alone, without a kernel.
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

// cpu returns the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
