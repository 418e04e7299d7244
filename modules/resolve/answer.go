// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	// leastShare is how long a connect to one of several addresses may take at least,
	// as in package net.
	leastShare = 2 * time.Second
	// remembered is how long an address comes first that worked when others did not
	// (RFC 6555, section 4.1).
	remembered = 10 * time.Minute
)

// Answer is what is known of a name.
type Answer struct {
	// Addresses are in the order in which they are to be tried. They must not be
	// changed.
	Addresses []netip.Addr
	// Trouble is why they could not be renewed; nil: they have been.
	Trouble error

	resolver *Resolver
	entry    *entry
}

// answer returns what is known of a name, in its order. The caller holds the lock.
func (r *Resolver) answer(e *entry, n Name, now time.Time) (Answer, error) {
	a := Answer{resolver: r, entry: e}
	var held []netip.Addr // of families that the DNS has none of any more
	for _, f := range preferred(e, n) {
		rec := e.record(f)
		switch {
		case !rec.gone.IsZero():
			held = append(held, rec.addresses...)
			continue
		case len(a.Addresses) == 0:
			a.Addresses = slices.Clip(rec.addresses)
		default:
			a.Addresses = append(a.Addresses, rec.addresses...)
		}
		if rec.err != nil && len(rec.addresses) > 0 {
			a.Trouble = &Error{Host: e.host, Err: rec.err}
		}
	}
	if len(a.Addresses) == 0 {
		if a.Addresses = held; len(held) == 0 {
			return Answer{}, e.why(n.Family)
		}
		a.Trouble = e.why(n.Family)
	}
	if i := slices.Index(a.Addresses, e.worked); i > 0 && now.Before(e.workedUntil) {
		a.Addresses = slices.Concat([]netip.Addr{e.worked}, a.Addresses[:i], a.Addresses[i+1:])
	}
	return a, nil
}

// Connect calls dial with one address after the other, until it succeeds or done
// is closed, and returns its result; the error is that of the first address. dial
// is to give up after the time that it is given: within is spread over the
// addresses, and each has at least 2 s of it while it lasts. Zero is no limit.
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
			share = min(left, max(left/time.Duration(len(a.Addresses)-i), leastShare))
		}
		conn, err := dial(to, share)
		if err == nil {
			if i > 0 {
				a.prefer(to)
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

// prefer has an address come first for a while.
func (a Answer) prefer(to netip.Addr) {
	a.resolver.mu.Lock()
	defer a.resolver.mu.Unlock()
	a.entry.worked, a.entry.workedUntil = to, time.Now().Add(remembered)
}
