// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// assignIDs gives sections without an id the number that HAProxy gives them. It counts
// sections in their order, from 2 if there is a stats socket; up to HAProxy 3.2 also
// those with an id of their own. HAProxy 3.4 always begins with 2.
func (t *translation) assignIDs() {
	newer := atLeastBranch(t.branch, 3, 4)
	next := 1
	if t.hasSocket || newer {
		next = 2
	}
	for _, p := range t.proxies {
		if p.id != 0 {
			if !newer {
				next++
			}
			continue
		}
		for t.ids[next] != nil {
			next++
		}
		p.id, t.ids[next] = next, p
		next++
	}
}

// emitBinds are the addresses of a frontend with their options. Where rules ask about them, they
// have names and numbers: each port has the number after that of the one before it, if that is
// free. at says where they stand.
func (t *translation) emitBinds(p *proxy) (binds []*l4passthrough.Bind, at []haproxyfile.Pos) {
	ids := t.bindIDs(p)
	for i := range p.binds {
		b := &p.binds[i]
		for _, part := range t.parts(b) {
			for first := part.first; first <= part.last; {
				piece := part
				piece.first, piece.last = first, first
				id := ids[i][first-b.Port]
				for piece.last < part.last && (id == 0 || ids[i][piece.last+1-b.Port] == id+piece.last+1-first) {
					piece.last++
				}
				binds, at = append(binds, t.emitBind(p, b, piece, id)), append(at, b.Pos)
				first = piece.last + 1
			}
		}
	}
	return binds, at
}

// emitBind is a part of a bind, whose first port has a number if that is not 0.
func (t *translation) emitBind(p *proxy, b *bind, of part, id int) *l4passthrough.Bind {
	made := &l4passthrough.Bind{Address: of.String(), ID: id, Backlog: p.backlogOf(b)}
	if of.network == "durable" { // as it is without a network
		made.Address = of.address()
	}
	if t.idsUsed {
		made.Name = b.name
	}
	if b.Family == haproxyfile.Unix {
		made.Mode = b.mode
	}
	return made
}

// bindIDs are the numbers of each bind's ports; of a bind without ports it is one. They are 0
// where nothing asks about them.
func (t *translation) bindIDs(p *proxy) [][]int {
	used := make(map[int]bool)
	for i := range p.binds {
		used[p.binds[i].id] = true
	}
	next, ids := 1, make([][]int, len(p.binds))
	for i := range p.binds {
		b := &p.binds[i]
		ids[i] = make([]int, max(b.Port, b.PortHigh)-b.Port+1)
		if !t.idsUsed {
			continue
		}
		for k := range ids[i] {
			id := b.id
			if id == 0 {
				for id = next; used[id]; {
					id++
				}
				used[id] = true
			}
			ids[i][k], next = id, id+1
		}
	}
	return ids
}
