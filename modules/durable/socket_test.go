// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
)

// fakeListener gives out what the test sends, one Accept each, until it is closed.
type fakeListener struct {
	results chan any // net.Conn or error
	closed  chan struct{}
	once    sync.Once
}

func (l *fakeListener) Accept() (net.Conn, error) {
	select {
	case r := <-l.results:
		if err, ok := r.(error); ok {
			return nil, err
		}
		return r.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *fakeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *fakeListener) Addr() net.Addr { return &net.TCPAddr{Port: 1} }

// openFake starts a socket over a fakeListener, with n users.
func openFake(t *testing.T, n int) (results chan<- any, lns []*listener) {
	fake := &fakeListener{results: make(chan any), closed: make(chan struct{})}
	s := newSocket(address{tcp: t.Name()}, fake)
	go s.run()
	for range n {
		socketsMu.Lock()
		s.users++
		socketsMu.Unlock()
		lns = append(lns, newListener(t.Context(), s))
	}
	return fake.results, lns
}

func TestSharing(t *testing.T) {
	a := open(t, 0)
	port := portOf(a)
	b, c := open(t, port), open(t, port)
	for i, ln := range []net.Listener{a, b, c} {
		if n := users(port); n != 3-i {
			t.Errorf("%d users, want %d", n, 3-i)
		}
		dial(t, c)
		ln.Close()
	}
	if n := users(port); n != 0 {
		t.Errorf("%d users after the last close", n)
	}
	if conn, err := net.Dial("tcp", a.Addr().String()); err == nil {
		conn.Close()
		t.Error("the kernel socket is open after the last close")
	}
}

func TestPortZeroIsNotShared(t *testing.T) {
	if a, b := open(t, 0), open(t, 0); portOf(a) == portOf(b) {
		t.Errorf("two users of port 0 share port %d", portOf(a))
	}
}

func TestInHandGoesToRemainingUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results, lns := openFake(t, 2)
		client, server := net.Pipe()
		defer client.Close()
		results <- server
		synctest.Wait()
		lns[0].Close()
		conn, err := lns[1].Accept()
		if err != nil || conn != server {
			t.Fatalf("got %v, %v; want the connection in hand", conn, err)
		}
		conn.Close()
		lns[1].Close()
		synctest.Wait()
	})
}

func TestInHandClosesWithLastUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results, lns := openFake(t, 1)
		client, server := net.Pipe()
		results <- server
		synctest.Wait()
		lns[0].Close()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("reading from the connection in hand: %v, want EOF", err)
		}
		synctest.Wait()
	})
}

func TestLostSocketEndsEveryUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results, lns := openFake(t, 2)
		results <- syscall.EINVAL
		for _, ln := range lns {
			if _, err := ln.Accept(); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("Accept: %v, want the socket's error", err)
			}
			if err := ln.Close(); err != nil {
				t.Error(err)
			}
			if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept after Close: %v", err)
			}
		}
	})
}

// TestLostSocketIsReplaced closes the kernel socket behind the package's back.
func TestLostSocketIsReplaced(t *testing.T) {
	a := open(t, 0)
	a.(*listener).sock.ln.Close()
	if _, err := a.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	b := open(t, portOf(a))
	a.Close()
	serveOne(t, b)
}

func serveOne(t *testing.T, ln net.Listener) {
	t.Helper()
	client := dial(t, ln)
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// TestAttachDuringLastClose attaches while the last user closes: whether that joins
// the old socket or opens a new one, it works.
func TestAttachDuringLastClose(t *testing.T) {
	const rounds = 2000
	opened := 0
	old := open(t, 0)
	for range rounds {
		done := make(chan struct{})
		go func() {
			defer close(done)
			old.Close()
		}()
		ln := open(t, portOf(old))
		serveOne(t, ln)
		<-done
		if ln.(*listener).sock != old.(*listener).sock {
			opened++
		}
		old = ln
	}
	t.Logf("joined %d times, opened %d times", rounds-opened, opened)
}
