// SPDX-License-Identifier: Apache-2.0

// Package resolve resolves the names of servers, and keeps their addresses. A name is looked up
// when an address of it is first needed; from then on its addresses are renewed in the background
// while they are in use, so that only the first connection waits for the DNS. Each IP family is
// looked up separately: a DNS server that answers for only one of them does no harm. When a lookup
// fails, the last good addresses stay in use; they are only dropped, after a while, when the DNS
// says that the name does not exist.
//
// The package depends on neither Caddy nor load balancing. A Source queries the DNS; System uses
// the system's resolver.
package resolve

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Source looks up addresses.
type Source interface {
	// Lookup returns the addresses of one family, IPv4 or IPv6, of a host, and their TTL; 0: unknown.
	// If the host has none, the error is a *net.DNSError with IsNotFound. It returns soon after ctx is
	// done.
	Lookup(ctx context.Context, host string, family Family) (addresses []netip.Addr, ttl time.Duration, err error)
}

// Times, and the maximum number of addresses kept of one answer.
const (
	// lifetime is the TTL of addresses if the source does not know it. It is HAProxy's hold valid.
	lifetime = 10 * time.Second
	// minLifetime is the minimum TTL.
	minLifetime = time.Second
	// retryAfter is the time from the end of a failed lookup to the start of the next.
	retryAfter = time.Second
	// holdTime is the time for which addresses are used after the DNS has no longer any. It is
	// HAProxy's hold nx.
	holdTime = 30 * time.Second
	// familyDelay is the time that the addresses of one family wait for those of the other (RFC 8305,
	// section 3).
	familyDelay = 50 * time.Millisecond
	// idleTime is the time after the last lookup for which addresses are used without waiting for the
	// next one; after that, they are used if there is no answer within freshTimeout.
	idleTime     = time.Minute
	freshTimeout = 500 * time.Millisecond
	// lookupTimeout limits a lookup. The system's resolver gives up earlier, unless it has many
	// servers.
	lookupTimeout = 30 * time.Second
	// forgetAfter is the time for which an unused name is kept.
	forgetAfter = time.Hour

	maxAddresses = 16
)

// Resolver looks up names and keeps their addresses. Its zero value is ready to use, and it is safe
// for concurrent use. The fields must not change while it is used.
type Resolver struct {
	// Source does the lookups. Default: System.
	Source Source
	// Names is the maximum number of names kept; the least recently used ones are dropped. Default: no
	// limit, for an hour after the last use.
	Names int
	// Lookups is the maximum number of concurrent lookups; names that would exceed it cannot be
	// resolved. Default: no limit.
	Lookups int
	// Negative is the time for which a missing name is not looked up again. Default: 1 s.
	Negative time.Duration
	// Valid is the time after which addresses are looked up again, even if their TTL is longer or
	// unknown. Default: the TTL, and 10 s for one that is unknown.
	Valid time.Duration
	// Retry is the time from the end of a failed lookup to the start of the next. Default: 1 s.
	Retry time.Duration
	// Hold says how long addresses stay in use that the DNS does not confirm. Default: half a minute
	// after it denied them for the first time, and without limit if it does not answer.
	Hold *Hold
	// Notify is called after lookups that changed something, one call at a time for each name. It must
	// not call the resolver.
	Notify func(Change)

	mu      sync.Mutex
	entries map[string]*entry
	used    list.List // of entries, most recently used first
	lookups int       // running
	done    [outcomes]uint64

	clients forClients

	route func(netip.Addr) bool // for tests; nil: HasRoute
}

// The resolvers of the process. Their entries outlive configurations.
var (
	// Servers is for names in the configuration.
	Servers = new(Resolver)
	// Clients is for names that clients choose. It separates them from the others and bounds their
	// cost.
	Clients = &Resolver{Names: 1024, Lookups: 128, Negative: lifetime}
)

// Lookup returns the addresses of a name, at least one. It only waits if none are known or they
// have not been used for a minute: until done is closed and, if within is above zero, no longer
// than that. The error is an *Error, or net.ErrClosed once done is closed. For an IP address as the
// host, Lookup returns that address. A nil resolver knows no other.
func (r *Resolver) Lookup(n Name, within time.Duration, done <-chan struct{}) (Answer, error) {
	if ip, err := netip.ParseAddr(n.Host); err == nil {
		return Answer{Addresses: []netip.Addr{ip}}, nil
	}
	if r == nil {
		return Answer{}, &Error{Host: n.Host, Err: errNoResolver}
	}
	began := time.Now()
	var over time.Time
	if within > 0 {
		over = began.Add(within)
	}
	n.Host = strings.ToLower(n.Host)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entry(n.Host, began)
	for now := began; ; now = time.Now() {
		until, wait := r.refresh(e, n.Family, now, began)
		if !wait || !over.IsZero() && !now.Before(over) {
			return r.answer(e, n, now)
		}
		changed := e.changed
		r.mu.Unlock()
		open := await(changed, done, earlier(until, over))
		r.mu.Lock()
		if !open {
			return Answer{}, net.ErrClosed
		}
	}
}

// await waits for changed, done or until. It returns false if done is closed.
func await(changed, done <-chan struct{}, until time.Time) bool {
	var over <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		over = t.C
	}
	select {
	case <-done:
		return false
	case <-changed:
	case <-over:
	}
	return true
}

// earlier returns the earlier of two times; zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// entry returns the entry of a host, and marks it as used. It drops entries that are over the
// limits. The caller holds mu, as for all methods below.
func (r *Resolver) entry(host string, now time.Time) *entry {
	e := r.entries[host]
	if e == nil {
		if r.entries == nil {
			r.entries = make(map[string]*entry)
		}
		e = &entry{host: host, changed: make(chan struct{})}
		e.element = r.used.PushFront(e)
		r.entries[host] = e
	}
	e.used = now
	r.used.MoveToFront(e.element)
	for {
		last := r.used.Back().Value.(*entry)
		if last == e || now.Sub(last.used) < forgetAfter && (r.Names == 0 || len(r.entries) <= r.Names) {
			return e
		}
		r.used.Remove(last.element)
		delete(r.entries, last.host)
	}
}

// refresh starts the lookups that are due, and reports whether to wait for one, and until when;
// zero: without limit. It does not wait again for lookups that ended after began.
func (r *Resolver) refresh(e *entry, family Family, now, began time.Time) (until time.Time, wait bool) {
	var known, old time.Time // the last settledAt; the last startedAt of a renewal
	for _, f := range wanted(family) {
		rec := e.record(f)
		has, answered := len(rec.addresses) > 0, rec.isSettled(now) || !rec.finishedAt.Before(began)
		if !answered || has {
			r.lookupIfDue(e, f, now)
		}
		switch {
		case answered || !rec.lookingUp:
			if has {
				known = later(known, rec.settledAt)
			}
		case has:
			wait, old = true, later(old, rec.startedAt)
		default:
			wait = true
		}
	}
	switch {
	case !known.IsZero():
		until = known.Add(familyDelay)
	case !old.IsZero():
		until = old.Add(freshTimeout)
	}
	return until, wait && (until.IsZero() || now.Before(until))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// lookupIfDue starts a lookup of one family, if it is due and Lookups allows it.
func (r *Resolver) lookupIfDue(e *entry, f Family, now time.Time) {
	rec := e.record(f)
	if rec.lookingUp || now.Before(rec.due) || r.Lookups > 0 && r.lookups >= r.Lookups {
		return
	}
	rec.lookingUp, rec.startedAt = true, now
	r.lookups++
	go r.lookup(e, f)
}

// lookup runs a lookup of one family.
func (r *Resolver) lookup(e *entry, f Family) {
	source, route := r.Source, r.route
	if source == nil {
		source = System{}
	}
	if route == nil {
		route = HasRoute
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	var got result
	got.addresses, got.ttl, got.err = source.Lookup(ctx, e.host, f)
	got.routed = f == IPv6 && len(got.addresses) > 0 && route(got.addresses[0])

	e.notifyMu.Lock()
	defer e.notifyMu.Unlock()
	r.mu.Lock()
	r.lookups--
	r.done[outcomeOf(&got)]++
	change, news := e.apply(f, &got, r.times(), time.Now())
	close(e.changed)
	e.changed = make(chan struct{})
	r.mu.Unlock()
	if news && r.Notify != nil {
		r.Notify(change)
	}
}
