// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// known holds all policies, each as it is configured.
var known = map[string]func() pool.Policy{
	"roundrobin":        func() pool.Policy { return new(RoundRobin) },
	"static_rr":         func() pool.Policy { return new(StaticRR) },
	"leastconn":         func() pool.Policy { return new(LeastConn) },
	"first":             func() pool.Policy { return new(First) },
	"source_map_based":  func() pool.Policy { return new(Source) },
	"source_consistent": func() pool.Policy { return &Source{Hashing: Hashing{HashType: HashType{Type: consistent}}} },
	"source_bounded": func() pool.Policy {
		return &Source{Hashing: Hashing{HashType: HashType{Type: consistent}, BalanceFactor: 150}}
	},
	"hash":      func() pool.Policy { return &Hash{Key: "src"} },
	"maglev":    func() pool.Policy { return new(Maglev) },
	"random":    func() pool.Policy { return new(Random) },
	"peak_ewma": func() pool.Policy { return new(PeakEWMA) },
}

func provisioned(t testing.TB, p pool.Policy) pool.Policy {
	t.Helper()
	if m, ok := p.(caddy.Provisioner); ok {
		if err := m.Provision(caddy.Context{Context: context.Background()}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// loaded returns a pool of servers with maxconn, some of which have connections. With policy first,
// the first half of them are full.
func loaded(t testing.TB, name string, servers int) *pool.Pool {
	t.Helper()
	var reg pool.Registry
	c := pool.Config{Backend: "b", Policy: provisioned(t, known[name]())}
	for i := range servers {
		c.Servers = append(c.Servers, pool.ServerConfig{Name: fmt.Sprint(i), Weight: 1 + i%7, MaxConn: 1000})
	}
	if name == "first" {
		for i := range c.Servers {
			c.Servers[i].MaxConn = 1
		}
	}
	p, err := reg.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for i := range servers / 2 {
		held, err := p.Acquire(context.Background(), &pool.Request{Source: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { held.Release(pool.Served) })
	}
	return p
}

// take takes and releases one lease: the operation to measure.
func take(t testing.TB, p *pool.Pool, r *pool.Request, i int) {
	r.Reset()
	r.Source = netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)})
	l, err := p.Acquire(context.Background(), r)
	if err != nil {
		t.Error(err)
		return
	}
	l.Release(pool.Served)
}

func TestAcquireDoesNotAllocate(t *testing.T) {
	for name := range known {
		for _, servers := range []int{10, 1000} {
			p, r, i := loaded(t, name, servers), new(pool.Request), 0
			if n := testing.AllocsPerRun(1000, func() {
				take(t, p, r, i)
				i++
			}); n != 0 {
				t.Errorf("%s with %d servers: %v allocations", name, servers, n)
			}
		}
	}
}

// tryOne is take with TryAcquire.
func tryOne(t testing.TB, p *pool.Pool, r *pool.Request, i int) {
	r.Reset()
	r.Source = netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)})
	l := p.TryAcquire(r)
	if l == nil {
		t.Error("TryAcquire gives no lease")
		return
	}
	l.Release(pool.Served)
}

func TestTryAcquireDoesNotAllocate(t *testing.T) {
	for name := range known {
		for _, servers := range []int{10, 1000} {
			p, r, i := loaded(t, name, servers), new(pool.Request), 0
			if n := testing.AllocsPerRun(1000, func() {
				tryOne(t, p, r, i)
				i++
			}); n != 0 {
				t.Errorf("%s with %d servers: %v allocations", name, servers, n)
			}
		}
	}
}

func BenchmarkTryAcquire(b *testing.B) {
	for name := range known {
		for _, servers := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/servers=%d", name, servers), func(b *testing.B) {
				p, r, i := loaded(b, name, servers), new(pool.Request), 0
				b.ReportAllocs()
				for b.Loop() {
					tryOne(b, p, r, i)
					i++
				}
			})
		}
	}
}

func BenchmarkAcquire(b *testing.B) {
	for name := range known {
		for _, servers := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/servers=%d/goroutines=1", name, servers), func(b *testing.B) {
				p, r, i := loaded(b, name, servers), new(pool.Request), 0
				b.ReportAllocs()
				for b.Loop() {
					take(b, p, r, i)
					i++
				}
			})
			b.Run(fmt.Sprintf("%s/servers=%d/goroutines=all", name, servers), func(b *testing.B) {
				p := loaded(b, name, servers)
				var next atomic.Int64
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					r, i := new(pool.Request), int(next.Add(1)<<20)
					for pb.Next() {
						take(b, p, r, i)
						i++
					}
				})
			})
		}
	}
}

// BenchmarkRebuild measures a change of a thousand servers of weight 100.
func BenchmarkRebuild(b *testing.B) {
	for name := range known {
		b.Run(name, func(b *testing.B) {
			var reg pool.Registry
			c := pool.Config{Backend: "b", Policy: provisioned(b, known[name]())}
			for i := range 1000 {
				c.Servers = append(c.Servers, pool.ServerConfig{Name: fmt.Sprint(i), Weight: 100})
			}
			p, err := reg.Open(c)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(p.Close)
			p.Activate()
			for up := false; b.Loop(); up = !up {
				if err := p.SetHealth("500", up); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBurst measures a thousand servers, of weights around 100, that go down and come up
// again, one after the other, with a connection after each.
func BenchmarkBurst(b *testing.B) {
	for name := range known {
		b.Run(name, func(b *testing.B) {
			var reg pool.Registry
			c := pool.Config{Backend: "b", Policy: provisioned(b, known[name]())}
			for i := range 1000 {
				c.Servers = append(c.Servers, pool.ServerConfig{Name: fmt.Sprint(i), Weight: 97 + i%7})
			}
			p, err := reg.Open(c)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(p.Close)
			p.Activate()
			for b.Loop() {
				for _, up := range []bool{false, true} {
					for i := range 1000 {
						if err := p.SetHealth(fmt.Sprint(i), up); err != nil {
							b.Fatal(err)
						}
						r := new(pool.Request)
						r.Source = netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
						if l, err := p.Acquire(b.Context(), r); err == nil {
							l.Release(pool.Served)
						} else if !errors.Is(err, pool.ErrNoServer) {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(2000*b.N), "µs/transition")
		})
	}
}
