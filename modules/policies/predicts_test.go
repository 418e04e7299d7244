// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Where a forecast names a server, the next request gets it; and a forecast changes nothing.
func TestForecast(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy   pool.Policy
		predicts bool
	}{
		"map-based":  {&Hash{Key: "sni"}, true},
		"consistent": {&Hash{Key: "sni", Hashing: Hashing{HashType: HashType{Type: consistent}, BalanceFactor: 120}}, true},
		"maxconn":    {&Hash{Key: "sni", Hashing: Hashing{HashType: HashType{Type: consistent}, PreserveAffinity: "maxconn"}}, true},
		"maglev":     {&Maglev{Key: "sni", TableSize: MinTableSize}, true},
		"first":      {new(First), true},
		"source":     {new(Source), false}, // the requests have no address
		"roundrobin": {new(RoundRobin), false},
		"leastconn":  {new(LeastConn), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reg pool.Registry
			config := pool.Config{Backend: "b", Policy: provisioned(t, c.policy)}
			for i := range 5 {
				config.Servers = append(config.Servers, pool.ServerConfig{Name: fmt.Sprint("s", i), Weight: 1 + i, MaxConn: 4})
			}
			p, err := reg.Open(config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			for i, r := range keyed(12) {
				for range 3 {
					f := p.Forecast(&pool.Request{Connection: r.Connection})
					if (f.Server != nil) != c.predicts || len(f.Usable) != 5 || f.Err != nil {
						t.Fatalf("request %d: %+v", i, f)
					}
				}
				f := p.Forecast(&pool.Request{Connection: r.Connection})
				l := p.TryAcquire(r)
				if f.Waits != (l == nil) || l != nil && f.Server != nil && l.Server.Name != f.Server.Name {
					t.Fatalf("request %d: got %+v, after %+v", i, l, f)
				}
				if l != nil {
					t.Cleanup(func() { l.Release(pool.Served) })
				}
			}
			assigned := p.Forecast(&pool.Request{Server: "s3"})
			if assigned.Server == nil || assigned.Server.Name != "s3" {
				t.Errorf("%+v", assigned)
			}
			for i := range 5 {
				if err := p.SetHealth(fmt.Sprint("s", i), false); err != nil {
					t.Fatal(err)
				}
			}
			_, err = p.Acquire(context.Background(), new(pool.Request))
			if f := p.Forecast(new(pool.Request)); !errors.Is(err, pool.ErrNoServer) || !errors.Is(f.Err, err) {
				t.Errorf("%+v, but %v", f, err)
			}
		})
	}
}
