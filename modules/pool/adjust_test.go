// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A request that is queued when the address of its server changes gets a lease at the new address,
// also where a later configuration serves it.
func TestQueuedWhileAddressChanges(t *testing.T) {
	for _, reload := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var reg Registry
			open := func() *Pool {
				p, err := reg.Open(Config{Backend: "b", Policy: new(firstUsable), Servers: []ServerConfig{{Name: "s", Address: "old:1", Weight: 1, MaxConn: 1}}})
				if err != nil {
					t.Fatal(err)
				}
				p.Activate()
				return p
			}
			p := open()
			held, err := p.Acquire(t.Context(), new(Request))
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan *Lease)
			go func() {
				l, err := p.Acquire(context.Background(), new(Request))
				if err != nil {
					t.Error(err)
				}
				served <- l
			}()
			synctest.Wait()
			if _, err := reg.Change("b", "s", Change{Address: "new", Admin: new(Drain)}); err != nil {
				t.Fatal(err)
			}
			if _, err := reg.Change("b", "s", Change{Admin: new(Ready)}); err != nil {
				t.Fatal(err)
			}
			if reload {
				before := p
				p = open()
				before.Close()
			}
			if err := reg.Remove(Ref{"b", "s"}, "test"); !errors.Is(err, ErrNotInMaint) {
				t.Error(err)
			}
			held.Release(Served)
			l := <-served
			if l.Server.Address != "new:1" || p.Servers()[0].Sessions() != 1 || p.Waiting() != 0 {
				t.Errorf("reload %v: a lease at %s, %d sessions, %d waiting", reload, l.Server.Address, p.Servers()[0].Sessions(), p.Waiting())
			}
			l.Release(Served)
			if _, err := reg.DropOverride(Ref{"b", "s"}, ""); err != nil || p.Servers()[0].Address != "old:1" {
				t.Errorf("dropped: %s, %v", p.Servers()[0].Address, err)
			}
			p.Close()
		})
	}
}

// Sessions keep a server that was changed or removed neither counted wrongly nor in memory.
func TestSessionsOutliveAddresses(t *testing.T) {
	var reg Registry
	p, err := reg.Open(Config{Backend: "b", Policy: new(firstUsable), Servers: []ServerConfig{{Name: "s", Address: "old:1", Weight: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Activate()
	session, err := p.Acquire(t.Context(), new(Request))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan EvictReason, 1)
	session.OnEvict(HolderFunc(func(why EvictReason) { ended <- why }))
	if _, err := reg.Change("b", "s", Change{Address: "new:2"}); err != nil {
		t.Fatal(err)
	}
	if s := p.Server("s"); s.Sessions() != 1 || session.Server.Address != "old:1" {
		t.Errorf("%d sessions, the session at %s", s.Sessions(), session.Server.Address)
	}
	if _, err := reg.Change("b", "s", Change{Admin: new(Maint)}); err != nil {
		t.Fatal(err)
	}
	if err := reg.Remove(Ref{"b", "s"}, "test"); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	session.Release(Served)
	if err := reg.Remove(Ref{"b", "s"}, "test"); err != nil || len(p.Servers()) != 0 || len(ended) != 0 {
		t.Errorf("%v, %d servers", err, len(p.Servers()))
	}
	if _, err := p.Acquire(t.Context(), new(Request)); !errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
}
