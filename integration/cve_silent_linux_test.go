// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// TestCVE_2026_73500: in etcd, each silent client cost a goroutine and a map entry without end.
// Here it costs some KB of memory and one goroutine, which is caddy-l4's, as it has one per
// connection; after the delay it costs nothing.
func TestCVE_2026_73500(t *testing.T) {
	t.Parallel()
	const (
		mostHeap = 10 << 10         // per client, without stacks
		parked   = 20 * time.Second // time for connecting and measuring
	)
	clients := manyClients(t)
	p, address := startServers(t, fmt.Sprintf("inspect_delay %s", parked), freeAddress(t))
	hello := hellotest.Hello(t, "www.example.test", "h2")
	began := p.footprint(t)
	before, all := began, make([]net.Conn, clients)
	for _, wave := range []struct {
		what  string
		conns []net.Conn
		say   []byte
	}{
		{"silent", all[:clients/2], nil},
		{"half a hello", all[clients/2:], hello[:len(hello)/2]},
	} {
		n := len(wave.conns)
		together(n, func(i int) {
			c, err := net.DialTimeout("tcp", address, patience)
			if err != nil {
				t.Error(err)
				return
			}
			wave.conns[i] = c
			_, _ = c.Write(wave.say)
		})
		if t.Failed() {
			return
		}
		now := p.parking(t, before, n)
		t.Logf("%d clients, %s: %d goroutines, and for each %d bytes of heap and %d of stacks", n, wave.what,
			now.goroutines-before.goroutines, (now.heap-before.heap)/n, (now.stacks-before.stacks)/n)
		// Those of the admin endpoint vary.
		if more := now.goroutines - before.goroutines; more > n+n/100+8 {
			t.Errorf("%s: %d goroutines for %d clients", wave.what, more, n)
		}
		if each := (now.heap - before.heap) / n; each > mostHeap {
			t.Errorf("%s: %d bytes of heap for each client, want %d at most", wave.what, each, mostHeap)
		}
		before = now
	}
	for _, c := range all {
		_ = c.SetReadDeadline(time.Now().Add(parked + patience))
		if answer, err := io.ReadAll(c); len(answer) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("a client got %q, %v", answer, err)
		}
		c.Close()
	}
	for _, l := range p.sessions(t, clients) {
		if l.Outcome != "timeout" || l.Termination != "PR" || l.HelloWait < parked.Seconds() {
			t.Fatalf("log line %+v", l)
		}
	}
	within(t, "goroutines", began.goroutines, func() int { return p.goroutines(t) })
	within(t, "descriptors", began.descriptors, func() int { return p.descriptors(t) })
	// The runtime keeps half a KB for each goroutine that has ended.
	within(t, "bytes of heap", began.heap+clients<<10, func() int { return p.footprint(t).heap })
	if n := len(p.sessions(t, clients)); n != clients {
		t.Errorf("%d log lines for %d connections", n, clients)
	}
}

// manyClients returns the possible number of clients: each takes a descriptor of the test and one
// of the proxy.
func manyClients(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(4000, limit.Cur/2))
}
