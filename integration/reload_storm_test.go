// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"net"
	"sync"
	"testing"
	"time"
)

// lineTally counts session lines as they come.
type lineTally struct {
	mu   sync.Mutex
	all  int64
	ends map[string]int64
	by   map[string]int64 // by server
}

func (l *lineTally) add(line *logLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all++
	l.ends[line.Termination+" "+line.End]++
	l.by[line.Server]++
}

// reaches waits until there are n lines.
func (l *lineTally) reaches(n int64) int64 {
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		all := l.all
		l.mu.Unlock()
		if all >= n || time.Now().After(over) {
			return all
		}
	}
}

// Reloads under load, each with other timeouts, servers, rules and listeners: no connection fails,
// none goes to a server that a reload had removed when it answered, and no count is lost.
func TestReloadStorm(t *testing.T) {
	s, lines := newStorm(t), lineTally{ends: make(map[string]int64), by: make(map[string]int64)}
	p := &process{each: lines.add}
	clients, pause, enough := 8, 20*time.Millisecond, func(reloads int64) bool { return reloads == 100 }
	if soaking {
		p.of, clients, pause = &fast, 16, 100*time.Millisecond
		enough = func(int64) bool { return s.made.Load() >= 1_000_000 }
	}
	p.start(t, s.config(0), "")
	s.start(clients)
	began := time.Now()
	reloads := s.blow(t, pause, func(i int64) error { return p.reload(t, s.config(i), "") }, enough)
	rate := float64(s.made.Load()) / time.Since(began).Seconds()
	s.stop()

	failed, why := s.failures()
	made := s.made.Load()
	t.Logf("%d reloads in %v: %d connections (%.0f a second), %d of them by the listener that comes and goes, %d lost",
		reloads, time.Since(began).Round(time.Millisecond), made, rate, s.extra.Load(), failed)
	if failed > 0 || made == 0 || s.extra.Load() == 0 {
		t.Errorf("lost: %s", why)
	}
	if got := lines.reaches(made); got != made {
		t.Errorf("%d lines in the log for %d connections", got, made)
	}
	for i, name := range s.names {
		if got, want := lines.by[name], s.served[i].Load(); got != want {
			t.Errorf("%s served %d, log lines: %d", name, want, got)
		}
	}
	for end, n := range lines.ends {
		if end != "-- complete" {
			t.Errorf("%d sessions ended %s", n, end)
		}
	}
	if got := p.server(t, "s0"); got.SessionsTotal != s.served[0].Load() || got.Sessions != 0 {
		t.Errorf("s0, which no reload removed, counts %d in total and %d now, and served %d", got.SessionsTotal, got.Sessions, s.served[0].Load())
	}
}

// The losses of Caddy with caddy-l4 alone in the same storm.
func TestReloadStormStock(t *testing.T) {
	if !soaking {
		t.Skip("a comparison: make soak prints it")
	}
	s, p := newStorm(t), &process{of: &stock}
	p.start(t, s.stockConfig(0), "")
	s.start(16)
	began := time.Now()
	reloads := s.blow(t, 100*time.Millisecond, func(i int64) error { return p.reload(t, s.stockConfig(i), "") }, func(reloads int64) bool { return reloads == 100 })
	s.stop()
	failed, why := s.failures()
	t.Logf("stock: %d reloads in %v: %d connections, %d lost: %s", reloads, time.Since(began).Round(time.Millisecond), s.made.Load(), failed, why)
	if s.made.Load() == 0 {
		t.Error("nothing was served")
	}
}

// A reload from a plain listener to a durable one takes over the address.
func TestReloadToDurable(t *testing.T) {
	const clients = 4
	s := newStorm(t)
	plain := func() string {
		return "layer4 {\n " + s.address + " {\n route {\n passthrough {\n server s0 " + s.origins[0] + "\n }\n }\n }\n}"
	}
	p := start(t, plain(), "")
	s.start(clients)
	time.Sleep(100 * time.Millisecond)
	if err := p.reload(t, s.config(0), ""); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	s.stop()
	failed, why := s.failures()
	t.Logf("%d connections, %d lost with the plain listener: %s", s.made.Load(), failed, why)
	if failed > clients { // connections in its queue when it closed
		t.Errorf("%d clients at a time have lost %d connections", clients, failed)
	}
	c, err := net.DialTimeout("tcp", s.address, patience)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
