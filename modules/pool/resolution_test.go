// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slots returns servers that have no address until Resolve sets one.
func slots(names ...string) (list []ServerConfig) {
	for _, n := range names {
		list = append(list, ServerConfig{Name: n, Weight: 10, Resolvable: true, Awaits: true})
	}
	return list
}

func openServers(t testing.TB, r *Registry, notify func(Event), list ...ServerConfig) *Pool {
	t.Helper()
	p, err := r.Open(Config{Backend: "b", Servers: list, Policy: new(inOrder), Notify: notify})
	if err != nil {
		t.Fatal(err)
	}
	p.Activate()
	return p
}

func statusOf(t testing.TB, r *Registry, server string) ServerStatus {
	t.Helper()
	b, ok := r.Backend("b")
	i := slices.IndexFunc(b.Servers, func(s ServerStatus) bool { return s.Name == server })
	if !ok || i < 0 {
		t.Fatalf("%s: no such server", server)
	}
	return b.Servers[i]
}

func at(address string) Resolution { return Resolution{Address: address, Weight: -1} }

func resolveTo(t testing.TB, r *Registry, server string, to Resolution) {
	t.Helper()
	if err := r.Resolve(Ref{"b", server}, to, "test"); err != nil {
		t.Fatal(err)
	}
}

func expectServer(t testing.TB, r *Registry, server, want string) {
	t.Helper()
	s := statusOf(t, r, server)
	got := s.State()
	if s.Unresolved {
		got += " unresolved"
	}
	if got += " " + s.Address; strings.TrimSpace(got) != want {
		t.Errorf("%s: %s, want %s", server, got, want)
	}
}

// A server without an address is in maintenance until one is found, again when it is gone,
// and its address and sessions outlive reloads.
func TestResolve(t *testing.T) {
	var r Registry
	var log []string
	note := func(e Event) {
		if e.Server != "" {
			log = append(log, strings.TrimSpace(strings.Join([]string{e.Server, eventNames[e.Kind], e.Result.Info, e.From, e.To}, " ")))
		}
	}
	p := openServers(t, &r, note, slots("a", "b")...)
	expectServer(t, &r, "a", "maint unresolved")
	if _, err := p.Acquire(context.Background(), new(Request)); !errors.Is(err, ErrNoServer) {
		t.Fatal(err)
	}
	if _, err := p.Acquire(context.Background(), &Request{Server: "a", Forced: true}); !errors.Is(err, ErrNoServer) {
		t.Fatalf("a connection that is forced to a server without address: %v", err)
	}
	resolveTo(t, &r, "b", at("10.0.0.2:443"))
	expectServer(t, &r, "b", "up 10.0.0.2:443")
	l := acquire(t, p, new(Request))
	if l.Server.Name != "b" || l.Server.Address != "10.0.0.2:443" {
		t.Errorf("%s %s", l.Server.Name, l.Server.Address)
	}
	resolveTo(t, &r, "b", at("10.0.0.3:443"))
	resolveTo(t, &r, "b", at("10.0.0.3:443"))
	next := openServers(t, &r, note, slots("b", "c")...)
	p.Close()
	expectServer(t, &r, "b", "up 10.0.0.3:443")
	expectServer(t, &r, "c", "maint unresolved")
	resolveTo(t, &r, "b", at(""))
	expectServer(t, &r, "b", "maint unresolved")
	if s := statusOf(t, &r, "b"); s.Sessions != 1 || s.Admin != Maint {
		t.Errorf("%+v", s)
	}
	l.Release(Served)
	want := []string{"b up again test", "b moved test 10.0.0.2:443 10.0.0.3:443", "b maintenance test"}
	if !slices.Equal(log, want) {
		t.Errorf("events %q, want %q", log, want)
	}
	next.Close()
	if !r.Empty() {
		t.Error("the registry still holds something")
	}
}

var eventNames = map[EventKind]string{MaintStarted: "maintenance", MaintEnded: "up again", AddressChanged: "moved"}

// A server of a reload that is not resolvable has the configured address, as does one without a
// resolution that does not wait for one.
func TestResolveConfigured(t *testing.T) {
	var r Registry
	p := openServers(t, &r, nil, slots("a", "b")...)
	resolveTo(t, &r, "a", at("10.0.0.2:443"))
	list := servers("a", "b")
	list[1].Resolvable = true
	next := openServers(t, &r, nil, list...)
	p.Close()
	defer next.Close()
	expectServer(t, &r, "a", "up a.test:443")
	expectServer(t, &r, "b", "up b.test:443")
	if err := r.Resolve(Ref{"b", "a"}, at("10.0.0.1:1"), ""); !errors.Is(err, ErrNotResolved) {
		t.Error(err)
	}
	if err := r.Resolve(Ref{"b", "x"}, at("10.0.0.1:1"), ""); !errors.Is(err, ErrNoSuchServer) {
		t.Error(err)
	}
	resolveTo(t, &r, "b", at(""))
	expectServer(t, &r, "b", "maint unresolved b.test:443")
	resolveTo(t, &r, "b", at("10.0.0.9:443"))
	expectServer(t, &r, "b", "up 10.0.0.9:443")
}

// Values that an operator sets stay until the DNS finds something else; a weight of the DNS is that
// of the configuration.
func TestResolveAndOperator(t *testing.T) {
	var r Registry
	p := openServers(t, &r, nil, slots("a", "b")...)
	defer p.Close()
	change := func(c Change) {
		t.Helper()
		if _, err := r.Change("b", "a", c); err != nil {
			t.Fatal(err)
		}
	}
	change(Change{Address: "10.9.9.9:443"})
	expectServer(t, &r, "a", "up 10.9.9.9:443")
	resolveTo(t, &r, "b", Resolution{Address: "10.0.0.2:443", Weight: 7})
	resolveTo(t, &r, "a", Resolution{Address: "10.0.0.1:443", Weight: 7})
	expectServer(t, &r, "a", "up 10.0.0.1:443")
	change(Change{Weight: "3"})
	change(Change{Admin: new(Drain)})
	resolveTo(t, &r, "a", Resolution{Address: "10.0.0.4:443", Weight: 7})
	if s := statusOf(t, &r, "a"); s.Weight != 3 || s.State() != "drain" || s.Address != "10.0.0.4:443" {
		t.Errorf("weight %d, %s, %s", s.Weight, s.State(), s.Address)
	}
	resolveTo(t, &r, "a", Resolution{Address: "10.0.0.4:443", Weight: 8})
	if s := statusOf(t, &r, "a"); s.Weight != 8 {
		t.Errorf("weight %d", s.Weight)
	}
	change(Change{Admin: new(Maint)})
	resolveTo(t, &r, "a", at(""))
	change(Change{Admin: new(Ready)})
	expectServer(t, &r, "a", "maint unresolved")
}

// Another server in the place of one starts anew: with its own checks and a slow start. One that
// only moves keeps its health.
func TestResolveAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		list := slots("a", "b")
		for i := range list {
			list[i].Check, list[i].SlowStart = checked(script("-")), 10*time.Second
		}
		p := openServers(t, &r, nil, list...)
		defer p.Close()
		time.Sleep(time.Millisecond) // after the first check of a, which is due at once
		if err := r.ResolveAll("b", []Resolved{{"a", at("10.0.0.1:443")}, {"b", at("10.0.0.2:443")}, {"x", at("10.0.0.3:443")}}, "test"); err != nil {
			t.Fatal(err)
		}
		expectServer(t, &r, "a", "up 10.0.0.1:443")
		time.Sleep(3 * time.Second)
		expectServer(t, &r, "a", "down 10.0.0.1:443")
		resolveTo(t, &r, "a", at("10.0.0.3:443"))
		expectServer(t, &r, "a", "down 10.0.0.3:443")
		resolveTo(t, &r, "b", Resolution{Address: "10.0.0.4:443", Weight: -1, Anew: true})
		s := statusOf(t, &r, "b")
		if s.State() != "up" || s.Share >= s.Weight*Scale {
			t.Errorf("%s, %d of %d", s.State(), s.Share, s.Weight*Scale)
		}
		time.Sleep(time.Second)
		expectServer(t, &r, "b", "down 10.0.0.4:443")
	})
}

// The sessions at an address that a server has left end after the timeout, unless it is back.
func TestRemovedTimeoutOfAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		r.SetRemovedTimeout(time.Minute)
		p := openServers(t, &r, nil, slots("a")...)
		defer p.Close()
		var mu sync.Mutex
		ended := make(map[string]time.Duration)
		began := time.Now()
		session := func(name string) {
			l := acquire(t, p, new(Request))
			l.OnEvict(HolderFunc(func(EvictReason) {
				mu.Lock()
				ended[name] = time.Since(began)
				mu.Unlock()
				l.Release(Served)
			}))
		}
		for _, step := range []string{"one", "two", "one", "three", ""} {
			resolveTo(t, &r, "a", at(step))
			if step != "" {
				session(step)
			}
			time.Sleep(10 * time.Second)
		}
		all, err := r.Slots("b")
		if err != nil || len(all) != 1 || !slices.Equal(all[0].Former, []string{"two", "one", "three"}) {
			t.Errorf("%+v, %v", all, err)
		}
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if ended["two"] != 80*time.Second || ended["one"] != 90*time.Second || ended["three"] != 100*time.Second {
			t.Errorf("%v", ended)
		}
	})
}
