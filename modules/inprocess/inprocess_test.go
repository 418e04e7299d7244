// SPDX-License-Identifier: Apache-2.0

package inprocess

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
)

func listenOn(ctx context.Context, t *testing.T, name string) net.Listener {
	t.Helper()
	l, err := listen(ctx, Network, name, "", 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return l.(net.Listener)
}

func deliver(name string, conn net.Conn, gone <-chan struct{}) error {
	_, err := Deliver(name, conn, gone)
	return err
}

// accepted returns a channel with the next connection, or error, of a listener.
func accepted(l net.Listener) <-chan any {
	out := make(chan any, 1)
	go func() {
		if conn, err := l.Accept(); err != nil {
			out <- err
		} else {
			out <- conn
		}
	}()
	return out
}

// A connection goes to the oldest listener, and to the next one when that closes
// while it waits.
func TestOldestListenerGetsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := listenOn(t.Context(), t, "a"), listenOn(t.Context(), t, "a")
		conn, other := net.Pipe()
		defer other.Close()
		ofSecond := accepted(second)
		delivered := make(chan error, 1)
		go func() { delivered <- deliver("a", conn, nil) }()
		synctest.Wait()
		select {
		case got := <-ofSecond:
			t.Fatalf("the second listener got %v", got)
		case err := <-delivered:
			t.Fatalf("delivered without a listener: %v", err)
		default:
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		if err := <-delivered; err != nil {
			t.Error(err)
		}
		if got := <-ofSecond; got != conn {
			t.Errorf("the second listener got %v", got)
		}
		if _, err := first.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepting: %v", err)
		}
		if err := first.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing again: %v", err)
		}
		_ = second.Close()
		if err := deliver("a", conn, nil); !errors.Is(err, ErrNoListener) || !strings.Contains(err.Error(), "passthrough/a") {
			t.Errorf("without a listener: %v", err)
		}
	})
}

// A connection that is given up stays with its frontend, and the end of one context closes only its
// own listener.
func TestGivenUpConnectionStaysWithFrontend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		failed, l := listenOn(ctx, t, "b"), listenOn(t.Context(), t, "b")
		gone := make(chan struct{})
		delivered := make(chan error, 1)
		go func() { delivered <- deliver("b", nil, gone) }()
		synctest.Wait()
		close(gone)
		if err := <-delivered; !errors.Is(err, ErrGone) {
			t.Error(err)
		}
		cancel()
		synctest.Wait()
		if _, err := failed.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepting: %v", err)
		}
		got := accepted(l)
		if err := deliver("b", nil, nil); err != nil {
			t.Error(err)
		}
		<-got
		_ = l.Close()
		if len(registry.listeners) > 0 {
			t.Errorf("left over: %v", registry.listeners)
		}
	})
}

func TestAddresses(t *testing.T) {
	if _, err := listen(t.Context(), Network, "", "80", 0, net.ListenConfig{}); err == nil || !strings.Contains(err.Error(), "expected passthrough/NAME") {
		t.Error(err)
	}
	l := listenOn(t.Context(), t, "c")
	defer l.Close()
	if a := l.Addr(); a.Network() != "passthrough" || a.String() != "c" {
		t.Errorf("address %s/%s", a.Network(), a)
	}
}

// The end of a configuration may close a listener before its server does, which is no fault of the
// server's.
func TestCloseAfterContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln, err := listen(ctx, Network, "ended", "", 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := ln.(net.Listener).Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if err := ln.(net.Listener).Close(); err != nil {
		t.Errorf("the first Close: %v", err)
	}
	if err := ln.(net.Listener).Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second Close: %v", err)
	}
}
