// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Servers that are added, removed or moved to other addresses while there are connections: a policy
// picks only servers that there are, at their addresses, and in the end each of them.
func TestServersComeAndGo(t *testing.T) {
	for name, policy := range known {
		t.Run(name, func(t *testing.T) {
			var reg pool.Registry
			c := pool.Config{Backend: "b", Policy: provisioned(t, policy()), Added: func(spec any) (pool.ServerConfig, error) {
				return pool.ServerConfig{Name: spec.(string), Address: "a", Weight: 2}, nil
			}}
			for i := range 4 {
				c.Servers = append(c.Servers, pool.ServerConfig{Name: fmt.Sprint("s", i), Address: "a", Weight: 1 + i})
			}
			p, err := reg.Open(c)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.Activate()
			rng := rand.New(rand.NewPCG(1, 2))
			fixed, _ := c.Policy.(pool.FixedServers)
			grows := fixed == nil || !fixed.FixedServers()
			addresses := map[string]string{"s0": "a", "s1": "a", "s2": "a", "s3": "a"}
			var held []*pool.Lease
			take := func() string {
				r := &pool.Request{Source: netip.AddrFrom4([4]byte{192, 0, byte(rng.IntN(256)), byte(rng.IntN(256))})}
				l, err := p.Acquire(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				if at, ok := addresses[l.Server.Name]; !ok || l.Server.Address != at {
					t.Fatalf("picked %s at %q, want one of %v", l.Server.Name, l.Server.Address, addresses)
				}
				held = append(held, l)
				return l.Server.Name
			}
			for step := range 400 {
				take()
				if len(held) > 20 {
					i := rng.IntN(len(held))
					held[i].Release(pool.Served)
					held = slices.Delete(held, i, i+1)
				}
				server := fmt.Sprint("s", rng.IntN(8))
				_, present := addresses[server]
				switch {
				case step%5 == 0 && !present && grows:
					if err := reg.Add("b", server, server, "test"); err != nil {
						t.Fatal(err)
					}
					if _, err := reg.Change("b", server, pool.Change{Admin: new(pool.Ready)}); err != nil {
						t.Fatal(err)
					}
					addresses[server] = "a"
				case step%5 == 1 && present && len(addresses) > 2:
					if _, err := reg.Change("b", server, pool.Change{Admin: new(pool.Maint)}); err != nil {
						t.Fatal(err)
					}
					held = slices.DeleteFunc(held, func(l *pool.Lease) bool {
						if l.Server.Name != server {
							return false
						}
						l.Release(pool.Served)
						return true
					})
					if err := reg.Remove(pool.Ref{Backend: "b", Server: server}, "test"); err != nil {
						t.Fatal(err)
					}
					delete(addresses, server)
				case step%5 == 2 && present:
					at := fmt.Sprint("a", step)
					if _, err := reg.Change("b", server, pool.Change{Address: at}); err != nil {
						t.Fatal(err)
					}
					addresses[server] = at
				}
			}
			if name == "first" {
				return
			}
			seen := make(map[string]bool)
			for range 2000 {
				seen[take()] = true
			}
			if len(seen) != len(addresses) {
				t.Errorf("only %v of %v were picked", seen, addresses)
			}
			for _, l := range held {
				l.Release(pool.Served)
			}
		})
	}
}
