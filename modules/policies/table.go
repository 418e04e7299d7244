// SPDX-License-Identifier: Apache-2.0

package policies

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// table is HAProxy's map of servers: as many slots as the weights, divided by what
// all servers' weights have in common, add up to. A hash is looked up in it, or it is gone through in
// turn.
type table struct {
	slots []*pool.Server
	next  int
}

// build fills the slots: each gets the server that is furthest behind its share,
// in whole slots, and of several the first in the configuration.
func (t *table) build(v pool.View) {
	divisor, total := 0, 0
	for _, s := range v.All {
		divisor = gcd(s.Weight, divisor)
	}
	for _, w := range v.Weights {
		divisor = gcd(w, divisor)
		total += w
	}
	t.slots = t.slots[:0]
	if total == 0 {
		return
	}
	total /= divisor
	var gains, ranks queue // by the slot with which another one is due; by slots due
	due := make([]*seat, len(v.Servers))
	gained := make([]int, len(v.Servers))
	for i, s := range v.Servers {
		weight := v.Weights[i] / divisor
		gains.push(&seat{server: s, key: (total + weight - 1) / weight, serial: uint64(i)})
		due[i] = &seat{server: s, serial: uint64(i)}
		ranks.push(due[i])
	}
	for slot := 1; slot <= total; slot++ {
		for g := gains.first(); g.key == slot; g = gains.first() {
			i, weight := g.serial, v.Weights[g.serial]/divisor
			due[i].key--
			ranks.fix(due[i])
			gained[i]++
			g.key = ((gained[i]+1)*total + weight - 1) / weight
			gains.fix(g)
		}
		most := ranks.first()
		t.slots = append(t.slots, most.server)
		most.key++
		ranks.fix(most)
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// turn is the next server that suits; nil where none does. Behind the last slot
// comes the first one, unless the table has grown by then.
func (t *table) turn(suits func(*pool.Server) bool) *pool.Server {
	at := t.next
	for range t.slots {
		if at >= len(t.slots) {
			at = 0
		}
		s := t.slots[at]
		at++
		if suits(s) {
			t.next = at
			return s
		}
	}
	return nil
}

// lookup is the server of a hash. If the request avoids it, it is the next one in
// the table; but HAProxy's redispatch finds the same again.
func (t *table) lookup(hash uint32, r *pool.Request) *pool.Server {
	if len(t.slots) == 0 {
		return nil
	}
	first := int(hash % uint32(len(t.slots)))
	for i := range t.slots {
		s := t.slots[(first+i)%len(t.slots)]
		if r.Lenient() || !r.Avoids(s) {
			return s
		}
	}
	return nil
}
