// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// members returns servers s0, s1 ... with these shares, sorted by name.
func members(shares ...int) (list []maglevMember) {
	for i, share := range shares {
		list = append(list, maglevMember{fmt.Sprintf("s%03d", i), share})
	}
	return list
}

// owners returns the server of each slot.
func (t *maglevTable) owners() []string {
	names := make([]string, len(t.slots))
	for i, at := range t.slots {
		names[i] = t.members[at].name
	}
	return names
}

// TestMaglevGolden pins the tables: nodes with different versions of this program must agree.
func TestMaglevGolden(t *testing.T) {
	if got := strings.ReplaceAll(strings.Join(newMaglevTable(members(1, 1, 1), 31).owners(), ""), "s00", ""); got != "2021012022011022011002221001101" {
		t.Error(got)
	}
	for _, c := range []struct {
		shares []int
		size   int
		want   uint32
	}{
		{[]int{16, 16, 16}, 65537, 0xc8a26ee5},
		{[]int{16, 16, 16, 16, 16, 16, 16, 16, 16, 16}, 65537, 0x2e308873},
		{[]int{16, 48, 160, 16}, 65537, 0x7bdaca4f},
		{[]int{1, 4096}, 1009, 0x929a219},
	} {
		if got := crc32.ChecksumIEEE([]byte(strings.Join(newMaglevTable(members(c.shares...), c.size).owners(), ","))); got != c.want {
			t.Errorf("shares %v, size %d: %#x, want %#x", c.shares, c.size, got, c.want)
		}
	}
	for key, want := range map[string]uint32{"": 0xc3817c01, "a.example": 0x7845cd2d, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01": 0xe18af31} {
		if got := hashKey([]byte(key)); got != want {
			t.Errorf("%q: %#x, want %#x", key, got, want)
		}
	}
}

// TestMaglevTable checks that the servers of any table have their shares of the slots.
func TestMaglevTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.IntRange(1, 4096), 1, 40).Draw(t, "shares")
		size := rapid.SampledFrom([]int{1009, 4099}).Draw(t, "size")
		list := members(shares...)
		table := newMaglevTable(list, size)
		counts, total := make([]int, len(list)), 0
		for _, at := range table.slots {
			counts[at]++
		}
		for _, share := range shares {
			total += share
		}
		for i, n := range counts {
			want := float64(size) * float64(shares[i]) / float64(total)
			most := 2.0
			if shares[i] == slices.Max(shares) { // it makes up for the others
				most += float64(len(list))
			}
			if math.Abs(float64(n)-want) > most {
				t.Fatalf("%s has %d slots of %d, want %.1f", list[i].name, n, size, want)
			}
		}
	})
}

// TestMaglevListing checks that a pool's table does not depend on the order of the servers.
func TestMaglevListing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "servers")
		var list []pool.ServerConfig
		for i := range n {
			list = append(list, pool.ServerConfig{Name: fmt.Sprint("server-", i), Weight: 1 + i%5, MaxConn: i % 3})
		}
		other := rapid.Permutation(list).Draw(t, "order")
		keys := rapid.SliceOfN(rapid.String(), 1, 20).Draw(t, "keys")
		if a, b := maglevServers(t, list, keys), maglevServers(t, other, keys); a != b {
			t.Fatalf("%s and %s", a, b)
		}
	})
}

// maglevServers returns the servers of some keys.
func maglevServers(t *rapid.T, servers []pool.ServerConfig, keys []string) (got string) {
	policy := &Maglev{Key: "sni", PreserveAffinity: "maxconn", TableSize: 4099}
	if err := policy.Provision(caddy.Context{Context: context.Background()}); err != nil {
		t.Fatal(err)
	}
	p, err := new(pool.Registry).Open(pool.Config{Backend: "b", Policy: policy, Servers: servers})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, key := range keys {
		if key == "" {
			continue
		}
		l, err := p.Acquire(context.Background(), &pool.Request{Connection: named(key)})
		if err != nil {
			t.Fatal(err)
		}
		got += l.Server.Name + " "
		l.Release(pool.Served)
	}
	return got
}

// TestMaglevShares checks what docs/hashing.md says about ten servers: how even the shares are, and
// how many keys move besides those of a server that leaves.
func TestMaglevShares(t *testing.T) {
	const keys = 2_000_000
	ten := members(16, 16, 16, 16, 16, 16, 16, 16, 16, 16)
	before := newMaglevTable(ten, DefaultTableSize)
	counts := make([]int, 10)
	slots := make([]int, 10)
	for _, at := range before.slots {
		slots[at]++
	}
	var key [4]byte
	for i := range keys {
		binary.BigEndian.PutUint32(key[:], uint32(i))
		counts[before.slots[hashKey(key[:])%DefaultTableSize]]++
	}
	worst := 0.0
	for _, n := range counts {
		worst = max(worst, math.Abs(float64(n)/(keys/10)-1)*100)
	}
	t.Logf("slots %d to %d of %d; shares of %d keys are off by at most %.2f %%", slices.Min(slots), slices.Max(slots), DefaultTableSize, keys, worst)
	if worst > 1 || slices.Max(slots)-slices.Min(slots) > 1 {
		t.Errorf("shares are off by %.2f %%", worst)
	}
	most := 0.0
	for gone := range ten {
		after := newMaglevTable(slices.Delete(slices.Clone(ten), gone, gone+1), DefaultTableSize)
		moved, others := 0, 0
		for i, at := range before.slots {
			if int(at) == gone {
				continue
			}
			others++
			if before.members[at] != after.members[after.slots[i]] {
				moved++
			}
		}
		most = max(most, float64(moved)*100/float64(others))
	}
	t.Logf("when one of ten servers leaves, at most %.2f %% of the other keys move", most)
	if most > 1 {
		t.Errorf("%.2f %% of the other keys move", most)
	}
}

// TestMaglevFull checks where keys go whose server is full, or has failed for the connection.
func TestMaglevFull(t *testing.T) {
	three := func(n int) (list []pool.ServerConfig) {
		for _, name := range []string{"A", "B", "C"} {
			list = append(list, pool.ServerConfig{Name: name, Weight: 1, MaxConn: n, MaxQueue: 1})
		}
		return list
	}
	from := func(n int) (list []*pool.Request) {
		for range n {
			list = append(list, &pool.Request{Source: netip.MustParseAddr("192.0.2.1")})
		}
		return list
	}
	for affinity, want := range map[string]string{"maxconn": "BBCCAA", "maxqueue": ""} {
		if affinity == "maxqueue" { // the first server has room in its queue
			p := openServers(t, &Maglev{PreserveAffinity: affinity}, three(1)...)
			first := from(2)
			if _, err := p.Acquire(context.Background(), first[0]); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Acquire(context.Background(), first[1]); err == nil || first[1].Queued.For == nil {
				t.Errorf("maxqueue: %v, waiting for %v", err, first[1].Queued.For)
			}
			continue
		}
		if got := held(t, pool.Config{Policy: &Maglev{PreserveAffinity: affinity}, Servers: three(2)}, from(6)...); got != want {
			t.Errorf("%s: %s, want %s", affinity, got, want)
		}
	}
	p := openServers(t, new(Maglev), three(0)...)
	r, got := from(1)[0], ""
	for range 3 {
		l, err := p.Acquire(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		got += l.Server.Name
		l.Release(pool.ConnectFailed)
		r.Avoid(l.Server)
	}
	if got != "BCA" {
		t.Errorf("after failures: %s, want BCA", got)
	}
}

// TestMaglevAdopts checks that a reload without a change of the servers makes no new table.
func TestMaglevAdopts(t *testing.T) {
	var reg pool.Registry
	load := func(p *Maglev, servers ...pool.ServerConfig) *Maglev {
		opened, err := reg.Open(pool.Config{Backend: "b", Policy: provisioned(t, p), Servers: servers})
		if err != nil {
			t.Fatal(err)
		}
		opened.Activate()
		t.Cleanup(opened.Close)
		return p
	}
	two := weighted([]int{1, 2}, nil)
	first := load(new(Maglev), two...)
	same := load(new(Maglev), two[1], two[0])
	if first.table != same.table || same.servers[0].Name != "A" {
		t.Error("the same servers have got another table")
	}
	if other := load(&Maglev{TableSize: 4099}, two...); other.table == same.table || len(other.table.slots) != 4099 {
		t.Error("a table of another size was kept")
	}
	if other := load(new(Maglev), two[0]); len(other.table.members) != 1 {
		t.Error("a table of other servers was kept")
	}
}

func BenchmarkMaglevTable(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint("servers=", n), func(b *testing.B) {
			list := members(slices.Repeat([]int{16}, n)...)
			for b.Loop() {
				newMaglevTable(list, DefaultTableSize)
			}
		})
	}
}

// Nodes that have found the same servers in different slots of a template agree. Slots with the
// same address have shares of their own.
func TestMaglevOfTemplates(t *testing.T) {
	slot := func(name, address string) *pool.Server {
		return &pool.Server{ServerConfig: pool.ServerConfig{Name: name, Address: address, Weight: 1, Awaits: true}}
	}
	owners := func(servers ...*pool.Server) (all []string) {
		p := &Maglev{TableSize: 101}
		v := pool.View{Servers: servers}
		for range servers {
			v.Shares = append(v.Shares, pool.Scale)
		}
		p.Rebuild(v)
		for _, at := range p.table.slots {
			all = append(all, p.servers[at].Address)
		}
		return all
	}
	const a, b, c = "10.0.0.1:443", "10.0.0.2:443", "10.0.0.3:443"
	if one, two := owners(slot("t1", a), slot("t2", b), slot("t3", c)), owners(slot("t1", c), slot("t2", a), slot("t9", b)); !slices.Equal(one, two) {
		t.Errorf("%v\n%v", one, two)
	}
	seen := make(map[string]int)
	for _, address := range owners(slot("t1", a), slot("t2", a), slot("t3", b)) {
		seen[address]++
	}
	if seen[a] < 60 || seen[b] < 30 {
		t.Error(seen)
	}
}
