// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"slices"
	"time"
)

// departure is an address that a server had before, and when that ended.
type departure struct {
	address string
	at      time.Time
}

// departures are the former addresses of a server that may still have sessions, oldest first, and
// the timer that evicts these sessions.
type departures struct {
	list  []departure
	timer *time.Timer
}

// stop cancels the eviction.
func (d *departures) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// leave notes that a server is no longer at an address, and forgets former addresses that have no
// sessions any more.
func (s *state) leave(address string, now time.Time) {
	had := s.addressesOfLeases()
	list := slices.DeleteFunc(s.departures.list, func(d departure) bool { return d.address == address || !had[d.address] })
	if had[address] {
		list = append(list, departure{address, now})
	}
	s.departures.list = list
}

// addressesOfLeases returns the addresses at which a server has connections.
func (s *state) addressesOfLeases() map[string]bool {
	all := make(map[string]bool)
	for l := s.leases; l != nil; l = l.next {
		if !all[l.Server.Address] {
			all[l.Server.Address] = true
		}
	}
	return all
}

// scheduleDepartures sets the timer that evicts the sessions at the oldest former address.
func (b *backend) scheduleDepartures(s *state, timeout time.Duration) {
	d := &s.departures
	d.stop()
	if timeout <= 0 || len(d.list) == 0 {
		return
	}
	d.timer = time.AfterFunc(time.Until(d.list[0].at.Add(timeout)), func() {
		b.mu.Lock()
		defer b.unlock()
		b.evictDeparted(s, timeout)
	})
}

// evictDeparted evicts the sessions at former addresses whose time is over.
func (b *backend) evictDeparted(s *state, timeout time.Duration) {
	for now := time.Now(); len(s.departures.list) > 0 && now.Sub(s.departures.list[0].at) >= timeout; {
		address := s.departures.list[0].address
		s.departures.list = s.departures.list[1:]
		if in := b.current(s); in != nil && s.addressNow(in) == address { // it is back
			continue
		}
		b.evictIf(s, EvictServerRemoved, func(l *Lease) bool { return l.Server.Address == address })
	}
	b.scheduleDepartures(s, timeout)
}

// Slot is a server whose address can be set by Registry.Resolve.
type Slot struct {
	Name string
	// Resolution is the last one; nil: none yet.
	Resolution *Resolution
	// Former are the addresses that the server had before, and at which it may still have sessions.
	Former []string
}

// Slots returns the Resolvable servers of a backend, in order, or ErrNoBackend.
func (r *Registry) Slots(backend string) (all []Slot, err error) {
	b := r.serving(backend)
	if b == nil {
		return nil, ErrNoBackend
	}
	defer b.unlock()
	for _, s := range b.pool.Servers() {
		if !s.Resolvable {
			continue
		}
		slot := Slot{Name: s.Name, Resolution: s.state.resolution}
		for _, d := range s.state.departures.list {
			slot.Former = append(slot.Former, d.address)
		}
		all = append(all, slot)
	}
	return all, nil
}
