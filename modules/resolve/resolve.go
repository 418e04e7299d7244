// SPDX-License-Identifier: Apache-2.0

// Package resolve turns the names of servers into addresses, and keeps them. A
// name is looked up when an address of it is first needed; from then on its
// addresses are renewed in the background while they are used, so that nothing
// waits for the DNS that has waited before. Each family of IP is asked for by
// itself: a resolver that answers for one and not for the other does no harm.
// When a lookup fails, the last good addresses stay in use; only where the DNS
// says that there is no such name are they given up, after a while.
//
// The package knows no Caddy and no load balancing. What asks the DNS is a
// Source, and there is one for the system's resolver.
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

// Family is a version of IP.
type Family uint8

// The families.
const (
	Any  Family = iota // both
	IPv4               // A records
	IPv6               // AAAA records
)

// FamilyOf returns the family that a network of package net (tcp4, tcp6) or a
// word (ipv4, ipv6) stands for; Any for all others.
func FamilyOf(word string) Family {
	switch word {
	case "tcp4", "ipv4":
		return IPv4
	case "tcp6", "ipv6":
		return IPv6
	default:
		return Any
	}
}

// CutNetwork cuts tcp4/ or tcp6/ off an address, which is of that network of package
// net; one without is of tcp.
func CutNetwork(address string) (network, rest string) {
	for _, network := range []string{"tcp4", "tcp6"} {
		if rest, ok := strings.CutPrefix(address, network+"/"); ok {
			return network, rest
		}
	}
	return "tcp", address
}

// Source asks for addresses.
type Source interface {
	// Lookup returns the addresses of one family, IPv4 or IPv6, that a host has,
	// and for how long they are good; 0: it does not know. Where the host has none,
	// the error is a *net.DNSError with IsNotFound. It returns soon after ctx is
	// done.
	Lookup(ctx context.Context, host string, family Family) (addresses []netip.Addr, ttl time.Duration, err error)
}

// Name is a host that is looked up.
type Name struct {
	// Host is a name without a port. Upper and lower case are the same.
	Host string
	// Family is whose addresses are wanted.
	Family Family
	// Prefer is whose addresses come first. Any: those of IPv6, if there is a route
	// to them.
	Prefer Family
}

// NewName returns the name that the host of an address is: network is tcp, tcp4 or tcp6,
// as CutNetwork returns it, and prefer is ipv4, ipv6 or empty.
func NewName(network, host, prefer string) Name {
	return Name{Host: host, Family: FamilyOf(network), Prefer: FamilyOf(prefer)}
}

// Times, and the most addresses that are kept of one answer.
const (
	// lifetime is how long addresses are good whose source does not say so. It is
	// HAProxy's hold valid.
	lifetime = 10 * time.Second
	// minLifetime is how long addresses are good at least.
	minLifetime = time.Second
	// retryAfter is how long after a lookup that failed the next one begins.
	retryAfter = time.Second
	// holdTime is how long addresses are used after the DNS has said that there are none
	// any more. It is HAProxy's hold nx.
	holdTime = 30 * time.Second
	// familyDelay is how long the addresses of one family wait for those of the other
	// (RFC 8305, section 3).
	familyDelay = 50 * time.Millisecond
	// idleTime is how long after the last lookup addresses are used without waiting for
	// the next; after that, they are used if there is no answer within freshness.
	idleTime     = time.Minute
	freshTimeout = 500 * time.Millisecond
	// lookupTimeout is how long a lookup may take. The system's resolver gives up before,
	// unless it has many servers.
	lookupTimeout = 30 * time.Second
	// forgetAfter is how long a name is kept that is not used.
	forgetAfter = time.Hour

	maxAddresses = 16
)

// Resolver looks names up and keeps their addresses. Its zero value is ready, and
// it is safe for concurrent use. The fields must not change while it is used.
type Resolver struct {
	// Source is what is asked. Default: System.
	Source Source
	// Names is how many names are kept; those that have not been used for the longest
	// time are forgotten. Default: any number, for an hour after their last use.
	Names int
	// Lookups is how many lookups may be under way at a time; names that it takes
	// more for cannot be resolved. Default: any number.
	Lookups int
	// Negative is how long it is believed that there is no such name. Default: 1 s.
	Negative time.Duration
	// Notify is called after lookups that have changed something, one call at a time
	// for each name. It must not call the resolver.
	Notify func(Change)

	mu      sync.Mutex
	entries map[string]*entry
	used    list.List // of entries, the one used last in front
	lookups int       // under way

	route func(netip.Addr) bool // for tests; nil: routed
}

// The resolvers of the process. What they know outlives configurations.
var (
	// Servers is for names that the configuration holds.
	Servers = new(Resolver)
	// Clients is for names that clients choose. It keeps them apart from the others,
	// and bounds what they cost.
	Clients = &Resolver{Names: 1024, Lookups: 128, Negative: lifetime}
)

// Lookup returns the addresses of a name, at least one. It waits only where none
// are known, or they have not been used for a minute: for at most within, if that
// is above zero, and until done is closed. The error is an *Error, or net.ErrClosed
// once done is closed. An IP address as the host is its own answer.
func (r *Resolver) Lookup(n Name, within time.Duration, done <-chan struct{}) (Answer, error) {
	if ip, err := netip.ParseAddr(n.Host); err == nil {
		return Answer{Addresses: []netip.Addr{ip}}, nil
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

// await waits for one of three. It returns false if done is closed.
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

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// entry returns what is kept of a host, and notes that it is used. The caller
// holds the lock, as that of all that follows does.
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

// refresh has the lookups begin that are due, and returns until when it is worth to
// wait for one; zero: for as long as it takes. Of those that are over since began
// it does not wait for another one.
func (r *Resolver) refresh(e *entry, family Family, now, began time.Time) (until time.Time, wait bool) {
	var known, old time.Time // since when there are addresses; since when some are being renewed that may be old
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

// lookupIfDue begins a lookup of one family, if it is time and there is room for it.
func (r *Resolver) lookupIfDue(e *entry, f Family, now time.Time) {
	rec := e.record(f)
	if rec.lookingUp || now.Before(rec.due) || r.Lookups > 0 && r.lookups >= r.Lookups {
		return
	}
	rec.lookingUp, rec.startedAt = true, now
	r.lookups++
	go r.lookup(e, f)
}

// lookup is a lookup of one family.
func (r *Resolver) lookup(e *entry, f Family) {
	source, route, negative := r.Source, r.route, r.Negative
	if source == nil {
		source = System{}
	}
	if route == nil {
		route = hasRoute
	}
	if negative == 0 {
		negative = retryAfter
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	got := result{negative: negative}
	got.addresses, got.ttl, got.err = source.Lookup(ctx, e.host, f)
	got.routed = f == IPv6 && len(got.addresses) > 0 && route(got.addresses[0])

	e.notifyMu.Lock()
	defer e.notifyMu.Unlock()
	r.mu.Lock()
	r.lookups--
	change, news := e.apply(f, &got, time.Now())
	close(e.changed)
	e.changed = make(chan struct{})
	r.mu.Unlock()
	if news && r.Notify != nil {
		r.Notify(change)
	}
}
