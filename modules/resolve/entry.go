// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"cmp"
	"container/list"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// entry is what is kept of a host. It belongs to the resolver's lock.
type entry struct {
	host     string
	records  [2]record // of IPv4 and IPv6
	element  *list.Element
	used     time.Time
	changed  chan struct{} // closed when a lookup is over, and made anew
	notifyMu sync.Mutex    // held while Notify is called, and before the resolver's lock

	routed           bool         // there is a route to its addresses of IPv6
	unreachable      []netip.Addr // could not be connected to when others could; replaced, never changed
	unreachableUntil time.Time
	absenceNotified  bool // Notify knows that it has no addresses
}

// record is what is known of the addresses of one family.
type record struct {
	addresses       []netip.Addr // replaced, never changed: answers share it
	lookingUp       bool         // a lookup is under way
	startedAt       time.Time    // when that, or the last one, began
	finishedAt      time.Time    // when the last one was over; zero: none was
	due             time.Time    // when the next one is due
	settledAt       time.Time    // since when there is no need to wait for an answer
	absentSince     time.Time    // since when the DNS says that there are none; zero: it does not
	err             error        // of the last one
	failureNotified bool         // Notify knows that they are not renewed
}

// result is what has come of a lookup.
type result struct {
	addresses []netip.Addr
	ttl       time.Duration
	err       error
	routed    bool
	negative  time.Duration // for how long it is believed that there are none
}

// Change is what a lookup has changed.
type Change struct {
	Host string
	// Err is why the addresses could not be renewed; nil: they have been.
	Err error
	// Before and After are the addresses of the family that was asked for. With an
	// error, After are the ones that stay in use.
	Before, After []netip.Addr
}

// Moved reports whether none of the former addresses is left.
func (c *Change) Moved() bool {
	return len(c.Before) > 0 && len(c.After) > 0 && !slices.ContainsFunc(c.After, func(a netip.Addr) bool { return slices.Contains(c.Before, a) })
}

func (e *entry) record(f Family) *record { return &e.records[f-IPv4] }

// isSettled reports whether what is known will do for now: addresses while they are
// in use, the lack of them until it is time to ask again.
func (r *record) isSettled(now time.Time) bool {
	if r.finishedAt.IsZero() {
		return false
	}
	if len(r.addresses) > 0 {
		return now.Sub(r.finishedAt) <= idleTime
	}
	return now.Before(r.due)
}

// apply takes over what has come of a lookup. worth: the change is to be told.
func (e *entry) apply(f Family, got *result, now time.Time) (c Change, worth bool) {
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
		r.addresses, r.absentSince = merge(before, got.addresses), time.Time{}
		r.due = now.Add(max(minLifetime, cmp.Or(got.ttl, lifetime)))
		if f == IPv6 {
			e.routed = got.routed
		}
	case !isNotFound(r.err):
		r.absentSince = time.Time{} // it may be there again
		r.due = now.Add(retryAfter)
	default:
		if r.absentSince.IsZero() {
			r.absentSince = now
		}
		if now.Sub(r.absentSince) >= holdTime {
			r.addresses = nil
		}
		r.due = now.Add(got.negative)
	}
	return e.change(r, before)
}

// change says what a lookup of a record has changed. worth: it is to be told. That
// addresses are not renewed, or that there are none at all, is told once, as is that
// all is well again.
func (e *entry) change(r *record, before []netip.Addr) (c Change, worth bool) {
	c = Change{Host: e.host, Before: before, After: r.addresses}
	other := &e.records[0]
	if other == r {
		other = &e.records[1]
	}
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

// lookupError returns the reason that there are no addresses. That there is no such host is
// true only if both families say so.
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

// merge returns the addresses of an answer with those that were known before in
// front, in the order that they had: a server stays at one address while it can.
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

// element is where an address stands, or behind all.
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
