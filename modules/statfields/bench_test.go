// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"bufio"
	"fmt"
	"io"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// BenchmarkStat shows 1000 servers in 10 backends.
func BenchmarkStat(b *testing.B) {
	for i := range 10 {
		var servers []pool.ServerConfig
		for n := range 100 {
			servers = append(servers, pool.ServerConfig{Name: fmt.Sprintf("s%d", n), Address: "192.0.2.1:443", Weight: 1})
		}
		p, err := balancer.Registry().Open(pool.Config{Backend: fmt.Sprintf("bench%d", i), Policy: new(first), Servers: servers})
		if err != nil {
			b.Fatal(err)
		}
		defer p.Close()
		p.Activate()
	}
	w := bufio.NewWriter(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		WriteCSV(w, Stat(Query{Kinds: All, ID: -1, Addresses: true}))
	}
}
