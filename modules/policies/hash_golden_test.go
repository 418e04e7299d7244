// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// All of these sequences were recorded from HAProxy 2.6 with one thread.

// golden holds the servers A, B and C that HAProxy picked for a hash type.
type golden struct {
	servers []pool.ServerConfig
	options HashType
	first   string
	then    string
}

var (
	equal  = weighted([]int{1, 1, 1}, []int{1, 2, 3})
	uneven = weighted([]int{3, 1, 2}, []int{20, 10, 30})
)

// goldenKeys are for the names h0.example to h23.example, and then twelve connections without a
// name.
var goldenKeys = []golden{
	{equal, HashType{Type: mapBased}, "CCCCAAAAAAABBBBBBCCCBBBB", "ABCABCABCABC"},
	{equal, HashType{Type: mapBased, Function: "sdbm"}, "CCCCAAAAAAABBBBBBCCCBBBB", "ABCABCABCABC"},
	{equal, HashType{Type: mapBased, Function: "sdbm", Avalanche: true}, "BCBACACCCAAACBCCCBCBBBCB", "ABCABCABCABC"},
	{equal, HashType{Type: mapBased, Function: "djb2"}, "ACCBBBAACCBAACCCBBAABAAC", "ABCABCABCABC"},
	{equal, HashType{Type: mapBased, Function: "djb2", Avalanche: true}, "BBAACACACBBAACABACCCABBC", "ABCABCABCABC"},
	{equal, HashType{Type: mapBased, Function: "wt6"}, "CABCBABCBAABBABCBCCBBACC", "ABCABCABCABC"},
	{equal, HashType{Type: mapBased, Function: "wt6", Avalanche: true}, "BACABCCABBCCBACCBCCBBBBB", "ABCABCABCABC"},
	{equal, HashType{Type: mapBased, Function: "crc32"}, "CCCBCBBABAACBCBABBBABBCC", "ABCABCABCABC"},
	{equal, HashType{Type: mapBased, Function: "crc32", Avalanche: true}, "BCAACBCBABCAAAAABCACBAAB", "ABCABCABCABC"},
	{equal, HashType{Type: consistent}, "CBCCABBAACAAAABCBCCBCCBC", "CCBACAABCAAA"},
	{equal, HashType{Type: consistent, Function: "sdbm"}, "BBACABBAACACAAAAAACBACBC", "CCBACAABCAAA"},
	{equal, HashType{Type: consistent, Function: "sdbm", Avalanche: true}, "CBCCABBAACAAAABCBCCBCCBC", "CCBACAABCAAA"},
	{equal, HashType{Type: consistent, Function: "djb2"}, "ACBCACACCBAACCBAABCCCABC", "CCBACAABCAAA"},
	{equal, HashType{Type: consistent, Function: "djb2", Avalanche: true}, "CACCAAAACAABCBCCCCCBAAAA", "CCBACAABCAAA"},
	{equal, HashType{Type: consistent, Function: "wt6"}, "BAABCCCBCAAABCCCAAAACAAA", "CCBACAABCAAA"},
	{equal, HashType{Type: consistent, Function: "wt6", Avalanche: true}, "ACCBABBAABABBAAABBCAAACA", "CCBACAABCAAA"},
	{equal, HashType{Type: consistent, Function: "crc32"}, "CCAACAAACBAABCBBCCBBAABC", "CCBACAABCAAA"},
	{equal, HashType{Type: consistent, Function: "crc32", Avalanche: true}, "BABCCCBAAACBBABBCACACAAB", "CCBACAABCAAA"},
	{uneven, HashType{Type: mapBased}, "CCCCAAAAAAABABABACCCBABA", "AACABCAACABC"},
	{uneven, HashType{Type: mapBased, Function: "sdbm"}, "CCCCAAAAAAABABABACCCBABA", "AACABCAACABC"},
	{uneven, HashType{Type: mapBased, Function: "sdbm", Avalanche: true}, "BCBACACCCAAACACCCBCAAACB", "AACABCAACABC"},
	{uneven, HashType{Type: mapBased, Function: "djb2"}, "ACCBABAACCBAACCCBAAAAAAC", "AACABCAACABC"},
	{uneven, HashType{Type: mapBased, Function: "djb2", Avalanche: true}, "AAAACACACBAAACAAACCCAAAC", "AACABCAACABC"},
	{uneven, HashType{Type: mapBased, Function: "wt6"}, "CAACAABCBAABBAACACCABACC", "AACABCAACABC"},
	{uneven, HashType{Type: mapBased, Function: "wt6", Avalanche: true}, "AACAACCAAACCAACCBCCBABBA", "AACABCAACABC"},
	{uneven, HashType{Type: mapBased, Function: "crc32"}, "CCCBCBAAAAACBCBABABAABCC", "AACABCAACABC"},
	{uneven, HashType{Type: mapBased, Function: "crc32", Avalanche: true}, "BCAACACBAACAAAAAACACAAAB", "AACABCAACABC"},
	{uneven, HashType{Type: consistent}, "ABACABCAAABACACCBACBCACA", "ABCAAAAABAAA"},
	{uneven, HashType{Type: consistent, Function: "sdbm"}, "BACABACACBABACBCAAABAACA", "ABCAAAAABAAA"},
	{uneven, HashType{Type: consistent, Function: "sdbm", Avalanche: true}, "ABACABCAAABACACCBACBCACA", "ABCAAAAABAAA"},
	{uneven, HashType{Type: consistent, Function: "djb2"}, "CAABBACCCBBACCAACACAAABA", "ABCAAAAABAAA"},
	{uneven, HashType{Type: consistent, Function: "djb2", Avalanche: true}, "AACCCCABACCCAAAAABACCACB", "ABCAAAAABAAA"},
	{uneven, HashType{Type: consistent, Function: "wt6"}, "AACCACACAAACABAAAABBCCCA", "ABCAAAAABAAA"},
	{uneven, HashType{Type: consistent, Function: "wt6", Avalanche: true}, "AACCABACCCABCBACCCBAAACA", "ABCAAAAABAAA"},
	{uneven, HashType{Type: consistent, Function: "crc32"}, "BAAACAABACCAAACCCACBBACB", "ABCAAAAABAAA"},
	{uneven, HashType{Type: consistent, Function: "crc32", Avalanche: true}, "AAAACAAAABAAAABAAAACABBA", "ABCAAAAABAAA"},
}

var (
	ipv4 = strings.Fields("192.0.2.1 192.0.2.2 192.0.2.3 10.0.0.1 10.1.2.3 127.0.0.1 " +
		"203.0.113.77 198.51.100.200 172.16.5.4 8.8.8.8 255.1.2.3 1.0.0.1")
	ipv6 = strings.Fields("2001:db8::1 2001:db8::2 2001:db8:1:2:3:4:5:6 fe80::1 ::1 " +
		"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff fd00::a:b 2a00:1450::65")
)

// goldenSources are for the addresses of ipv4, and then those of ipv6.
var goldenSources = []golden{
	{equal, HashType{Type: mapBased}, "ABCCBCAACCAC", "ABBCBBBB"},
	{equal, HashType{Type: mapBased, Function: "sdbm"}, "ABCCBCAACCAC", "ABBCBBBB"},
	{equal, HashType{Type: mapBased, Function: "sdbm", Avalanche: true}, "CACAABCABBAC", "ACABCCBA"},
	{equal, HashType{Type: consistent}, "AAAABBBBBCCA", "ACBCCACC"},
	{equal, HashType{Type: consistent, Function: "sdbm"}, "CCCCCBABCCCC", "AAACCACA"},
	{equal, HashType{Type: consistent, Function: "sdbm", Avalanche: true}, "AAAABBBBBCCA", "ACBCCACC"},
	{uneven, HashType{Type: mapBased}, "ABCCACAACCAC", "ABBCAAAA"},
	{uneven, HashType{Type: mapBased, Function: "sdbm"}, "ABCCACAACCAC", "ABBCAAAA"},
	{uneven, HashType{Type: mapBased, Function: "sdbm", Avalanche: true}, "CACAAACAAAAC", "ACABCCBA"},
	{uneven, HashType{Type: consistent}, "ABAAAACCCBAA", "AAACABBC"},
	{uneven, HashType{Type: consistent, Function: "sdbm"}, "AAAAACACAAAA", "AAACBBCA"},
	{uneven, HashType{Type: consistent, Function: "sdbm", Avalanche: true}, "ABAAAACCCBAA", "AAACABBC"},
}

// goldenHashedSources are the same for balance hash src.
var goldenHashedSources = []golden{
	{equal, HashType{Type: mapBased}, "CABABCBACABB", "ABBBBBCA"},
	{equal, HashType{Type: mapBased, Function: "sdbm"}, "CABABCBACABB", "ABBBBBCA"},
	{equal, HashType{Type: mapBased, Function: "sdbm", Avalanche: true}, "BABBAABCCCCA", "CBAACCAA"},
	{equal, HashType{Type: consistent}, "CCCACBBCBAAC", "CCCBCCBA"},
	{equal, HashType{Type: consistent, Function: "sdbm"}, "CCCCCCCCABCA", "BBBACACB"},
	{equal, HashType{Type: consistent, Function: "sdbm", Avalanche: true}, "CCCACBBCBAAC", "CCCBCCBA"},
	{uneven, HashType{Type: mapBased}, "CAAABCAACAAB", "ABAAABCA"},
	{uneven, HashType{Type: mapBased, Function: "sdbm"}, "CAAABCAACAAB", "ABAAABCA"},
	{uneven, HashType{Type: mapBased, Function: "sdbm", Avalanche: true}, "BAABAAACCCCA", "CAAACCAA"},
	{uneven, HashType{Type: consistent}, "CACCCAAAACBA", "BAAAAAAC"},
	{uneven, HashType{Type: consistent, Function: "sdbm"}, "BBBCCABACCAC", "AAAABABA"},
	{uneven, HashType{Type: consistent, Function: "sdbm", Avalanche: true}, "CACCCAAAACBA", "BAAAAAAC"},
}

func TestHashOfNames(t *testing.T) {
	for _, key := range []string{"sni", "{l4.vars.sni}"} {
		for _, c := range goldenKeys {
			p := openServers(t, &Hash{Key: key, Hashing: Hashing{HashType: c.options}}, c.servers...)
			first, then := "", ""
			for i := range c.first {
				first += pick(t, p, &pool.Request{Connection: hello(fmt.Sprintf("h%d.example", i))})
			}
			for range c.then {
				then += pick(t, p, &pool.Request{Connection: hello("")})
			}
			if first != c.first || then != c.then {
				t.Errorf("%s, %+v of %d servers: %s %s, want %s %s", key, c.options, len(c.servers), first, then, c.first, c.then)
			}
		}
	}
}

func TestHashOfSources(t *testing.T) {
	check := func(policy func(HashType) pool.Policy, cases []golden) {
		t.Helper()
		for _, c := range cases {
			p := openServers(t, policy(c.options), c.servers...)
			who := func(addresses []string) (got string) {
				for _, a := range addresses {
					got += pick(t, p, &pool.Request{Source: netip.MustParseAddr(a)})
				}
				return got
			}
			if first, then := who(ipv4), who(ipv6); first != c.first || then != c.then {
				t.Errorf("%T %+v: %s %s, want %s %s", policy(c.options), c.options, first, then, c.first, c.then)
			}
		}
	}
	check(func(h HashType) pool.Policy { return &Source{Hashing: Hashing{HashType: h}} }, goldenSources)
	check(func(h HashType) pool.Policy { return &Hash{Key: sourceKey, Hashing: Hashing{HashType: h}} }, goldenHashedSources)
}

// Connections without a key take turns.
func TestHashTakesTurns(t *testing.T) {
	for name, p := range map[string]pool.Policy{
		"source":                new(Source),
		"hash src":              &Hash{Key: sourceKey},
		"hash sni":              &Hash{Key: "sni"},
		"hash of an expression": &Hash{Expression: "var(sess.name)"},
	} {
		if got := sequence(t, openServers(t, p, uneven...), 12); got != "AACABCAACABC" {
			t.Errorf("%s: %s, want AACABCAACABC", name, got)
		}
	}
}

// Connections that stay, under hash-balance-factor: of one client, then of four in turn; some
// leave, and others come.
func TestBalanceFactorSequences(t *testing.T) {
	const script = "20 -0 -5 -11 5"
	one, four := []string{"192.0.2.3"}, []string{"192.0.2.3", "10.0.0.1", "8.8.8.8", "10.1.2.3"}
	even := weighted([]int{1, 1, 1}, []int{20, 10, 30})
	for _, c := range []struct {
		factor  int
		servers []pool.ServerConfig
		sources []string
		want    string
	}{
		{101, even, one, "ABCBACBACBACBACBACBA CCACB"},
		{101, even, four, "ACBBACBACCBABACBACBA ACACB"},
		{101, uneven, one, "ABACACABACACABACACAB CACAC"},
		{101, uneven, four, "ACBAACABACACACABACAB CACAC"},
		{125, even, one, "ABCBABACABBABACBABAC AABAB"},
		{125, even, four, "ACBBACBAACBBAABBACBA BACBA"},
		{125, uneven, one, "ABACAABAACABAACAABAC AABAA"},
		{125, uneven, four, "ACBAAABAACABAACAACBA AABAA"},
		{150, even, one, "ABBABABABABABABABABA AAABA"},
		{150, even, four, "ACBBAABBAABBAABBAABB AABBA"},
		{150, uneven, one, "ABAAABAAABAAABAAABAA BAAAB"},
		{150, uneven, four, "ACBAAABAAABAAABAAABA AAAAA"},
		{300, even, one, "AAAAAAAAAAAAAAAAAAAA AAAAA"},
		{300, even, four, "AABBAABBAABBAABBAABB AABBA"},
		{300, uneven, one, "AAAAAAAAAAAAAAAAAAAA AAAAA"},
		{300, uneven, four, "AABAAABAAABAAABAAABA AABAA"},
	} {
		p := &Source{Hashing: Hashing{HashType: HashType{Type: consistent}, BalanceFactor: c.factor}}
		if got := play(t, p, c.servers, script, c.sources...); got != c.want {
			t.Errorf("factor %d, weight of A %d, %d clients: %s, want %s", c.factor, c.servers[0].Weight, len(c.sources), got, c.want)
		}
	}
}
