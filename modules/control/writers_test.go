// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// A hundred callers change, add, remove, drop, clear and read at the same time, while connections
// take leases.
func TestManyWriters(t *testing.T) {
	var configs []pool.ServerConfig
	for i := range 10 {
		configs = append(configs, pool.ServerConfig{Name: fmt.Sprint("s", i), Address: "10.0.0.1:443", Weight: 1})
	}
	b, p := serving(t, configs...)
	var writers sync.WaitGroup
	for n := range 100 {
		writers.Go(func() {
			s := fmt.Sprint("s", n%10)
			for i := range 20 {
				for _, c := range []ServerChange{
					{Weight: fmt.Sprint(1 + i)},
					{MaxConn: new(i)},
					{Address: fmt.Sprintf("10.0.%d.1", i)},
					{Admin: new(pool.Drain)},
					{Admin: new(pool.Ready)},
					{Health: new(pool.HealthDown)},
					{Health: new(pool.HealthUp)},
				} {
					if _, err := ChangeServer(BySocket, b, s, c); err != nil && !errors.Is(err, ErrUnknown) {
						t.Errorf("%+v: %v", c, err)
					}
				}
				if l, err := p.Acquire(t.Context(), new(pool.Request)); err == nil {
					l.Release(pool.Served)
				}
				switch n % 10 {
				case 0:
					ClearCounters(ByAdmin, i%2 == 0)
				case 1:
					_, _ = Backends(), Overrides()
				case 2:
					_, _ = DropOverride(ByAdmin, b, s, "", "")
				case 3:
					_, _ = ChangeServer(ByAdmin, b, "s9", ServerChange{Admin: new(pool.Maint)})
					_ = RemoveServer(ByAdmin, b, "s9")
				case 4:
					_, _, _ = CheckHistory(b, s)
				}
			}
		})
	}
	writers.Wait()
	DropAllOverrides(ByAdmin)
	for _, o := range Overrides() {
		if o.Backend == b {
			t.Errorf("left: %+v", o)
		}
	}
	status, err := BackendOf(b)
	if err != nil || len(status.Servers) != 10 || status.Sessions != 0 {
		t.Errorf("%d servers with %d sessions, %v", len(status.Servers), status.Sessions, err)
	}
	for i := range status.Servers {
		if s := &status.Servers[i]; s.Address != "10.0.0.1:443" || s.Weight != 1 || s.MaxConn != 0 || s.Admin != pool.Ready {
			t.Errorf("%+v", s.ServerConfig)
		}
	}
}

func TestClearCounters(t *testing.T) {
	b, p := serving(t, pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 1})
	var held []*pool.Lease
	for range 3 {
		l, err := p.Acquire(t.Context(), new(pool.Request))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
	}
	held[0].Release(pool.ConnectFailed)
	held[1].Release(pool.Served)
	check := func(what string, taken, failed uint64, highest int) {
		t.Helper()
		s, err := ServerOf(b, "s1")
		if err != nil || s.Taken != taken || s.Failed != failed || s.MaxSessions != highest || s.Sessions != 1 {
			t.Errorf("%s: taken %d, failed %d, highest %d, sessions %d, %v", what, s.Taken, s.Failed, s.MaxSessions, s.Sessions, err)
		}
	}
	check("before", 3, 1, 3)
	ClearCounters(BySocket, false)
	check("highest", 3, 1, 0)
	ClearCounters(BySocket, true)
	check("all", 0, 0, 0)
	held[2].Release(pool.Served)
}
