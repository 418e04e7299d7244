// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"cmp"
	"hash/fnv"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// maglevTable is the lookup table of Maglev (Eisenbud et al., NSDI 2016): each server has an order
// of preference of all slots, derived from its name, and the servers take turns to choose the slot
// that they like best of those that are left. Servers with a greater share have more turns. The
// table depends on the names and shares alone, not on the order of the servers.
type maglevTable struct {
	members []maglevMember // sorted by name
	slots   []uint16       // index in members
}

// maglevMember is a server in a table.
type maglevMember struct {
	name  string
	share int
}

// maxMembers bounds the servers of a table by the type of its slots.
const maxMembers = 1 << 16

// membersOf returns the servers of a view as a table needs them, sorted by name.
func membersOf(v pool.View) []maglevMember {
	members := make([]maglevMember, len(v.Servers))
	for i, name := range memberNames(v.Servers) {
		members[i] = maglevMember{name, v.Shares[i]}
	}
	slices.SortFunc(members, func(a, b maglevMember) int { return cmp.Compare(a.name, b.name) })
	return members[:min(len(members), maxMembers)]
}

// memberNames returns a name for each server: its own, or the address of a slot of a template,
// since other nodes may have the same servers in other slots.
func memberNames(servers []*pool.Server) []string {
	names, slots := make([]string, len(servers)), make(map[string]bool)
	for i, s := range servers {
		names[i] = s.Name
		if s.Awaits && !slots[s.Address] {
			names[i], slots[s.Address] = s.Address, true
		}
	}
	return names
}

// newMaglevTable fills a table. The size must be a prime number.
func newMaglevTable(members []maglevMember, size int) *maglevTable {
	t := &maglevTable{members: members}
	if len(members) == 0 {
		return t
	}
	t.slots = make([]uint16, size)
	taken := make([]bool, size)
	preferences := make([]preference, len(members))
	most := 0
	for i, m := range members {
		preferences[i], most = newPreference(m.name, size), max(most, m.share)
	}
	credits := make([]int, len(members)) // turns that a server is entitled to, times most
	for i, m := range members {
		credits[i] = (most - m.share) / 2 // not all of those with a small share have their turn late
	}
	for left := size; ; {
		for i, m := range members {
			if credits[i] += m.share; credits[i] < most {
				continue
			}
			credits[i] -= most
			at := preferences[i].next(size)
			for taken[at] {
				at = preferences[i].next(size)
			}
			t.slots[at], taken[at] = uint16(i), true
			if left--; left == 0 {
				return t
			}
		}
	}
}

// preference is a server's order of preference of the slots.
type preference struct{ at, step int }

func newPreference(name string, size int) preference {
	h := hashName(name)
	return preference{int(mix(h) % uint64(size)), 1 + int(mix(^h)%uint64(size-1))}
}

// next returns the slot that comes next in the order.
func (p *preference) next(size int) int {
	at := p.at
	if p.at += p.step; p.at >= size {
		p.at -= size
	}
	return at
}

// hashName returns a hash of a text that is the same in all processes.
func hashName(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

// hashKey returns a hash of a key that is the same in all processes.
func hashKey(key []byte) uint32 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for _, b := range key {
		h = (h ^ uint64(b)) * prime
	}
	return uint32(mix(h) >> 32)
}

// mix spreads the bits of a hash: the finalizer of SplitMix64.
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
