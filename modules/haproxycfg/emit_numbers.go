// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// assignIDs gives sections without an id the number that HAProxy gives them. It counts sections in
// file order, from 2 if there is a stats socket. Up to HAProxy 3.2 it also counts sections that
// have an id; 3.4 always starts at 2.
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

// emitBinds returns the binds of a frontend, and the position of each. If expressions ask for them,
// they get names and numbers: each port has the number after that of the port before it, if that is
// free.
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

// emitBind returns a part of a bind. id is the number of its first port, or 0.
func (t *translation) emitBind(p *proxy, b *bind, of part, id int) *l4passthrough.Bind {
	made := &l4passthrough.Bind{Address: of.String(), ID: id, Backlog: p.backlogOf(b), MaxConn: b.maxconn, BindOptions: b.emitOptions()}
	made.KeepaliveIdle, made.KeepaliveInterval, made.KeepaliveCount = p.clientProbes.emit()
	if of.network == "durable" { // the default network
		made.Address = of.address()
	}
	made.AcceptProxy = b.headerSources()
	if t.idsUsed || made.AcceptProxy != nil && len(p.targets) > 0 { // for lines about invalid headers
		made.Name = b.name
	}
	if b.Family == haproxyfile.Unix {
		made.Mode = b.mode
	}
	return made
}

// bindIDs returns the numbers of each bind's ports; a bind without ports has one. All are 0 unless
// an expression asks for them.
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
