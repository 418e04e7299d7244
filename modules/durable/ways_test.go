// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// way is the way in which the users of a test get connections.
type way int32

const (
	byAccept way = iota
	byTaker
	mixed // each user at random
)

func (w way) String() string { return [...]string{"Accept", "Taker", "mixed"}[w] }

var current atomic.Int32

// eachWay runs a test for each of several ways.
func eachWay(t *testing.T, test func(t *testing.T), ways ...way) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			current.Store(int32(w))
			defer current.Store(int32(byAccept))
			test(t)
		})
	}
}

// takes reports whether the next user has a taker.
func takes() bool {
	switch way(current.Load()) {
	case byAccept:
		return false
	case byTaker:
		return true
	default:
		return rand.IntN(2) == 0
	}
}

// taking is a listener with a taker, whose Accept returns the connections that its taker got.
type taking struct {
	net.Listener
	conns chan net.Conn
	ended chan struct{}
	err   error
}

func newTaking(t testing.TB, ln net.Listener) *taking {
	t.Helper()
	l := &taking{Listener: ln, conns: make(chan net.Conn, 1<<12), ended: make(chan struct{})}
	if !TakeBy(ln, func(s *relay.Socket) { l.conns <- s }) {
		t.Fatal("it is no durable listener")
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				l.err = err
				close(l.ended)
				return
			}
			l.conns <- conn
		}
	}()
	return l
}

func (l *taking) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.ended:
	}
	select {
	case conn := <-l.conns:
		return conn, nil
	default:
		return nil, l.err
	}
}

// asUser gives ln a taker, if the current way says so.
func asUser(t testing.TB, ln net.Listener) net.Listener {
	if takes() {
		return newTaking(t, ln)
	}
	return ln
}

// TestServeDuringLastClose does the same with users that serve as soon as they have attached, in
// each way.
func TestServeDuringLastClose(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		old := open(t, 0)
		go serve(old, 1)
		for range 300 {
			done := make(chan struct{})
			go func() {
				defer close(done)
				old.Close()
			}()
			ln := open(t, portOf(old))
			go serve(ln, 1)
			if _, err := ask(ln.Addr().String()); err != nil {
				t.Fatal(err)
			}
			<-done
			old = ln
		}
	}, byAccept, byTaker, mixed)
}
