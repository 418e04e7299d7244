// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// minFollow is the least time between two looks of Follow at a name.
const minFollow = 10 * time.Millisecond

// Follow looks a name up whenever that is due, whether anything uses it or not, until done is
// closed. It calls f with the first result, and whenever the addresses have changed: none, and the
// error, once nothing is known of the name or Hold is over.
func (r *Resolver) Follow(n Name, done <-chan struct{}, f func(addresses []netip.Addr, err error)) {
	var last []netip.Addr
	for first := true; ; first = false {
		a, err := r.Lookup(n, 0, done)
		select {
		case <-done:
			return
		default:
		}
		sorted := slices.SortedFunc(slices.Values(a.Addresses), netip.Addr.Compare)
		if first || !slices.Equal(last, sorted) {
			last = sorted
			f(a.Addresses, err)
		}
		changed, due := r.next(n)
		if !await(nil, done, time.Now().Add(minFollow)) || !await(changed, done, due) {
			return
		}
	}
}

// next returns a channel that is closed after the next lookup of a name, and when one is due; zero:
// one is running.
func (r *Resolver) next(n Name) (changed <-chan struct{}, due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entry(strings.ToLower(n.Host), time.Now())
	for _, f := range wanted(n.Family) {
		if rec := e.record(f); !rec.lookingUp {
			due = earlier(due, later(rec.due, time.Unix(1, 0)))
		}
	}
	return e.changed, due
}
