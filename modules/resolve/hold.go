// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Hold says how long addresses stay in use after the DNS last had them, by what it has said since.
// Below zero is without limit. They are HAProxy's hold times.
type Hold struct {
	// NotFound is for a name that has no addresses, Refused and Other for errors of the DNS server,
	// and Timeout for its silence.
	NotFound, Refused, Other, Timeout time.Duration
	// Obsolete is for addresses that are missing among those of a good answer.
	Obsolete time.Duration
}

// times are the times of a resolver, with their defaults.
type times struct {
	valid, retry, negative time.Duration
	hold                   *Hold
}

func (r *Resolver) times() times {
	retry := cmp.Or(r.Retry, retryAfter)
	return times{valid: r.Valid, retry: retry, negative: cmp.Or(r.Negative, retry), hold: r.Hold}
}

// lifetime returns the time until addresses are looked up again. A ttl of 0 is unknown.
func (t *times) lifetime(ttl time.Duration) time.Duration {
	if ttl == 0 {
		ttl = cmp.Or(t.valid, lifetime)
	}
	if t.valid > 0 {
		ttl = min(ttl, t.valid)
	}
	return max(minLifetime, ttl)
}

// isOver reports whether addresses that the last lookup did not confirm have been held long enough.
func (h *Hold) isOver(r *record, now time.Time) bool {
	if h == nil {
		return isNotFound(r.err) && now.Sub(r.absentSince) >= holdTime
	}
	limit := h.For(r.err)
	return limit >= 0 && now.Sub(r.confirmedAt) >= limit
}

// For returns how long addresses stay in use after a lookup with this error; below zero is without
// limit. h may be nil.
func (h *Hold) For(err error) time.Duration {
	if h == nil {
		if isNotFound(err) {
			return holdTime
		}
		return -1
	}
	d, _ := errors.AsType[*net.DNSError](err)
	switch {
	case isNotFound(err):
		return h.NotFound
	case errors.Is(err, ErrRefused):
		return h.Refused
	case d != nil && (d.IsTimeout || d.IsTemporary):
		return h.Timeout
	default:
		return h.Other
	}
}

// confirm stores the addresses of a good answer, followed by those that are still held.
func (r *record) confirm(answer []netip.Addr, h *Hold, now time.Time) {
	before := r.addresses
	r.addresses, r.absentSince, r.confirmedAt = merge(before, answer), time.Time{}, now
	if h == nil || h.Obsolete == 0 {
		return
	}
	seen := make(map[netip.Addr]time.Time, len(r.addresses))
	for _, a := range r.addresses {
		seen[a] = now
	}
	for _, a := range before {
		at, known := r.seen[a]
		if _, confirmed := seen[a]; !confirmed && known && len(r.addresses) < maxAddresses && (h.Obsolete < 0 || now.Sub(at) < h.Obsolete) {
			seen[a], r.addresses = at, append(slices.Clip(r.addresses), a)
		}
	}
	r.seen = seen
}
