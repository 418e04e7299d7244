// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// hello is a connection whose client has sent a server name. It replaces every placeholder by that.
type hello string

func (h hello) Placeholders(template string) string {
	return strings.NewReplacer("{l4.client_hello.sni}", string(h), "{l4.vars.sni}", string(h)).Replace(template)
}

// The hashes come from the converters of HAProxy 2.6, without their argument and with it
// (avalanche).
func TestHashFunctions(t *testing.T) {
	var ascii strings.Builder
	for c := byte(1); c <= 64; c++ {
		ascii.WriteByte(c)
	}
	names := []string{"sdbm", "djb2", "wt6", "crc32"}
	for _, c := range []struct {
		key            string
		plain, spreads [4]uint32
	}{
		{"a", [4]uint32{97, 177670, 1900802597, 3904355907}, [4]uint32{1830748055, 3548763807, 1986649387, 1288200982}},
		{"hello", [4]uint32{684824882, 261238937, 3538347703, 907060870}, [4]uint32{2061535398, 1119739105, 140457739, 3902247103}},
		{"www.example.com", [4]uint32{2718216582, 2843247409, 612436471, 785793723}, [4]uint32{1242975261, 2767889732, 2993095237, 1314402354}},
		{"\x00\xff\x80\x7f", [4]uint32{2115080574, 2086755651, 1365769968, 1692737303}, [4]uint32{1592105167, 3028700283, 1882430081, 1374007224}},
		{"Caddy passthrough", [4]uint32{3692940943, 1208806082, 495366820, 616012135}, [4]uint32{2507974995, 2445791987, 2951621133, 660821319}},
		{ascii.String(), [4]uint32{2864777248, 3567638821, 3741194566, 679541657}, [4]uint32{625757028, 2806966013, 3759362422, 1163370760}},
		{"äö.example", [4]uint32{3552369584, 3883803359, 1815570460, 2864790901}, [4]uint32{3311848576, 3225871774, 2549140, 733971224}},
	} {
		for i, name := range names {
			for _, spread := range []bool{false, true} {
				want := c.plain[i]
				if spread {
					want = c.spreads[i]
				}
				p := &Hash{Key: "{l4.vars.sni}", Hashing: Hashing{HashType: HashType{Function: name, Avalanche: spread}}}
				provisioned(t, p)
				if got, ok := p.Hash(&pool.Request{Connection: hello(c.key)}); got != want || !ok {
					t.Errorf("%s of %q, avalanche %t: %d (%t), want %d", name, c.key, spread, got, ok, want)
				}
			}
		}
	}
}

// The default function is sdbm, with avalanche on a ring only. A ring with a function follows its
// options.
func TestHashFunctionDefaults(t *testing.T) {
	const plain, spread = 684824882, 2061535398
	for _, c := range []struct {
		options HashType
		want    uint32
	}{
		{HashType{}, plain},
		{HashType{Type: mapBased}, plain},
		{HashType{Avalanche: true}, spread},
		{HashType{Type: consistent}, spread},
		{HashType{Type: consistent, Function: "sdbm"}, plain},
		{HashType{Type: consistent, Function: "sdbm", Avalanche: true}, spread},
	} {
		p := &Hash{Key: "sni", Hashing: Hashing{HashType: c.options}}
		provisioned(t, p)
		if got, _ := p.Hash(&pool.Request{Connection: hello("hello")}); got != c.want {
			t.Errorf("%+v: %d, want %d", c.options, got, c.want)
		}
	}
}

// With function none, a key is a number of which the lower 32 bits count.
func TestHashFunctionNone(t *testing.T) {
	p := &Hash{Key: "{l4.vars.sni}", Hashing: Hashing{HashType: HashType{Function: noFunction}}}
	provisioned(t, p)
	for _, c := range []struct {
		key  string
		want uint32
		ok   bool
	}{
		{"5", 5, true},
		{"4294967299", 3, true},
		{"-1", 1<<32 - 1, true},
		{"", 0, false},
	} {
		got, ok := p.Hash(&pool.Request{Connection: hello(c.key)})
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %d (%t), want %d (%t)", c.key, got, ok, c.want, c.ok)
		}
	}
	spread := &Hash{Key: "{l4.vars.sni}", Hashing: Hashing{HashType: HashType{Function: noFunction, Avalanche: true}}}
	provisioned(t, spread)
	if got, _ := spread.Hash(&pool.Request{Connection: hello("97")}); got != 1830748055 {
		t.Errorf("97 with avalanche: %d", got)
	}
	src := &Hash{Key: sourceKey, Hashing: Hashing{HashType: HashType{Function: noFunction}}}
	provisioned(t, src)
	if got, ok := src.Hash(&pool.Request{Source: netip.MustParseAddr("192.0.2.3")}); got != 0xc0000203 || !ok {
		t.Errorf("192.0.2.3: %#x (%t), want it as a number", got, ok)
	}
}

// An IPv4-mapped address is hashed as IPv6, as HAProxy hashes the form that the listener reports;
// as a number, it is the IPv4 address.
func TestMappedAddresses(t *testing.T) {
	client := netip.MustParseAddr("192.0.2.3")
	mapped := netip.AddrFrom16(client.As16())
	bytes := mapped.As16()
	for name, c := range map[string]struct {
		policy pool.Policy
		want   uint32
	}{
		"source":      {new(Source), 0xc0000203 ^ 0xffff},
		"hash src":    {&Hash{Key: sourceKey}, sample.Sum("sdbm", bytes[:])},
		"expression":  {&Hash{Expression: "src"}, sample.Sum("sdbm", bytes[:])},
		"hash by wt6": {&Hash{Key: sourceKey, Hashing: Hashing{HashType: HashType{Function: "wt6"}}}, sample.Sum("wt6", bytes[:])},
		"hash by number": {&Hash{
			Key: sourceKey, Hashing: Hashing{HashType: HashType{Function: noFunction}},
		}, 0xc0000203},
	} {
		h := provisioned(t, c.policy).(pool.Hasher)
		if got, ok := h.Hash(&pool.Request{Source: mapped}); got != c.want || !ok {
			t.Errorf("%s: %#x (%t), want %#x", name, got, ok, c.want)
		}
	}
}
