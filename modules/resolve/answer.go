// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	// minShare is the least time for a connect to one of several addresses, as in package net.
	minShare = 2 * time.Second
	// unreachableTime is the time for which addresses come last after a connect to them failed and one
	// to another succeeded (RFC 6555, section 4.1).
	unreachableTime = 10 * time.Minute
)

// Answer holds the addresses of a name.
type Answer struct {
	// Addresses are in the order in which to try them. They must not be modified.
	Addresses []netip.Addr
	// RenewError is the error of the last lookup; nil: it succeeded.
	RenewError error

	resolver *Resolver
	entry    *entry
}

// answer returns the known addresses of a name, in its order. The caller holds mu.
func (r *Resolver) answer(e *entry, n Name, now time.Time) (Answer, error) {
	a := Answer{resolver: r, entry: e}
	var held []netip.Addr // of families that the DNS no longer has addresses of
	for _, f := range preferred(e, n) {
		rec := e.record(f)
		switch {
		case !rec.absentSince.IsZero():
			held = append(held, rec.addresses...)
			continue
		case len(a.Addresses) == 0:
			a.Addresses = slices.Clip(rec.addresses)
		default:
			a.Addresses = append(a.Addresses, rec.addresses...)
		}
		if rec.err != nil && len(rec.addresses) > 0 {
			a.RenewError = &Error{Host: e.host, Err: rec.err}
		}
	}
	if len(a.Addresses) == 0 {
		if a.Addresses = held; len(held) == 0 {
			return Answer{}, e.lookupError(n.Family)
		}
		a.RenewError = e.lookupError(n.Family)
	}
	if len(n.Networks) > 0 {
		var near, far []netip.Addr
		for _, address := range a.Addresses {
			if n.isNear(address) {
				near = append(near, address)
			} else {
				far = append(far, address)
			}
		}
		a.Addresses = slices.Concat(near, far)
	}
	if now.Before(e.unreachableUntil) {
		a.Addresses = slices.Clone(a.Addresses)
		slices.SortStableFunc(a.Addresses, func(a, b netip.Addr) int {
			return cmp.Compare(slices.Index(e.unreachable, a), slices.Index(e.unreachable, b))
		})
	}
	return a, nil
}

// Connect calls dial with one address after the other until dial succeeds or done is closed, and
// returns dial's result, or its error for the first address. dial must give up after the time that
// it gets: within is spread over the addresses, and each gets at least 2 s of what remains. A zero
// within is no limit.
func (a Answer) Connect(within time.Duration, done <-chan struct{}, dial func(to netip.Addr, within time.Duration) (net.Conn, error)) (net.Conn, error) {
	var first error
	began := time.Now()
	for i, to := range a.Addresses {
		share := time.Duration(0)
		if within > 0 {
			left := within - time.Since(began)
			if i > 0 && left <= 0 {
				break
			}
			share = min(left, max(left/time.Duration(len(a.Addresses)-i), minShare))
		}
		conn, err := dial(to, share)
		if err == nil {
			if i > 0 {
				a.entry.demote(a.Addresses[:i], to, a.resolver)
			}
			return conn, nil
		}
		if first == nil {
			first = err
		}
		select {
		case <-done:
			return nil, err
		default:
		}
	}
	return nil, first
}

// demote makes addresses come last for a while, except the one that works.
func (e *entry) demote(failed []netip.Addr, works netip.Addr, r *Resolver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Before(e.unreachableUntil) {
		failed = slices.Concat(e.unreachable, failed)
	}
	kept := make([]netip.Addr, 0, len(failed))
	for _, a := range failed {
		if a != works && !slices.Contains(kept, a) && len(kept) < maxAddresses {
			kept = append(kept, a)
		}
	}
	e.unreachable, e.unreachableUntil = kept, now.Add(unreachableTime)
}
