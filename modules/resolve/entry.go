// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// entry is the state of a host. It is guarded by the resolver's mu.
type entry struct {
	host     string
	records  [2]record // of IPv4 and IPv6
	element  *list.Element
	used     time.Time
	changed  chan struct{} // closed and replaced after each lookup
	notifyMu sync.Mutex    // held while Notify is called; taken before the resolver's mu

	routed           bool         // there is a route to its IPv6 addresses
	unreachable      []netip.Addr // from the last Connect; replaced, never modified
	unreachableUntil time.Time
	absenceNotified  bool // Notify was called: no addresses left
}

// record holds the addresses of one family of a host.
type record struct {
	addresses       []netip.Addr             // replaced, never modified: answers share it
	lookingUp       bool                     // a lookup is running
	startedAt       time.Time                // start of the running or last lookup
	finishedAt      time.Time                // end of the last lookup; zero: there was no lookup
	due             time.Time                // when the next lookup is due
	settledAt       time.Time                // since then no lookup needs to wait
	absentSince     time.Time                // since then the DNS has none; zero: it has
	confirmedAt     time.Time                // when the DNS had them last
	seen            map[netip.Addr]time.Time // in the last answer with each; nil without Hold.Obsolete
	err             error                    // of the last lookup
	failureNotified bool                     // Notify was called: renewing fails
}

// result is the result of a lookup.
type result struct {
	addresses []netip.Addr
	ttl       time.Duration
	err       error
	routed    bool
}

// Change is a change of a name's addresses by a lookup.
type Change struct {
	Host string
	// Err is the error of the lookup; nil: the addresses were renewed.
	Err error
	// Before and After are the addresses of the family that was looked up. If Err is set, After are
	// the ones that stay in use.
	Before, After []netip.Addr
}

// Moved reports whether all former addresses are gone.
func (c *Change) Moved() bool {
	return len(c.Before) > 0 && len(c.After) > 0 && !slices.ContainsFunc(c.After, func(a netip.Addr) bool { return slices.Contains(c.Before, a) })
}

func (e *entry) record(f Family) *record { return &e.records[f-IPv4] }

// isSettled reports whether the record can be used without a lookup: addresses while they are in
// regular use, their absence until the next lookup is due.
func (r *record) isSettled(now time.Time) bool {
	if r.finishedAt.IsZero() {
		return false
	}
	if len(r.addresses) > 0 {
		return now.Sub(r.finishedAt) <= idleTime
	}
	return now.Before(r.due)
}

// apply stores the result of a lookup. worth reports whether Notify is to be called.
func (e *entry) apply(f Family, got *result, t times, now time.Time) (c Change, worth bool) {
	r := e.record(f)
	if !r.isSettled(now) {
		r.settledAt = now
	}
	if got.err == nil && len(got.addresses) == 0 {
		got.err = &net.DNSError{Err: "no addresses", Name: e.host, IsNotFound: true}
	}
	before := r.addresses
	r.lookingUp, r.finishedAt, r.err = false, now, got.err
	switch {
	case r.err == nil:
		r.confirm(got.addresses, t.hold, now)
		r.due = now.Add(t.lifetime(got.ttl))
		if f == IPv6 {
			e.routed = got.routed
		}
	case !isNotFound(r.err):
		r.absentSince = time.Time{} // it may exist again
		r.due = now.Add(t.retry)
	default:
		if r.absentSince.IsZero() {
			r.absentSince = now
		}
		r.due = now.Add(t.negative)
	}
	if r.err != nil && t.hold.isOver(r, now) {
		r.addresses = nil
	}
	if isNotFound(r.err) && len(r.addresses) == 0 && len(e.other(r).addresses) > 0 {
		// Most names have one family only: the other one is asked for as often, not each second.
		r.due = now.Add(max(t.lifetime(0), t.negative))
	}
	return e.change(r, before)
}

// other returns the record of the other family.
func (e *entry) other(r *record) *record {
	if r == &e.records[0] {
		return &e.records[1]
	}
	return &e.records[0]
}

// change returns the change by a lookup of r. worth reports whether Notify is to be called: once if
// renewing fails or no address is left, and once if all is well again.
func (e *entry) change(r *record, before []netip.Addr) (c Change, worth bool) {
	c = Change{Host: e.host, Before: before, After: r.addresses}
	other := e.other(r)
	switch {
	case r.err == nil:
		worth = r.failureNotified || e.absenceNotified || c.Moved()
		r.failureNotified, e.absenceNotified = false, false
	case len(r.addresses)+len(other.addresses) == 0:
		if other.lookingUp {
			break
		}
		c.Err, worth = e.lookupError(Any), !e.absenceNotified
		e.absenceNotified = true
	case len(r.addresses) > 0 && (!isNotFound(r.err) || len(other.addresses) == 0):
		c.Err, worth = &Error{Host: e.host, Err: r.err}, !r.failureNotified
		r.failureNotified = true
	}
	return c, worth
}

// lookupError returns why there are no addresses: "no such host" only if both families say so.
func (e *entry) lookupError(family Family) error {
	var reason error
	for _, f := range wanted(family) {
		err := e.record(f).err
		if err == nil && e.record(f).lookingUp {
			err = errNoAnswer
		}
		if err != nil && (reason == nil || isNotFound(reason)) {
			reason = err
		}
	}
	if reason == nil {
		reason = errBusy
	}
	return &Error{Host: e.host, Err: reason}
}

// merge returns the addresses of an answer, the ones known before in front, in their old order: a
// server stays at one address as long as possible.
func merge(before, answer []netip.Addr) []netip.Addr {
	var all []netip.Addr
	for _, a := range answer {
		if a = a.Unmap(); a.IsValid() && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return rank(before, a) - rank(before, b) })
	return slices.Clip(all[:min(len(all), maxAddresses)])
}

// rank returns the index of an address, or the length if it is missing.
func rank(addresses []netip.Addr, a netip.Addr) int {
	if i := slices.Index(addresses, a); i >= 0 {
		return i
	}
	return len(addresses)
}

func isNotFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
