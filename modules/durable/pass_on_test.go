// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"net"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// passOn calls the function of Passer, if the listener has one.
func passOn(ln net.Listener, conn net.Conn) bool {
	pass := Passer(ln)
	return pass != nil && pass(conn)
}

// A connection that is passed on is queued for Accept of a listener with a taker, and for that of
// the next user if it has not been accepted.
func TestPassOn(t *testing.T) {
	first := open(t, 0)
	pass := func(ln net.Listener) *fromFront {
		t.Helper()
		ours, theirs := net.Pipe()
		t.Cleanup(func() { ours.Close(); theirs.Close() })
		conn := &fromFront{ours}
		if !passOn(ln, conn) {
			t.Fatal("it was not passed on")
		}
		return conn
	}
	accept := func(ln net.Listener, want *fromFront) {
		t.Helper()
		if got, err := ln.Accept(); got != net.Conn(want) {
			t.Errorf("accepted %v, %v, want the connection that was passed on", got, err)
		}
	}
	a := pass(first)
	accept(first, a)

	takes := make(chan *relay.Socket, 1)
	TakeBy(first, func(s *relay.Socket) {
		if !passOn(first, fromFront{s}) {
			t.Error("it was not passed on by a taker")
		}
		takes <- s
	})
	dial(t, first)
	if got, err := first.Accept(); got != net.Conn(fromFront{<-takes}) {
		t.Errorf("accepted %v, %v, want the connection that was taken", got, err)
	}

	second := openLater(t, portOf(first))
	b, c := pass(first), pass(first)
	accept(first, b)
	first.Close()
	accept(second, c)
	d := pass(first) // decided when its configuration had gone
	accept(second, d)

	e := pass(second)
	second.Close()
	accept(second, e) // it closed last
	if _, err := second.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	if passOn(first, ours) || passOn(second, ours) || passOn(nil, ours) {
		t.Error("it was passed on to a closed listener")
	}
	noneInFlight(t, first.(*listener).sock)
}
