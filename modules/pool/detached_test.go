// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"runtime"
	"testing"
	"time"
	"weak"
)

// heavy is a checker with much memory, which only its configuration needs.
type heavy struct{ _ [1 << 16]byte }

func (*heavy) Check(context.Context, Target) Result { return Result{Code: Layer4OK} }

// ring is a policy with much memory.
type ring struct {
	inOrder
	_ [1 << 16]byte
}

// A session that outlives its configuration keeps neither the policy nor the checker in memory,
// whatever replaces the configuration.
func TestSessionKeepsNoConfiguration(t *testing.T) {
	for name, next := range map[string]func(*testing.T, *Registry) *Pool{
		"same servers":      func(t *testing.T, r *Registry) *Pool { return open(t, r, "s1", "s2") },
		"another server":    func(t *testing.T, r *Registry) *Pool { return open(t, r, "s2") },
		"no servers":        func(t *testing.T, r *Registry) *Pool { return open(t, r) },
		"no backend at all": nil,
	} {
		t.Run(name, func(t *testing.T) {
			var r Registry
			lease, policy, checker := heldSession(t, &r, next)
			for over := time.Now().Add(time.Minute); policy.Value() != nil || checker.Value() != nil; time.Sleep(time.Millisecond) {
				if time.Now().After(over) {
					t.Fatalf("in memory: policy %v, checker %v", policy.Value() != nil, checker.Value() != nil)
				}
				runtime.GC()
			}
			if s := lease.Server; s.Name != "s1" || s.Address != "192.0.2.1:443" || s.Sessions() != 1 {
				t.Errorf("the lease is of %+v with %d sessions", s.ServerConfig, s.Sessions())
			}
			again := open(t, &r, "s1")
			again.Activate()
			if n := again.Servers()[0].Sessions(); n != 1 {
				t.Errorf("the server comes back with %d sessions, want 1", n)
			}
			lease.Release(Served)
			if n := again.Servers()[0].Sessions(); n != 0 {
				t.Errorf("%d sessions after the only one has ended", n)
			}
			again.Close()
		})
	}
}

// heldSession returns the lease of a session whose configuration has ended.
func heldSession(t *testing.T, r *Registry, next func(*testing.T, *Registry) *Pool) (*Lease, weak.Pointer[ring], weak.Pointer[heavy]) {
	t.Helper()
	policy, checker := new(ring), new(heavy)
	check := &Check{Checker: checker, Interval: time.Hour, Rise: 1, Fall: 1}
	p, err := r.Open(Config{Backend: "b", Policy: policy, Servers: []ServerConfig{
		{Name: "s1", Address: "192.0.2.1:443", Weight: 1, HealthConfig: HealthConfig{Check: check}}, {Name: "s2", Weight: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	lease := acquire(t, p, &Request{NextLease: new(Lease)})
	lease.OnEvict(HolderFunc(func(EvictReason) {}))
	if next != nil {
		n := next(t, r)
		n.Activate()
		n.policy.(*inOrder).adopted = nil
		t.Cleanup(n.Close)
	}
	p.Close()
	return lease, weak.Make(policy), weak.Make(checker)
}
