// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	answerSize = 1 << 10
	bulkSize   = 256 << 10
	mebibyte   = 1 << 20
	// serverLife ends connections that a proxy has forgotten. No workload lasts as long.
	serverLife = 5 * time.Minute
)

var (
	answer    = bytes.Repeat([]byte("0123456789abcdef"), answerSize/16)
	smallBufs = sync.Pool{New: func() any { b := make([]byte, maxHello); return &b }}
	bulkBufs  = sync.Pool{New: func() any { b := make([]byte, bulkSize); return &b }}
)

// A server stands behind one proxy. Each proxy has its own, so that no proxy's connects search
// through ports that another has left in TIME_WAIT.
type server struct {
	listener net.Listener
	addr     netip.AddrPort
	lent     chan *os.File // server ends of connections of kindLent
	header   bool          // connections begin with a PROXY header of the length of proxyHeader

	mu      sync.Mutex
	tallies []*tally // connections of kindUp since collect
}

// listenOn opens a server on an address of this namespace.
func listenOn(ctx context.Context, host string) (*server, error) {
	config := net.ListenConfig{KeepAlive: -1}
	listener, err := config.Listen(ctx, "tcp4", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("listening for a server: %w", err)
	}
	addr, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("reading a listener's address: %w", err)
	}
	s := &server{listener: listener, addr: addr, lent: make(chan *os.File, bulkClients)}
	go s.accept()
	return s, nil
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		go s.serve(conn)
	}
}

// serve drops its errors: the client of the connection notices each of them, and counts it.
func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	small, _ := smallBufs.Get().(*[]byte)
	defer smallBufs.Put(small)
	if conn.SetDeadline(time.Now().Add(serverLife)) != nil {
		return
	}
	if s.header {
		if _, err := io.ReadFull(conn, (*small)[:len(proxyHeader)]); err != nil || !bytes.HasPrefix(*small, proxyHeader[:12]) {
			return
		}
	}
	hello, err := readRecord(conn, *small)
	if err != nil || len(hello) <= kindOffset {
		return
	}
	k := kind(hello[kindOffset])
	if _, err := conn.Write(answer); err != nil {
		return
	}
	switch k {
	case kindRTT:
		echo(conn, (*small)[:answerSize])
	case kindDown:
		push(conn, *small)
	case kindUp:
		s.sink(conn)
	case kindLent:
		if end, err := duplicate(conn); err == nil {
			s.lent <- end
		}
	default:
		waitForEnd(conn, *small)
	}
}

func echo(conn net.Conn, buf []byte) {
	for {
		if _, err := io.ReadFull(conn, buf); err != nil {
			return
		}
		if _, err := conn.Write(buf); err != nil {
			return
		}
	}
}

// push starts when the client sends a byte, so that nothing is sent before the measurement.
func push(conn net.Conn, small []byte) {
	if _, err := io.ReadFull(conn, small[:1]); err != nil {
		return
	}
	bulk, _ := bulkBufs.Get().(*[]byte)
	defer bulkBufs.Put(bulk)
	for {
		if _, err := conn.Write(*bulk); err != nil {
			return
		}
	}
}

func (s *server) sink(conn net.Conn) {
	t := &tally{}
	s.mu.Lock()
	s.tallies = append(s.tallies, t)
	s.mu.Unlock()
	bulk, _ := bulkBufs.Get().(*[]byte)
	defer bulkBufs.Put(bulk)
	never := func(time.Time) bool { return false }
	_ = drain(conn, *bulk, t, never) // it ends when the client closes
}

// collect returns the tallies of connections of kindUp since its last call.
func (s *server) collect() []*tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.tallies
	s.tallies = nil
	return taken
}

func waitForEnd(conn net.Conn, buf []byte) {
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// drain reads until over reports true, and counts each MiB with the time it took. The clock starts
// with the first bytes.
func drain(conn net.Conn, buf []byte, t *tally, over func(time.Time) bool) error {
	var since time.Time
	read := 0
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		now := time.Now()
		if since.IsZero() {
			since = now
		}
		for read += n; read >= mebibyte; read -= mebibyte {
			t.add(now.Sub(since))
			since = now
		}
		if over(now) {
			return nil
		}
	}
}
