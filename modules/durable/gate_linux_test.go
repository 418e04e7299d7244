// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// places is a gate that is open while there is a place.
type places struct {
	free atomic.Int64

	mu      sync.Mutex
	waiting []Waker
}

func (p *places) gate(w Waker) time.Duration {
	if p.free.Load() > 0 {
		return 0
	}
	p.mu.Lock()
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	if p.free.Load() > 0 {
		return 0
	}
	return time.Hour // only Wake ends it
}

func (p *places) add(n int64) {
	p.free.Add(n)
	p.mu.Lock()
	all := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	for _, w := range all {
		w.Wake()
	}
}

// A listener accepts connections as its gate has places, and is woken for each further one.
func TestGate(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		ln, p := open(t, 0), new(places)
		if !LimitBy(ln, p.gate) {
			t.Fatal("it is no durable listener")
		}
		user := asUser(t, ln)
		got := new(atomic.Int64)
		go func() {
			for {
				conn, err := user.Accept()
				if err != nil {
					return
				}
				p.free.Add(-1)
				got.Add(1)
				conn.Close()
			}
		}()
		var clients []net.Conn
		for range 20 {
			clients = append(clients, dial(t, ln))
		}
		time.Sleep(20 * time.Millisecond) // for some to be accepted, by mistake
		if n := got.Load(); n != 0 {
			t.Fatalf("%d were accepted without a place", n)
		}
		for i := range clients {
			p.add(1)
			eventually(t, "one more is accepted", func() bool { return got.Load() > int64(i) })
		}
	}, byAccept, byTaker)
}

// Connections to an address with two listeners go to the one whose gate is open.
func TestGatesOfSharedAddress(t *testing.T) {
	first := open(t, 0)
	second := open(t, portOf(first))
	closed, opened := new(places), new(places)
	opened.free.Store(1000)
	LimitBy(first, closed.gate)
	LimitBy(second, opened.gate)
	byFirst, bySecond := takeOnly(t, first), takeOnly(t, second)
	for range 10 {
		dial(t, first)
	}
	eventually(t, "all are taken", func() bool { return byFirst.Load()+bySecond.Load() == 10 })
	if n := byFirst.Load(); n != 0 {
		t.Errorf("%d went to the listener whose gate is closed", n)
	}
}

// A gate that never opens does not keep the listener from closing, nor its address from another
// user.
func TestClosedGate(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		ln := open(t, 0)
		LimitBy(ln, func(Waker) time.Duration { return time.Hour })
		asUser(t, ln)
		dial(t, ln)
		next := open(t, portOf(ln))
		ln.Close()
		go serve(next, 1)
		if _, err := ask(next.Addr().String()); err != nil {
			t.Error(err)
		}
		next.Close()
	}, byAccept, byTaker)
}
