// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// TestTryAcquireLeavesTheSequence sends the same requests to two pools: to one by Acquire, to the
// other by TryAcquire, followed by Acquire only after nil. Both must pick the same servers, also
// behind requests that found all servers full. Policies random and peak_ewma draw anew each time.
func TestTryAcquireLeavesTheSequence(t *testing.T) {
	for name := range known {
		if name == "random" || name == "peak_ewma" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(8) {
				synctest.Test(t, func(t *testing.T) {
					plain, tried := newAsker(t, name, seed, false), newAsker(t, name, seed, true)
					for range 400 {
						plain.step()
						tried.step()
					}
					if plain.got.String() != tried.got.String() {
						t.Errorf("seed %d: Acquire gives\n%s\nTryAcquire and Acquire give\n%s", seed, &plain.got, &tried.got)
					}
					if tried.free == 0 || tried.full == 0 {
						t.Errorf("seed %d: %d requests found a server at once and %d did not: expected both", seed, tried.free, tried.full)
					}
				})
			}
		})
	}
}

// asker is a random load on a pool.
type asker struct {
	t          *testing.T
	rng        *rand.Rand
	pool       *pool.Pool
	tries      bool
	held       []*pool.Lease
	got        strings.Builder
	free, full int
}

func newAsker(t *testing.T, policy string, seed uint64, tries bool) *asker {
	t.Helper()
	a := &asker{t: t, rng: rand.New(rand.NewPCG(seed, 1)), tries: tries}
	c := pool.Config{Backend: "b", Policy: provisioned(t, known[policy]()), QueueTimeout: time.Millisecond, Redispatch: seed%2 == 0, FullConn: 8, LastResort: true}
	for i := range 6 {
		s := pool.ServerConfig{Name: string(rune('A' + i)), Weight: 1 + a.rng.IntN(4), MaxConn: 1 + a.rng.IntN(3), MaxQueue: a.rng.IntN(2), Backup: i == 5}
		s.MinConn = 1 + a.rng.IntN(s.MaxConn)
		c.Servers = append(c.Servers, s)
	}
	var err error
	if a.pool, err = new(pool.Registry).Open(c); err != nil {
		t.Fatal(err)
	}
	a.pool.Activate()
	t.Cleanup(a.pool.Close)
	return a
}

func (a *asker) step() {
	name := string(rune('A' + a.rng.IntN(6)))
	switch n := a.rng.IntN(20); {
	case n < 11:
		a.ask()
	case n < 18:
		if len(a.held) > 0 {
			i := a.rng.IntN(len(a.held))
			a.held[i].Release(pool.Served)
			a.held = append(a.held[:i], a.held[i+1:]...)
		}
	case n < 19:
		a.check(a.pool.SetHealth(name, a.rng.IntN(3) > 0))
	default:
		a.check(a.pool.SetWeight(name, a.rng.IntN(4)))
	}
}

func (a *asker) ask() {
	r := &pool.Request{Source: netip.AddrFrom4([4]byte{192, 0, 2, byte(a.rng.IntN(64))})}
	if a.rng.IntN(6) == 0 {
		r.Server = string(rune('A' + a.rng.IntN(7))) // G does not exist
	}
	for range a.rng.IntN(2) {
		failed := a.pool.Servers()[a.rng.IntN(6)]
		if r.Avoid(failed); a.rng.IntN(2) == 0 {
			r.AvoidLast(failed)
		}
	}
	var l *pool.Lease
	if a.tries {
		l = a.try(r)
	}
	if l == nil {
		var err error
		if l, err = a.pool.Acquire(context.Background(), r); err != nil {
			fmt.Fprintf(&a.got, " (%v, moved: %v)", err, r.Queued.Moved)
			return
		}
	}
	a.held = append(a.held, l)
	fmt.Fprintf(&a.got, " %s(moved: %v)", l.Server.Name, r.Queued.Moved)
}

// try calls TryAcquire, which must leave the request unchanged if it returns nil.
func (a *asker) try(r *pool.Request) *pool.Lease {
	server, queued := r.Server, r.Queued
	l := a.pool.TryAcquire(r)
	if l != nil {
		a.free++
		return l
	}
	a.full++
	if r.Server != server || r.Queued != queued {
		a.t.Errorf("TryAcquire has changed the request: server %q and %+v, before %q and %+v", r.Server, r.Queued, server, queued)
	}
	return nil
}

func (a *asker) check(err error) {
	if err != nil {
		a.t.Error(err)
	}
}
