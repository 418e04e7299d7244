// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"net"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// numberFetches find what sections and binds are called beside their names and
// addresses. Unless one of them is asked, the configuration has none of that.
var numberFetches = []string{"be_id", "fe_id", "so_id", "so_name"}

// number gives sections without an id the number that HAProxy gives them. It counts
// sections in their order, from 2 if there is a stats socket; up to HAProxy 3.2 also
// those with an id of their own. HAProxy 3.4 always begins with 2.
func (t *translation) number() {
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

// emitListeners are the names and numbers of what a frontend listens on. Each port has
// the number after that of the one before it, if that is free.
func (t *translation) emitListeners(p *proxy) (listeners []*l4passthrough.Listener) {
	used := make(map[int]bool)
	for i := range p.binds {
		used[p.binds[i].id] = true
	}
	next := 1
	for i := range p.binds {
		b := &p.binds[i]
		var last *l4passthrough.Listener
		for port := b.Port; port <= max(b.Port, b.PortHigh); port++ {
			id := b.id
			if id == 0 {
				for id = next; used[id]; {
					id++
				}
				used[id] = true
			}
			if last == nil || id != next {
				last = &l4passthrough.Listener{Name: b.name, ID: id, Address: t.listenerAddress(b, port)}
				listeners = append(listeners, last)
			} else {
				last.Address = t.listenerAddress(b, port-id+last.ID) + "-" + strconv.Itoa(port)
			}
			next = id + 1
		}
	}
	return listeners
}

// listenerAddress is an address of a bind, without the network that has it last.
func (t *translation) listenerAddress(b *bind, port int) string {
	switch b.Family {
	case haproxyfile.FD:
		return "fd/" + strconv.Itoa(b.FD)
	case haproxyfile.Unix:
		return "unix/" + b.Path
	case haproxyfile.Abstract, haproxyfile.AbstractZ:
		return "unix/@" + b.Path
	default:
		_, host := t.network(b, port)
		return net.JoinHostPort(host, strconv.Itoa(port))
	}
}
