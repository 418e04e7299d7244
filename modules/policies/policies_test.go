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

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// named is a connection that replaces every placeholder by its name.
type named string

func (n named) Placeholders(string) string { return string(n) }

// held returns the servers that some requests get, which keep them.
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

// first finds the first free server behind any number of full ones.
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

// keyed returns requests with different keys.
func keyed(n int) (list []*pool.Request) {
	for i := range n {
		list = append(list, &pool.Request{Connection: named(fmt.Sprint("key ", i))})
	}
	return list
}

// On the ring, servers get about their shares. When a server leaves, only its keys move.
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

// Invalid options are reported.
func TestOptionsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"hash":                                "expected key or expression",
		"hash snii":                           `unknown key "snii"; did you mean "sni"?`,
		"hash sni {\n expression src\n}":      "expected key or expression",
		"hash sni {\n hash_type consistnt\n}": `unknown type "consistnt"; did you mean "consistent"?`,
		"hash sni {\n hash_type consistent md5\n}":                         `unknown function "md5"`,
		"hash sni {\n hash_type consistent sdbm x\n}":                      "expected hash_type",
		"hash sni {\n hash_type\n}":                                        "expected hash_type",
		"source {\n balance_factor 150\n}":                                 "expected hash_type consistent",
		"source {\n hash_type consistent\n balance_factor 100\n}":          "balance_factor 100: expected 0, or a whole number from 101",
		"source {\n hash_type consistent\n preserve_affinity sometimes\n}": `unknown word "sometimes"`,
		"source {\n preserve_affinity maxconn\n}":                          "expected hash_type consistent",
		"random 0":                          "draws",
		"random x":                          "draws",
		"random {\n balance_factor 50\n}":   "balance_factor 50",
		"leastconn fast":                    "",
		"maglev snii":                       `unknown key "snii"; did you mean "sni"?`,
		"maglev sni {\n expression src\n}":  "expected key or expression, not both",
		"maglev {\n table_size 65536\n}":    "table_size 65536: expected a prime number from 251 to 5000011, such as 65537",
		"maglev {\n preserve_affinity x\n}": `preserve_affinity: unknown word "x"`,
		"peak_ewma {\n decay 0s\n}":         "decay",
		"peak_ewma {\n decay 10us\n}":       "decay 10µs: expected at least 1ms",
		"roundrobin {\n weight 1\n}":        "weight",
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
	for _, text := range []string{"hash sni", "hash {l4.conn.remote_addr}", "hash {\n expression src\n}", "source", "random", "random 3 {\n balance_factor 150\n}", "maglev", "maglev sni", "maglev {\n expression src\n table_size 251\n preserve_affinity maxqueue\n}", "peak_ewma", "peak_ewma {\n decay 30s\n}", "hash src {\n hash_type consistent wt6 avalanche\n balance_factor 200\n preserve_affinity maxqueue\n}"} {
		name, _, _ := strings.Cut(text, " ")
		info, _ := caddy.GetModule("passthrough.policies." + name)
		module := info.New()
		if err := module.(caddyfile.Unmarshaler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		provisioned(t, module.(pool.Policy))
	}
}

// IPv6 addresses fold into the same 32 bits as in HAProxy.
func TestIPv6AddressesFoldLikeHAProxy(t *testing.T) {
	for text, want := range map[string]uint32{
		"192.0.2.1": 0xc0000201, "::ffff:192.0.2.1": 0xc0000201 ^ 0xffff, "2001:db8::1": 0x20010db9, "::1": 1, "1:2:3:4:5:6:7:8": 0x00010002 ^ 0x00030004 ^ 0x00050006 ^ 0x00070008,
	} {
		if got := foldAddress(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %#x, want %#x", text, got, want)
		}
	}
}
