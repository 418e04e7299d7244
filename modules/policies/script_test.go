// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// weighted returns servers A, B, C ... with the given weights and ids; ids may be nil.
func weighted(weights, ids []int) []pool.ServerConfig {
	list := make([]pool.ServerConfig, len(weights))
	for i, w := range weights {
		list[i] = pool.ServerConfig{Name: string(rune('A' + i)), Weight: w}
		if ids != nil {
			list[i].ID = ids[i]
		}
	}
	return list
}

// openServers opens a pool with a provisioned policy, whose requests do not wait.
func openServers(t testing.TB, p pool.Policy, servers ...pool.ServerConfig) *pool.Pool {
	t.Helper()
	opened, err := new(pool.Registry).Open(pool.Config{Backend: "b", Policy: provisioned(t, p), Servers: servers, QueueTimeout: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

// play plays connections by a script: "3 -0" opens three connections and closes the first. It
// returns the servers of each word's connections; "." stands for one that waits. The connections
// use the sources in turn; with eight of them the servers' limits are at their highest.
func play(t *testing.T, p pool.Policy, servers []pool.ServerConfig, script string, sources ...string) (got string) {
	t.Helper()
	provisioned(t, p)
	synctest.Test(t, func(t *testing.T) {
		opened, err := new(pool.Registry).Open(pool.Config{Backend: "b", Policy: p, Servers: servers, FullConn: 8})
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var leases []*pool.Lease
		come := func() string {
			r, found := new(pool.Request), (*pool.Lease)(nil)
			if len(sources) > 0 {
				r.Source = netip.MustParseAddr(sources[len(leases)%len(sources)])
			}
			leases = append(leases, nil)
			at := len(leases) - 1
			go func() {
				found, _ = opened.Acquire(ctx, r)
			}()
			synctest.Wait()
			if leases[at] = found; found == nil {
				return "."
			}
			return found.Server.Name
		}
		for word := range strings.FieldsSeq(script) {
			n, err := strconv.Atoi(strings.TrimPrefix(word, "-"))
			if err != nil {
				t.Fatal(err)
			}
			if word[0] == '-' {
				leases[n].Release(pool.Served)
				continue
			}
			if got != "" {
				got += " "
			}
			for range n {
				got += come()
			}
		}
	})
	return got
}
