// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// accepting calls Accept in the background, until it fails, and counts.
func accepting(ln net.Listener) (served *atomic.Int64, end <-chan error) {
	served = new(atomic.Int64)
	ch := make(chan error, 1)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				ch <- err
				return
			}
			served.Add(1)
			conn.Close()
		}
	}()
	return served, ch
}

// checkClosed fails the test unless err is package net's error of a closed listener.
func checkClosed(t *testing.T, err error) {
	t.Helper()
	var op *net.OpError
	if !errors.Is(err, net.ErrClosed) || !errors.As(err, &op) || op.Timeout() {
		t.Errorf("got %v (%T), want a *net.OpError that wraps net.ErrClosed", err, err)
	}
}

func waitEnd(t *testing.T, end <-chan error) {
	t.Helper()
	select {
	case err := <-end:
		checkClosed(t, err)
	case <-time.After(patience):
		t.Fatal("Accept did not end")
	}
}

func TestCloseEndsOwnAcceptOnly(t *testing.T) {
	eachWay(t, testCloseEndsOwnAcceptOnly, byAccept, byTaker)
}

func testCloseEndsOwnAcceptOnly(t *testing.T) {
	a := asUser(t, open(t, 0))
	b := asUser(t, open(t, portOf(a)))
	_, endA := accepting(a)
	servedB, endB := accepting(b)
	start := time.Now()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	waitEnd(t, endA)
	if d := time.Since(start); d > leftoverTimeout {
		t.Errorf("Accept ended %v after Close", d)
	}
	checkClosed(t, a.Close())
	if _, err := a.Accept(); true {
		checkClosed(t, err)
	}

	before := servedB.Load()
	for range 20 {
		_, _ = dial(t, b).Read(make([]byte, 1))
	}
	if got := servedB.Load() - before; got != 20 {
		t.Errorf("the other user got %d of 20 connections", got)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	waitEnd(t, endB)
}

func TestContextEndCloses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got, err := listen(ctx, "durable", "127.0.0.1", "0", 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ln := got.(net.Listener)
	_, end := accepting(ln)
	cancel()
	waitEnd(t, end)
	// An http server whose Close fails logs an error, which would be one at each reload.
	if err := ln.Close(); err != nil {
		t.Errorf("the first Close: %v", err)
	}
	checkClosed(t, ln.Close())
	if n := users(portOf(ln)); n != 0 {
		t.Errorf("%d users after the only context ended", n)
	}

	// A user whose context ended is gone; the others stay.
	a := open(t, 0)
	got, err = listen(ctx, "durable", "127.0.0.1", strconv.Itoa(portOf(a)), 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := got.(net.Listener).Accept(); true {
		checkClosed(t, err)
	}
	if n := users(portOf(a)); n != 1 {
		t.Errorf("%d users, want 1", n)
	}
}

// TestAcceptCloseRaces opens, accepts and closes at random on one address while clients connect;
// every connection is served.
func TestAcceptCloseRaces(t *testing.T) { eachWay(t, testAcceptCloseRaces, byAccept, byTaker, mixed) }

func testAcceptCloseRaces(t *testing.T) {
	keeper := asUser(t, open(t, 0))
	kept, end := accepting(keeper)
	var served atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				ln := asUser(t, open(t, portOf(keeper)))
				n, end := accepting(ln)
				go ln.Close()
				ln.Close()
				<-end
				served.Add(n.Load())
			}
		})
	}
	const clients, rounds = 4, 100
	for range clients {
		wg.Go(func() {
			for range rounds {
				conn, err := net.Dial("tcp", keeper.Addr().String())
				if err != nil {
					t.Error(err)
					continue
				}
				_, _ = conn.Read(make([]byte, 1))
				conn.Close()
			}
		})
	}
	wg.Wait()
	keeper.Close()
	waitEnd(t, end)
	if got := served.Load() + kept.Load(); got != clients*rounds {
		t.Errorf("served %d of %d connections", got, clients*rounds)
	}
	if n := users(portOf(keeper)); n != 0 {
		t.Errorf("%d users after all closed", n)
	}
}
