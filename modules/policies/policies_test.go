// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// named is a connection whose placeholders are all its name.
type named string

func (n named) Placeholders(string) string { return string(n) }

// served is who gets each of some requests, which stay.
func held(t testing.TB, c pool.Config, requests ...*pool.Request) string {
	t.Helper()
	var (
		reg pool.Registry
		s   strings.Builder
	)
	c.Backend, c.Policy = "b", provisioned(t, c.Policy)
	p, err := reg.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for _, r := range requests {
		l, err := p.Acquire(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Release(pool.Served) })
		s.WriteString(l.Server.Name)
	}
	return s.String()
}

func requests(n int) (list []*pool.Request) {
	for range n {
		list = append(list, new(pool.Request))
	}
	return list
}

// The sequences were taken from HAProxy.
func TestSequences(t *testing.T) {
	abc := func(weights ...int) (list []pool.ServerConfig) {
		for i, w := range weights {
			list = append(list, pool.ServerConfig{Name: string(rune('A' + i)), Weight: w})
		}
		return list
	}
	if got, want := held(t, pool.Config{Policy: new(StaticRR), Servers: abc(5, 3, 2)}, requests(20)...), "AABACABABCAABACABABC"; got != want {
		t.Errorf("static-rr: %s, want %s", got, want)
	}
	if got, want := held(t, pool.Config{Policy: new(StaticRR), Servers: abc(10, 0, 4)}, requests(7)...), "AAACAAC"; got != want {
		t.Errorf("static-rr with a common divisor: %s, want %s", got, want)
	}
	ids := []pool.ServerConfig{{Name: "A", Weight: 1, ID: 20, MaxConn: 2}, {Name: "B", Weight: 1, ID: 10, MaxConn: 2}, {Name: "C", Weight: 1, ID: 30, MaxConn: 2}}
	if got, want := held(t, pool.Config{Policy: new(First), Servers: ids}, requests(6)...), "BBAACC"; got != want {
		t.Errorf("first: %s, want %s", got, want)
	}
	if got := held(t, pool.Config{Policy: new(LeastConn), Servers: abc(3, 1)}, requests(12)...); strings.Count(got, "A") != 9 {
		t.Errorf("leastconn 3:1: %s, want 9 A and 3 B", got)
	}
	for method, want := range map[string]string{mapBased: "CCCCAAAAAAABBBBBBCCC", consistent: "CBCCABBAACAAAABCBCCB"} {
		var list []*pool.Request
		for i := range 20 {
			list = append(list, &pool.Request{Connection: named(fmt.Sprintf("h%d.example", i))})
		}
		if got := held(t, pool.Config{Policy: &Hash{Key: "sni", Hashing: Hashing{HashType: HashType{Type: method}}}, Servers: abc(1, 1, 1)}, list...); got != want {
			t.Errorf("hash %s: %s, want %s", method, got, want)
		}
	}
}

// Without a key the servers take turns.
func TestHashWithoutKey(t *testing.T) {
	servers := []pool.ServerConfig{{Name: "A", Weight: 2}, {Name: "B", Weight: 1}}
	for name, p := range map[string]pool.Policy{"sni": &Hash{Key: "sni"}, "expression": &Hash{Expression: "var(sess.none)"}, "source": new(Source)} {
		if got := held(t, pool.Config{Policy: p, Servers: servers}, requests(6)...); got != "ABAABA" && got != "AABAAB" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The table is HAProxy's: for each slot the servers' scores grow by their weights,
// the first of those with the largest (score+total)/total gets it and loses total.
func TestTableMatchesTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 40), 1, 8).Draw(t, "weights")
		var v pool.View
		total, divisor := 0, 0
		for _, w := range weights {
			v.Servers, v.Weights = append(v.Servers, new(pool.Server)), append(v.Weights, w)
			total += w
			divisor = gcd(w, divisor)
		}
		var got table
		got.build(v)
		total /= divisor
		scores := make([]int, len(weights))
		for slot := range total {
			best, most := -1, 0
			for i, w := range weights {
				scores[i] += w / divisor
				if by := (scores[i] + total) / total; best < 0 || by > most {
					best, most = i, by
				}
			}
			scores[best] -= total
			if got.slots[slot] != v.Servers[best] {
				t.Fatalf("weights %v: slot %d is not that of server %d", weights, slot, best)
			}
		}
		if len(got.slots) != total {
			t.Fatalf("weights %v: %d slots, want %d", weights, len(got.slots), total)
		}
	})
}

// leastconn never picks a server while another has less load, whatever comes and
// goes.
func TestLeastConnPicksTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			reg    pool.Registry
			c      = pool.Config{Backend: "b", Policy: new(LeastConn)}
			leases []*pool.Lease
			shares = make(map[string]int)
		)
		for i, w := range rapid.SliceOfN(rapid.IntRange(0, 9), 1, 7).Draw(t, "weights") {
			c.Servers = append(c.Servers, pool.ServerConfig{Name: fmt.Sprint(i), Weight: w})
			shares[fmt.Sprint(i)] = w * pool.Scale
		}
		p, err := reg.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		load := func(s *pool.Server) int {
			if s.Sessions() == 0 {
				return 0
			}
			return (int(s.Sessions()) + 1) * 4096 / shares[s.Name]
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch one := rapid.IntRange(0, 9).Draw(t, "step"); {
			case one < 6:
				var r pool.Request
				avoided := p.Servers()[rapid.IntRange(0, len(c.Servers)-1).Draw(t, "avoided")]
				r.Avoid(avoided)
				least := math.MaxInt
				for _, s := range p.Servers() {
					if shares[s.Name] > 0 && s != avoided {
						least = min(least, load(s))
					}
				}
				before := make(map[string]int)
				for _, s := range p.Servers() {
					if shares[s.Name] > 0 {
						before[s.Name] = load(s)
					}
				}
				l, err := p.Acquire(context.Background(), &r)
				if err != nil {
					if least != math.MaxInt {
						t.Fatal(err)
					}
					continue
				}
				if l.Server == avoided || before[l.Server.Name] != least {
					t.Fatalf("picked %s with load %d, the least is %d", l.Server.Name, before[l.Server.Name], least)
				}
				leases = append(leases, l)
			case one < 9 && len(leases) > 0:
				i := rapid.IntRange(0, len(leases)-1).Draw(t, "lease")
				leases[i].Release(pool.Served)
			default:
				s := p.Servers()[rapid.IntRange(0, len(c.Servers)-1).Draw(t, "server")]
				w := rapid.IntRange(0, 9).Draw(t, "weight")
				if err := p.SetWeight(s.Name, w); err != nil {
					t.Fatal(err)
				}
				shares[s.Name] = w * pool.Scale
			}
		}
		for _, l := range leases {
			l.Release(pool.Served)
		}
	})
}

// first finds the first server with room past any number of full ones.
func TestFirstPastFullServers(t *testing.T) {
	c := pool.Config{Policy: new(First)}
	want := ""
	for i := range 150 {
		c.Servers = append(c.Servers, pool.ServerConfig{Name: fmt.Sprint(i, " "), Weight: 1, MaxConn: 1 + i%2})
		want += strings.Repeat(fmt.Sprint(i, " "), 1+i%2)
	}
	if got := held(t, c, requests(225)...); got != want {
		t.Errorf("got %s", got)
	}
}

// keyed are requests with keys of their own.
func keyed(n int) (list []*pool.Request) {
	for i := range n {
		list = append(list, &pool.Request{Connection: named(fmt.Sprint("key ", i))})
	}
	return list
}

// On the ring the servers have about their shares, and nobody's keys move but those
// of a server that leaves.
func TestConsistentShares(t *testing.T) {
	const keys = 20000
	for weight, most := range map[int]float64{1: 60, 10: 25, 100: 8} {
		var (
			reg    pool.Registry
			counts = make(map[string]int)
			before []string
		)
		c := pool.Config{Backend: "b", Policy: provisioned(t, &Hash{Key: "sni", Hashing: Hashing{HashType: HashType{Type: consistent}}})}
		for i := range 10 {
			c.Servers = append(c.Servers, pool.ServerConfig{Name: string(rune('A' + i)), Weight: weight})
		}
		p, err := reg.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range keyed(keys) {
			before = append(before, pick(t, p, r))
			counts[before[len(before)-1]]++
		}
		worst := 0.0
		for _, n := range counts {
			worst = max(worst, math.Abs(float64(n)/(keys/10)-1)*100)
		}
		t.Logf("10 servers of weight %d: a share is at most %.1f %% off", weight, worst)
		if worst > most || len(counts) != 10 {
			t.Errorf("10 servers of weight %d: %v, a share is %.1f %% off", weight, counts, worst)
		}
		if err := p.SetHealth("D", false); err != nil {
			t.Fatal(err)
		}
		moved := 0
		for i, r := range keyed(keys) {
			if now := pick(t, p, r); before[i] != "D" && now != before[i] || now == "D" {
				moved++
			}
		}
		if moved > 0 {
			t.Errorf("10 servers of weight %d: %d keys of others moved with D", weight, moved)
		}
		p.Close()
	}
}

// With a balance factor no server has more than that part of its share.
func TestBalanceFactor(t *testing.T) {
	for _, same := range []bool{false, true} {
		c := pool.Config{Policy: &Hash{Key: "sni", Hashing: Hashing{HashType: HashType{Type: consistent}, BalanceFactor: 125}}}
		for i := range 10 {
			c.Servers = append(c.Servers, pool.ServerConfig{Name: string(rune('A' + i)), Weight: 1 + i%3})
		}
		const n = 1900 // of weights that are 19 in all
		list := keyed(n)
		if same {
			for _, r := range list {
				r.Connection = named("one")
			}
		}
		got := held(t, c, list...)
		for _, s := range c.Servers {
			if has, most := strings.Count(got, s.Name), n*s.Weight*125/1900+1; has > most {
				t.Errorf("one key %v: %s of weight %d has %d, at most %d", same, s.Name, s.Weight, has, most)
			}
		}
	}
}

// preserve_affinity says who leaves a server that has no room.
func TestPreserveAffinity(t *testing.T) {
	for word, want := range map[string][2]bool{"": {true, true}, "always": {true, true}, "maxconn": {false, false}, "maxqueue": {true, false}} {
		var reg pool.Registry
		c := pool.Config{Backend: "b", Policy: provisioned(t, &Hash{Key: "sni", Hashing: Hashing{HashType: HashType{Type: consistent}, PreserveAffinity: word}})}
		for _, name := range []string{"A", "B", "C"} {
			c.Servers = append(c.Servers, pool.ServerConfig{Name: name, Weight: 1, MaxConn: 1, MaxQueue: 1})
		}
		p, err := reg.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		ask := func() (*pool.Lease, bool) { // whether it has to wait for its own server
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			r := &pool.Request{Connection: named("key")}
			waits := func() bool { return p.Waiting() > 0 }
			got := make(chan *pool.Lease, 1)
			go func() {
				l, _ := p.Acquire(ctx, r)
				got <- l
			}()
			for {
				select {
				case l := <-got:
					return l, false
				default:
					if waits() {
						cancel()
						<-got
						return nil, true
					}
				}
			}
		}
		first, _ := ask()
		_, waits := ask()
		if waits != want[0] {
			t.Errorf("%q: the second waits: %v", word, waits)
		}
		if first != nil {
			first.Release(pool.Served)
		}
	}
}

// random has the servers' shares of the ring with one draw, and evens out what
// stays with two.
func TestRandom(t *testing.T) {
	servers := []pool.ServerConfig{{Name: "A", Weight: 1}, {Name: "B", Weight: 2}, {Name: "C", Weight: 1}}
	const n = 20000
	var g ring
	v := pool.View{}
	for i, s := range servers {
		v.Servers = append(v.Servers, &pool.Server{ServerConfig: s, Index: i})
		v.Servers[i].ID = i + 1
		v.Shares = append(v.Shares, s.Weight*pool.Scale)
	}
	g.build(v)
	expected := make(map[string]float64)
	const points = 1 << 16
	for i := range points {
		expected[g.lookup(uint32(i)<<16, func(*pool.Server) bool { return true }).Name] += 1.0 / points
	}
	var reg pool.Registry
	p, err := reg.Open(pool.Config{Backend: "b", Policy: provisioned(t, &Random{Draws: 1}), Servers: servers})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got := sequence(t, p, n)
	for name, share := range expected {
		sigma := math.Sqrt(share * (1 - share) / n)
		if off := math.Abs(float64(strings.Count(got, name))/n - share); off > 5*sigma+1.0/points {
			t.Errorf("%s has %d of %d, its share of the ring is %.3f", name, strings.Count(got, name), n, share)
		}
	}
	stays := held(t, pool.Config{Policy: new(Random), Servers: servers}, requests(4000)...)
	for name, share := range map[string]float64{"A": 0.25, "B": 0.5, "C": 0.25} {
		if off := math.Abs(float64(strings.Count(stays, name)) - 4000*share); off > 40 {
			t.Errorf("with two draws %s has %d of 4000", name, strings.Count(stays, name))
		}
	}
}

// Wrong options are named.
func TestOptionsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"hash":                                "expected a key or an expression",
		"hash snii":                           `unknown key "snii"; did you mean "sni"?`,
		"hash sni {\n expression src\n}":      "expected a key or an expression",
		"hash sni {\n hash_type consistnt\n}": `unknown type "consistnt"; did you mean "consistent"?`,
		"hash sni {\n hash_type consistent md5\n}":                         `unknown function "md5"`,
		"hash sni {\n hash_type consistent sdbm x\n}":                      "expected hash_type",
		"hash sni {\n hash_type\n}":                                        "expected hash_type",
		"source {\n balance_factor 150\n}":                                 "for hash_type consistent",
		"source {\n hash_type consistent\n balance_factor 100\n}":          "balance_factor 100: expected 0, or a whole number from 101",
		"source {\n hash_type consistent\n preserve_affinity sometimes\n}": `unknown word "sometimes"`,
		"source {\n preserve_affinity maxconn\n}":                          "for hash_type consistent",
		"random 0":                        "draws",
		"random x":                        "draws",
		"random {\n balance_factor 50\n}": "balance_factor 50",
		"leastconn fast":                  "",
		"roundrobin {\n weight 1\n}":      "weight",
	} {
		name, _, _ := strings.Cut(text, " ")
		info, err := caddy.GetModule("passthrough.policies." + name)
		if err != nil {
			t.Fatal(err)
		}
		err = info.New().(caddyfile.Unmarshaler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if err := (&Hash{Expression: "nonsense("}).Provision(caddy.Context{Context: context.Background()}); err == nil {
		t.Error("a wrong expression was taken")
	}
	for _, text := range []string{"hash sni", "hash {l4.conn.remote_addr}", "hash {\n expression src\n}", "source", "random", "random 3 {\n balance_factor 150\n}", "hash src {\n hash_type consistent wt6 avalanche\n balance_factor 200\n preserve_affinity maxqueue\n}"} {
		name, _, _ := strings.Cut(text, " ")
		info, _ := caddy.GetModule("passthrough.policies." + name)
		module := info.New()
		if err := module.(caddyfile.Unmarshaler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		provisioned(t, module.(pool.Policy))
	}
}

// An address of IPv6 is folded into the same 32 bits as HAProxy's.
func TestFolded(t *testing.T) {
	for text, want := range map[string]uint32{
		"192.0.2.1": 0xc0000201, "::ffff:192.0.2.1": 0xc0000201, "2001:db8::1": 0x20010db9, "::1": 1, "1:2:3:4:5:6:7:8": 0x00010002 ^ 0x00030004 ^ 0x00050006 ^ 0x00070008,
	} {
		if got := folded(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %#x, want %#x", text, got, want)
		}
	}
}
