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
	"time"
)

// fakeKernel returns the results that the test sends, one per Accept, until it is closed.
type fakeKernel struct {
	results chan any // net.Conn or error
	closed  chan struct{}
	once    sync.Once
}

func newFakeKernel() *fakeKernel {
	return &fakeKernel{results: make(chan any), closed: make(chan struct{})}
}

func (k *fakeKernel) Accept() (net.Conn, error) {
	select {
	case r := <-k.results:
		if err, ok := r.(error); ok {
			return nil, err
		}
		return r.(net.Conn), nil
	case <-k.closed:
		return nil, net.ErrClosed
	}
}

func (k *fakeKernel) Close() error                    { k.interrupt(); return nil }
func (k *fakeKernel) Addr() net.Addr                  { return &net.TCPAddr{Port: 1} }
func (k *fakeKernel) configure(socketOptions) error   { return nil }
func (k *fakeKernel) startListening() error           { return nil }
func (k *fakeKernel) refuse()                         {}
func (k *fakeKernel) stepAside()                      {}
func (k *fakeKernel) interrupt()                      { k.once.Do(func() { close(k.closed) }) }
func (k *fakeKernel) resume()                         {}
func (k *fakeKernel) acceptQueued() (net.Conn, error) { return nil, nil }

func attachTo(t testing.TB, s *socket) *listener {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	return s.addUser(t.Context(), socketOptions{})
}

// openFake starts a socket over a fakeKernel, with n users.
func openFake(t *testing.T, n int) (results chan<- any, lns []*listener) {
	fake := newFakeKernel()
	s := newSocket(address{name: t.Name()}, fake)
	go s.run(false)
	for range n {
		lns = append(lns, attachTo(t, s))
	}
	return fake.results, lns
}

func TestUsersShareOneKernelSocket(t *testing.T) {
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
	var ports [2]int
	for i := range ports {
		ln, err := listen(t.Context(), "durable", "127.0.0.1", "0", 0, net.ListenConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer ln.(net.Listener).Close()
		ports[i] = portOf(ln.(net.Listener))
	}
	if ports[0] == ports[1] {
		t.Errorf("two users of port 0 share port %d", ports[0])
	}
}

func TestAcceptedConnGoesToRemainingListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results, lns := openFake(t, 2)
		client, server := net.Pipe()
		defer client.Close()
		results <- server
		synctest.Wait()
		lns[0].Close()
		conn, err := lns[1].Accept()
		if err != nil || conn != server {
			t.Fatalf("got %v, %v; want the connection in flight", conn, err)
		}
		conn.Close()
		lns[1].Close()
		synctest.Wait()
	})
}

// A connection that was accepted when the last user closed goes to that user only.
func TestAcceptedConnGoesToLastCloser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results, lns := openFake(t, 2)
		client, server := net.Pipe()
		defer client.Close()
		results <- server
		synctest.Wait()
		lns[0].Close()
		lns[1].Close()
		if _, err := lns[0].Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the other user: %v", err)
		}
		if conn, err := lns[1].Accept(); err != nil || conn != server {
			t.Errorf("got %v, %v; want the connection in flight", conn, err)
		}
		if _, err := lns[1].Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after that: %v", err)
		}
		time.Sleep(leftoverTimeout)
	})
}

// If the last user stops calling Accept, leftover connections are closed after leftoverTimeout.
func TestLeftoverConnClosesAfterTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results, lns := openFake(t, 1)
		client, server := net.Pipe()
		results <- server
		synctest.Wait()
		lns[0].Close()
		start := time.Now()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(start) != leftoverTimeout {
			t.Errorf("reading from the connection in flight: %v after %v, want EOF after %v", err, time.Since(start), leftoverTimeout)
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
	a.(*listener).sock.kernel.Close()
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

// TestAttachDuringLastClose attaches while the last user closes: it works whether attach joins the
// old socket or opens a new one.
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
