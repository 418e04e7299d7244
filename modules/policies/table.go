// SPDX-License-Identifier: Apache-2.0

package policies

import "github.com/caddy-passthrough/caddy-passthrough/modules/pool"

// table is HAProxy's map of servers. It has as many slots as the sum of the weights, divided by
// their greatest common divisor. It maps hashes to servers, or is walked round-robin.
type table struct {
	slots    []*pool.Server
	position int
	view     pool.View
	stale    bool // slots is outdated: it is filled when needed, as in HAProxy
}

// build applies a new view.
func (t *table) build(v pool.View) { t.view, t.stale = v, true }

// fill fills the slots: each gets the server that is furthest behind its share, in whole slots, or
// the first of several in the configuration.
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
	gains := newCalendar(total, len(v.Servers)) // by the slot at which a server's share grows
	behind := newLevels(len(v.Servers))         // by slots received minus slots due
	gained := make([]int, len(v.Servers))
	share := func(i, slots int) int { // the first slot at which the share of i reaches slots
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

// next returns the next server that suits, or nil. It wraps around at the end, unless the table has
// grown in the meantime.
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

// lookup returns the server for a hash, or the next one in the table if the request avoids that
// server. After HAProxy's redispatch (a lenient request) it returns the same server again.
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
