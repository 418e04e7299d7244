// SPDX-License-Identifier: Apache-2.0

package policies

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// table is HAProxy's map of servers: as many slots as the weights, divided by what
// all servers' weights have in common, add up to. A hash is looked up in it, or it is gone through in
// turn.
type table struct {
	slots    []*pool.Server
	position int
	view     pool.View
	stale    bool // the slots are not those of the view: they are made when they are needed, as in HAProxy
}

// build has the table be that of a view.
func (t *table) build(v pool.View) { t.view, t.stale = v, true }

// fill fills the slots: each gets the server that is furthest behind its share,
// in whole slots, and of several the first in the configuration.
func (t *table) fill() {
	if !t.stale {
		return
	}
	v := t.view
	divisor, total := 0, 0
	for _, s := range v.All {
		divisor = gcd(s.Weight, divisor)
	}
	for _, w := range v.Weights {
		divisor = gcd(w, divisor)
		total += w
	}
	t.slots, t.stale = t.slots[:0], false
	if total == 0 {
		return
	}
	total /= divisor
	gains := newCalendar(total, len(v.Servers)) // by the slot with which another one is due
	behind := newLevels(len(v.Servers))         // by slots had beyond those due
	gained := make([]int, len(v.Servers))
	share := func(i, slots int) int { // the slot with which so many are due
		weight := v.Weights[i] / divisor
		return (slots*total + weight - 1) / weight
	}
	for i := range v.Servers {
		gains.put(i, share(i, 1))
		behind.put(i, 0)
	}
	for slot := 1; slot <= total; slot++ {
		for i := gains.take(slot); i >= 0; i = gains.take(slot) {
			behind.move(i, -1)
			gained[i]++
			gains.put(i, share(i, gained[i]+1))
		}
		i := behind.first()
		t.slots = append(t.slots, v.Servers[i])
		behind.move(i, 1)
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// next is the next server that suits; nil where none does. Behind the last slot
// comes the first one, unless the table has grown by then.
func (t *table) next(suits func(*pool.Server) bool) *pool.Server {
	t.fill()
	at := t.position
	for range t.slots {
		if at >= len(t.slots) {
			at = 0
		}
		s := t.slots[at]
		at++
		if suits(s) {
			t.position = at
			return s
		}
	}
	return nil
}

// lookup is the server of a hash. If the request avoids it, it is the next one in
// the table; but HAProxy's redispatch finds the same again.
func (t *table) lookup(hash uint32, r *pool.Request) *pool.Server {
	t.fill()
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
