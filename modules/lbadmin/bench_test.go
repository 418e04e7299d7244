// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// BenchmarkBackends shows 1000 servers. At one request a second, 10 ms are 1 % of a core.
func BenchmarkBackends(b *testing.B) {
	for i := range 10 {
		servers := make([]pool.ServerConfig, 100)
		for s := range servers {
			servers[s] = pool.ServerConfig{Name: fmt.Sprintf("s%d", s), Address: "10.0.0.1:443", Weight: 1}
		}
		p, err := balancer.Registry().Open(pool.Config{Backend: fmt.Sprintf("bench%d", i), Policy: new(first), Servers: servers})
		if err != nil {
			b.Fatal(err)
		}
		p.Activate()
		b.Cleanup(p.Close)
	}
	for _, path := range []string{"overview", "backends"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				if err := serve(w, httptest.NewRequest(http.MethodGet, prefix+path, nil)); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(w.Body.Len()))
			}
		})
	}
}
