// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

func TestMain(m *testing.M) { programs.VerifyNoLeaks(m) }

// inOrder picks the first server that is not avoided, and counts its adoptions.
type inOrder struct {
	picks   int
	adopted []Policy
}

func (p *inOrder) Pick(v View, r *Request) *Server {
	p.picks++
	for _, s := range v.Servers {
		if !r.Avoids(s) {
			return s
		}
	}
	return nil
}

func (p *inOrder) Adopt(old Policy) { p.adopted = append(p.adopted, old) }

func servers(names ...string) (list []ServerConfig) {
	for _, n := range names {
		list = append(list, ServerConfig{Name: n, Address: n + ".test:443", Weight: 1})
	}
	return list
}

func open(t testing.TB, r *Registry, names ...string) *Pool {
	t.Helper()
	p, err := r.Open(Config{Backend: "b", Servers: servers(names...), Policy: new(inOrder)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func acquire(t testing.TB, p *Pool, r *Request) *Lease {
	t.Helper()
	l, err := p.Acquire(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func wantEmpty(t interface{ Errorf(string, ...any) }, r *Registry) {
	if len(r.backends) != 0 {
		t.Errorf("left in the registry: %v", r.backends)
	}
}

func TestReleaseIsIdempotent(t *testing.T) {
	var reg Registry
	p := open(t, &reg, "s1")
	defer p.Close()
	a, b := acquire(t, p, new(Request)), acquire(t, p, new(Request))
	s := p.Servers()[0]
	if s.Sessions() != 2 || s.Taken() != 2 {
		t.Fatalf("sessions %d taken %d, want 2 and 2", s.Sessions(), s.Taken())
	}
	a.Release(ConnectFailed)
	a.Release(ConnectFailed)
	a.Release(Served)
	if s.Sessions() != 1 || s.Failed() != 1 {
		t.Errorf("sessions %d failed %d, want 1 and 1", s.Sessions(), s.Failed())
	}
	b.Release(NotTried)
	if s.Sessions() != 0 || s.Failed() != 1 || s.Taken() != 2 {
		t.Errorf("sessions %d failed %d taken %d, want 0, 1, 2", s.Sessions(), s.Failed(), s.Taken())
	}
}

func TestAvoidAndForgive(t *testing.T) {
	var reg Registry
	p := open(t, &reg, "s1", "s2")
	defer p.Close()
	var r Request
	for _, want := range []string{"s1", "s2"} {
		l := acquire(t, p, &r)
		if l.Server.Name != want {
			t.Fatalf("got %s, want %s", l.Server.Name, want)
		}
		l.Release(ConnectFailed)
		r.Avoid(l.Server)
	}
	if _, err := p.Acquire(context.Background(), &r); !errors.Is(err, ErrNoServer) {
		t.Errorf("all avoided: got %v, want %v", err, ErrNoServer)
	}
	r.ClearAvoided()
	l := acquire(t, p, &r)
	l.Failed()
	if l.Server.Sessions() != 1 || l.Server.Failed() != 2 {
		t.Errorf("after another attempt: %d sessions, %d failed", l.Server.Sessions(), l.Server.Failed())
	}
	l.Release(Served)
}

func TestAcquireEnds(t *testing.T) {
	var reg Registry
	p := open(t, &reg, "s1")
	defer p.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Acquire(ctx, new(Request)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWeightZeroIsNeverOffered(t *testing.T) {
	var reg Registry
	list := servers("s1", "s2")
	list[0].Weight = 0
	p, err := reg.Open(Config{Backend: "b", Servers: list, Policy: new(inOrder)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	l := acquire(t, p, new(Request))
	defer l.Release(Served)
	if l.Server.Name != "s2" || l.Server.ID != 2 || len(p.Servers()) != 2 {
		t.Errorf("got %s (id %d) of %d", l.Server.Name, l.Server.ID, len(p.Servers()))
	}
}

// Connections go to the actives, or else to a backup, or else to no server.
func TestBackupsAndDisabledServers(t *testing.T) {
	var reg Registry
	for _, c := range []struct {
		servers    string // a active, b backup, upper case disabled, a digit after it for weight 0
		allBackups bool
		want       string // indices of the servers in the view
	}{
		{"aa", false, "12"},
		{"ab", false, "1"},
		{"ba", false, "2"},
		{"Ab", false, "2"},
		{"a0b", false, "2"},
		{"Aa", false, "2"},
		{"Abb", false, "2"},
		{"Abb", true, "23"},
		{"aBb", true, "1"},
		{"AB", false, ""},
		{"AB", true, ""},
		{"ABb", false, "3"},
		{"Ab0b", false, "3"},
		{"ABbb", true, "34"},
		{"", false, ""},
	} {
		var list []ServerConfig
		for i := 0; i < len(c.servers); i++ {
			kind := c.servers[i]
			s := ServerConfig{Name: fmt.Sprint(len(list) + 1), Weight: 1, Backup: kind|0x20 == 'b', Disabled: kind < 'a'}
			if i+1 < len(c.servers) && c.servers[i+1] == '0' {
				s.Weight = 0
				i++
			}
			list = append(list, s)
		}
		p, err := reg.Open(Config{Backend: "b", Servers: list, AllBackups: c.allBackups, Policy: new(inOrder)})
		if err != nil {
			t.Fatal(err)
		}
		n, got := p.UsableActives(), ""
		view := p.backend.Load().view
		for _, s := range view.Servers {
			got += s.Name
		}
		if got != c.want {
			t.Errorf("%s, all backups %v: %q, want %q", c.servers, c.allBackups, got, c.want)
		}
		actives := 0
		if got != "" && !view.Servers[0].Backup {
			actives = len(got)
		}
		if n != actives {
			t.Errorf("%s, all backups %v: %d actives, want %d", c.servers, c.allBackups, n, actives)
		}
		if _, err := p.Acquire(t.Context(), new(Request)); (c.want == "") != errors.Is(err, ErrNoServer) {
			t.Errorf("%s, all backups %v: %v", c.servers, c.allBackups, err)
		}
		p.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	var reg Registry
	if _, err := reg.Open(Config{Backend: "b", Servers: servers("s1", "s1"), Policy: new(inOrder)}); err == nil {
		t.Error("two servers of one name were taken")
	}
	if _, err := reg.Open(Config{Backend: "b", Servers: servers("s1")}); err == nil {
		t.Error("no policy was taken")
	}
	wantEmpty(t, &reg)
}

// A server's counts survive a reload, its removal while sessions exist, and a lease taken after its
// configuration has ended.
func TestCountsOutliveConfigurations(t *testing.T) {
	var reg Registry
	p1 := open(t, &reg, "s1", "s2")
	held := acquire(t, p1, new(Request))
	p2 := open(t, &reg, "s2")
	p1.Close()
	p1.Close()
	late := acquire(t, p1, new(Request))
	p3 := open(t, &reg, "s1")
	p2.Close()
	if s := p3.Servers()[0]; s.Sessions() != 2 || s.Taken() != 2 {
		t.Errorf("s1 came back with %d sessions, %d taken; want 2 and 2", s.Sessions(), s.Taken())
	}
	held.Release(Served)
	late.Release(Served)
	if n := p3.Servers()[0].Sessions(); n != 0 {
		t.Errorf("%d sessions left", n)
	}
	p3.Close()
	wantEmpty(t, &reg)
}

// The position goes to the configuration that serves, not to one that was opened and never used.
func TestPositionIsAdoptedByTheFirstPick(t *testing.T) {
	var reg Registry
	p1, unused, p2 := open(t, &reg, "s1"), open(t, &reg, "s1"), open(t, &reg, "s1")
	acquire(t, p1, new(Request)).Release(Served)
	unused.Close()
	p1.Close()
	acquire(t, p2, new(Request)).Release(Served)
	acquire(t, p2, new(Request)).Release(Served)
	defer p2.Close()
	if got := p2.policy.(*inOrder).adopted; len(got) != 1 || got[0] != p1.policy {
		t.Errorf("adopted %v, want the first pool's policy once", got)
	}
	if got := unused.policy.(*inOrder); got.picks != 0 || len(got.adopted) != 0 {
		t.Errorf("the unused pool's policy was used: %+v", got)
	}
}

// TestCountsMatchAModel opens and closes configurations and takes and releases leases at random,
// and compares every count with a simple model.
func TestCountsMatchAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			reg    Registry
			pools  []*Pool
			leases []*Lease
			model  = map[string]int64{}
		)
		one := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				var names []string
				for i := range 1 + one("servers", 3) {
					names = append(names, fmt.Sprintf("s%d", i+one("from", 2)))
				}
				if p, err := reg.Open(Config{Backend: "b", Servers: servers(names...), Policy: new(inOrder)}); err == nil {
					pools = append(pools, p)
				}
			},
			"close": func(t *rapid.T) {
				if len(pools) > 0 {
					pools[one("pool", len(pools))].Close()
				}
			},
			"acquire": func(t *rapid.T) {
				if len(pools) == 0 {
					t.Skip("no pool")
				}
				l, err := pools[one("pool", len(pools))].Acquire(context.Background(), new(Request))
				if err != nil {
					t.Fatal(err)
				}
				leases = append(leases, l)
				model[l.Server.Name]++
			},
			"release": func(t *rapid.T) {
				if len(leases) == 0 {
					t.Skip("no lease")
				}
				l := leases[one("lease", len(leases))]
				if !l.released {
					model[l.Server.Name]--
				}
				l.Release(Served)
			},
			"": func(t *rapid.T) {
				var states map[string]*state
				if b := reg.backends["b"]; b != nil {
					states = b.states
				}
				for name, s := range states {
					if got := s.sessions.Load(); got != model[name] {
						t.Fatalf("%v: %d sessions, the model has %d", name, got, model[name])
					}
				}
				for name, n := range model {
					if states[name] == nil && n != 0 {
						t.Fatalf("%s was forgotten with %d sessions", name, n)
					}
				}
			},
		})
		for _, l := range leases {
			l.Release(Served)
		}
		for _, p := range pools {
			p.Close()
		}
		wantEmpty(t, &reg)
	})
}

// anyServer is a stateless policy, for tests under contention.
type anyServer struct{}

func (anyServer) Pick(v View, _ *Request) *Server { return v.Servers[0] }

// TestNoLeaseIsLostUnderContention reloads while leases are taken and released.
func TestNoLeaseIsLostUnderContention(t *testing.T) {
	var (
		reg Registry
		wg  sync.WaitGroup
		cur = make(chan *Pool, 1)
	)
	fresh := func() *Pool {
		p, err := reg.Open(Config{Backend: "b", Servers: servers("s1"), Policy: anyServer{}})
		if err != nil {
			t.Error(err)
		}
		return p
	}
	cur <- fresh()
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				p := <-cur
				cur <- p
				if l, err := p.Acquire(context.Background(), new(Request)); err != nil {
					t.Error(err)
				} else {
					l.Release(Served)
				}
			}
		})
	}
	wg.Go(func() {
		for range 500 {
			next := fresh()
			old := <-cur
			cur <- next
			old.Close()
		}
	})
	wg.Wait()
	last := <-cur
	if s := last.Servers()[0]; s.Sessions() != 0 || s.Taken() != 16000 {
		t.Errorf("sessions %d, taken %d; want 0 and 16000", s.Sessions(), s.Taken())
	}
	last.Close()
	wantEmpty(t, &reg)
}
