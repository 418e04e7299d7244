// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A session that outlives its configuration keeps none of it in memory: neither the names that lead
// to its backend, nor the policy of that backend.
func TestSessionsKeepNoConfiguration(t *testing.T) {
	const reloads, names, servers = 50, 1000, 5
	address, origin := freeAddress(t), listen(t, func(c *net.TCPConn) {
		_ = c.SetDeadline(time.Time{})
		greetAndEcho(c)
	})
	sites := filepath.Join(t.TempDir(), "sites.map")
	config := func(round int) string {
		var lines, backend strings.Builder
		for n := range names {
			fmt.Fprintf(&lines, "host-%d.round-%d.example.test web%d\n", n, round, round)
		}
		if err := os.WriteFile(sites, []byte(lines.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		for n := range servers {
			fmt.Fprintf(&backend, "server s%d %s weight 10\n", n, origin)
		}
		return fmt.Sprintf("passthrough {\nbackend web%d {\nbalance source {\nhash_type consistent\n}\n%stimeouts client 10m server 10m\n}\n}\n"+
			"layer4 {\n durable/%s {\n route {\n passthrough {\n use_backend_map %s\n default_backend web%d\n}\n }\n }\n}", round, &backend, address, sites, round)
	}
	var held []net.Conn
	hold := func() {
		c := say(t, address, "")
		read(t, c, make([]byte, 2))
		held = append(held, c)
	}

	p := start(t, config(0), "")
	reload := func(round int) {
		hold()
		if err := p.reload(t, config(round), ""); err != nil {
			t.Fatal(err)
		}
	}
	const warm = 5
	for round := 1; round <= warm; round++ {
		reload(round)
	}
	before := p.footprint(t)
	for round := warm + 1; round <= reloads; round++ {
		reload(round)
	}
	within(t, "bytes of heap", before.heap+(reloads-warm)*mostHeld, func() int { return p.footprint(t).heap })
	after := p.footprint(t)
	t.Logf("a session held over each of %d reloads: %d bytes of heap, then %d: %d for each", reloads-warm, before.heap, after.heap, (after.heap-before.heap)/(reloads-warm))
	for i, c := range held {
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte{'x'}); err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
		read(t, c, make([]byte, 1))
	}
}

// mostHeld is the maximum heap, in bytes, of a session and what it keeps of its configuration. The
// configuration itself takes ten times as much.
const mostHeld = 12 << 10
