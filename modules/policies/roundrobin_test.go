// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// openPool opens a pool of servers A, B, C ... with the given weights.
func openPool(t testing.TB, r *pool.Registry, p pool.Policy, weights ...int) *pool.Pool {
	t.Helper()
	c := pool.Config{Backend: "b", Policy: p}
	for i, w := range weights {
		c.Servers = append(c.Servers, pool.ServerConfig{Name: string(rune('A' + i)), Weight: w})
	}
	opened, err := r.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

func sequence(t testing.TB, p *pool.Pool, n int) string {
	t.Helper()
	var s strings.Builder
	for range n {
		s.WriteString(pick(t, p, new(pool.Request)))
	}
	return s.String()
}

func pick(t testing.TB, p *pool.Pool, r *pool.Request) string {
	t.Helper()
	l, err := p.Acquire(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	l.Release(pool.Served)
	return l.Server.Name
}

// The sequences were recorded from HAProxy with one thread.
func TestRoundRobinSequences(t *testing.T) {
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{[]int{1}, "AAAA"},
		{[]int{1, 1, 1}, "ABCABCABCABC"},
		{[]int{3, 1}, "AAABAAABAAAB"},
		{[]int{5, 3, 2}, "ABACABABACABACABABAC"},
		{[]int{0, 1, 1}, "BCBCBC"},
	} {
		var reg pool.Registry
		p := openPool(t, &reg, new(RoundRobin), c.weights...)
		if got := sequence(t, p, len(c.want)); got != c.want {
			t.Errorf("weights %v: %s, want %s", c.weights, got, c.want)
		}
	}
}

// At any time each server has had its share to within two turns, for any weights.
func TestRoundRobinIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 256), 1, 12).Draw(t, "weights")
		var (
			reg   pool.Registry
			c     = pool.Config{Backend: "b", Policy: new(RoundRobin)}
			total int
		)
		for i, w := range weights {
			c.Servers = append(c.Servers, pool.ServerConfig{Name: fmt.Sprint(i), Weight: w})
			total += w
		}
		p, err := reg.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		n := rapid.IntRange(1, 3*total).Draw(t, "picks")
		for range n {
			l, err := p.Acquire(context.Background(), new(pool.Request))
			if err != nil {
				t.Fatal(err)
			}
			l.Release(pool.Served)
		}
		for i, s := range p.Servers() {
			share := float64(n) * float64(weights[i]) / float64(total)
			if off := float64(s.Taken()) - share; off <= -2 || off >= 2 {
				t.Fatalf("server %d of weights %v: %d turns of %d, its share is %.2f", i, weights, s.Taken(), n, share)
			}
		}
	})
}

func TestRoundRobinAvoids(t *testing.T) {
	var reg pool.Registry
	p := openPool(t, &reg, new(RoundRobin), 1, 1, 1)
	var r pool.Request
	got := ""
	for range 3 {
		l, err := p.Acquire(context.Background(), &r)
		if err != nil {
			t.Fatal(err)
		}
		got += l.Server.Name
		r.Avoid(l.Server)
		l.Release(pool.ConnectFailed)
	}
	if got != "ABC" {
		t.Errorf("retries went to %s, want ABC", got)
	}
	if _, err := p.Acquire(context.Background(), &r); err == nil {
		t.Error("a server was picked although all are avoided")
	}
}

// A server that is avoided loses its turns: it does not get them all at once later.
func TestRoundRobinForgetsMissedTurns(t *testing.T) {
	var reg pool.Registry
	p := openPool(t, &reg, new(RoundRobin), 1, 1)
	sequence(t, p, 2)
	var r pool.Request
	r.Avoid(p.Servers()[0])
	for range 50 {
		pick(t, p, &r)
	}
	if got := sequence(t, p, 8); strings.Contains(got, "AAA") {
		t.Errorf("after its absence A got a burst: %s", got)
	}
}

func TestRoundRobinKeepsItsPosition(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []int
		taken  int
		after  []int
		next   string
	}{
		{"same servers", []int{1, 1, 1}, 4, []int{1, 1, 1}, "BCABC"},
		{"same weights", []int{5, 3, 2}, 3, []int{5, 3, 2}, "CABABACABA"},
		{"a server less", []int{1, 1, 1}, 4, []int{1, 1}, "BAB"},
		{"a server more", []int{1, 1}, 3, []int{1, 1, 1}, "BACBAC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var reg pool.Registry
			old := openPool(t, &reg, new(RoundRobin), c.before...)
			sequence(t, old, c.taken)
			p := openPool(t, &reg, new(RoundRobin), c.after...)
			if got := sequence(t, p, len(c.next)); got != c.next {
				t.Errorf("went on with %s, want %s", got, c.next)
			}
		})
	}
}

// The order after servers get another weight, leave and return is HAProxy's after the same changes
// over its runtime API.
func TestRoundRobinWithChanges(t *testing.T) {
	type change struct{ what, want string }
	for _, c := range []struct {
		weights []int
		changes []change
	}{
		{[]int{3, 10, 3}, []change{
			{"", "BBABBCBABBCBBABCBBABB"},
			{"B weight 3", "CABCACBACBACBACB"},
			{"C weight 3", "A"},
			{"A weight 20", "ACBAAAAAACABAAAAAACBAAAAA"},
			{"C disabled", "AABAAAAAAABAAA"},
			{"C weight 7", "AAABAAAAAAABAAAAAA"},
			{"B disabled", "AAAAAAAAAAAAAAAAAAAAA"},
			{"B weight 1", "AAAA"},
			{"A weight 7", "AAAAAAAAAAAAA"},
			{"B weight 0", "AAAAAAAAAAAAAAAA"},
			{"A weight 3", "AAAAAAA"},
			{"C enabled", "ACCACCCACCACCACCCACCAC"},
			{"C disabled", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		}},
		{[]int{3, 10, 100, 10, 2}, []change{
			{"", "CCCCB"},
			{"C weight 4", "DADEDCDABDBDC"},
			{"A weight 1", "BDEBDCBDBDBDCBDEBDCBDB"},
			{"B weight 7", "BA"},
			{"B weight 50", "BBDBCBBBE"},
			{"D weight 1", "BBBBBBBB"},
			{"C weight 20", "BBCBBCB"},
			{"B disabled", "ACCCCCCCCCCCCECCC"},
			{"D weight 3", "CCDCCCA"},
			{"E weight 7", "ECCCECDCCECCCECCDECC"},
			{"E disabled", "CCCCACCDCCCCCCCDCCCCC"},
			{"B weight 7", "CDCCCCCACCDCCCCC"},
			{"D weight 50", "D"},
			{"C disabled", "DDDDDDDDDDDDDDDDDDADDDDDDDDDDD"},
		}},
	} {
		var (
			reg  pool.Registry
			list []pool.ServerConfig
		)
		for i, w := range c.weights {
			list = append(list, pool.ServerConfig{Name: string(rune('A' + i)), Weight: w})
		}
		for i, step := range c.changes {
			if words := strings.Fields(step.what); len(words) > 0 {
				s := &list[words[0][0]-'A']
				switch words[1] {
				case "weight":
					fmt.Sscan(words[2], &s.Weight)
				case "disabled", "enabled":
					s.Disabled = words[1] == "disabled"
				}
			}
			p, err := reg.Open(pool.Config{Backend: "b", Policy: new(RoundRobin), Servers: slices.Clone(list)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			if got := sequence(t, p, len(step.want)); got != step.want {
				t.Errorf("weights %v, change %d (%s): %s, want %s", c.weights, i, step.what, got, step.want)
				break
			}
		}
	}
}

// Names that never come back are forgotten.
func TestRoundRobinForgetsServers(t *testing.T) {
	var (
		reg  pool.Registry
		last *RoundRobin
	)
	for i := range 3 * remembered {
		last = new(RoundRobin)
		p, err := reg.Open(pool.Config{Backend: "b", Policy: last, Servers: []pool.ServerConfig{{Name: fmt.Sprint(i), Weight: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		pick(t, p, new(pool.Request))
	}
	if n := len(last.actives.servers); n > remembered+1 {
		t.Errorf("%d servers are remembered, of which one is left", n)
	}
}

// The backups have a round robin of their own.
func TestRoundRobinOfBackups(t *testing.T) {
	var (
		reg pool.Registry
		got string
	)
	for _, down := range []bool{false, true, false, true} {
		p, err := reg.Open(pool.Config{Backend: "b", Policy: new(RoundRobin), AllBackups: true, Servers: []pool.ServerConfig{
			{Name: "A", Weight: 2, Disabled: down},
			{Name: "B", Weight: 1, Disabled: down},
			{Name: "X", Weight: 1, Backup: true},
			{Name: "Y", Weight: 1, Backup: true},
			{Name: "Z", Weight: 1, Backup: true},
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		got += sequence(t, p, 4) + " "
	}
	if want := "AABA XYZX AABA YZXY "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRoundRobinWithoutServers(t *testing.T) {
	if s := new(RoundRobin).Pick(pool.View{}, new(pool.Request)); s != nil {
		t.Errorf("picked %v from nothing", s)
	}
}
