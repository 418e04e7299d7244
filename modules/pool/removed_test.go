// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A session of a removed server ends after the timeout, whenever that is set, and continues if the
// server comes back before. Other sessions continue.
func TestRemovedServerTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		before time.Duration               // the timeout when the server is removed
		after  func(*testing.T, *Registry) // runs a minute later
		want   time.Duration               // when the session ends, from the removal on; 0: never
	}{
		"in time":             {3 * time.Minute, func(*testing.T, *Registry) {}, 3 * time.Minute},
		"never":               {-1, func(*testing.T, *Registry) {}, 0},
		"said later":          {0, func(_ *testing.T, r *Registry) { r.SetRemovedTimeout(2 * time.Minute) }, 2 * time.Minute},
		"said later, over":    {0, func(_ *testing.T, r *Registry) { r.SetRemovedTimeout(time.Second) }, time.Minute},
		"taken back":          {3 * time.Minute, func(_ *testing.T, r *Registry) { r.SetRemovedTimeout(-1) }, 0},
		"it comes back":       {3 * time.Minute, func(t *testing.T, r *Registry) { open(t, r, "s1", "s2").Activate() }, 0},
		"its backend is gone": {3 * time.Minute, nil, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := new(Registry)
				r.SetRemovedTimeout(c.before)
				first := open(t, r, "s1", "s2")
				first.Activate()
				other := new(Request)
				other.Avoid(first.Servers()[0])
				leases := []*Lease{acquire(t, first, new(Request)), acquire(t, first, other)}
				var mu sync.Mutex
				began, cut := time.Now(), make(map[string]time.Duration)
				for _, l := range leases {
					l.OnEvict(HolderFunc(func(why EvictReason) {
						if why != EvictServerRemoved {
							t.Errorf("cut because of %v", why)
						}
						mu.Lock()
						defer mu.Unlock()
						cut[l.Server.Name] = time.Since(began)
					}))
				}
				if c.after != nil {
					open(t, r, "s1").Activate()
				}
				first.Close()
				time.Sleep(time.Minute)
				if c.after != nil {
					c.after(t, r)
				}
				time.Sleep(time.Hour)
				mu.Lock()
				defer mu.Unlock()
				if got := cut["s2"]; got != c.want {
					t.Errorf("s2's session is cut after %v, want %v", got, c.want)
				}
				if got, gone := cut["s1"]; gone != (c.after == nil) {
					t.Errorf("s1's session is cut after %v", got)
				}
				for _, l := range leases {
					l.Release(Served)
				}
			})
		})
	}
}
