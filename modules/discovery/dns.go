// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// Times of the DNS.
const (
	// defaultTTL is the lifetime of an answer whose TTL is unknown. It is HAProxy's hold valid.
	defaultTTL = 10 * time.Second
	minTTL     = time.Second
	maxTTL     = 5 * time.Minute
	// answerTimeout limits a question, with all its repetitions.
	answerTimeout = 30 * time.Second
)

// lookups are the lookups of a source, by given resolvers.
type lookups struct {
	// Resolvers is the name of the resolvers to ask. Default: those of the system.
	Resolvers string `json:"resolvers,omitempty"`

	// ResolvePrefer is the version of IP whose addresses are used if a host has both: ipv4 or ipv6.
	// Default: ipv6, if there is a route to them.
	ResolvePrefer string `json:"resolve_prefer,omitempty"`

	used  resolve.Family // of the last addresses
	since time.Time      // the last good answer
	last  []Endpoint     // with those that are still held
	seen  map[string]time.Time
}

// families are the words for the two versions of IP.
var families = []string{"ipv4", "ipv6"}

// poll calls find, again when its answer has expired, and set with what it returns. It returns when
// find fails, or ctx is done.
func (o *lookups) poll(ctx context.Context, set func([]Endpoint), find func(context.Context, *resolve.Resolver) ([]Endpoint, time.Duration, error)) error {
	for {
		r := resolve.Named(o.Resolvers)
		if r == nil {
			return fmt.Errorf("resolvers %q are not configured", o.Resolvers)
		}
		within, cancel := context.WithTimeout(ctx, answerTimeout)
		all, ttl, err := find(within, r)
		cancel()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // nothing is wrong: it was stopped
		}
		if err != nil {
			if o.isOver(r.Hold.For(err)) {
				set(nil)
			}
			return err
		}
		set(o.confirm(all, r.Hold))
		ttl = cmp.Or(ttl, r.Valid, defaultTTL)
		if r.Valid > 0 {
			ttl = min(ttl, r.Valid)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(max(ttl, minTTL), maxTTL)):
		}
	}
}

// isOver reports whether the last servers have been kept for long enough, as the resolvers hold
// them, after an answer that did not confirm them.
func (o *lookups) isOver(limit time.Duration) bool {
	if o.since.IsZero() {
		o.since = time.Now() // of servers that an earlier configuration has found
	}
	return limit >= 0 && time.Since(o.since) >= limit
}

// confirm returns the servers of a good answer, followed by those of earlier ones that are still
// held.
func (o *lookups) confirm(all []Endpoint, h *resolve.Hold) []Endpoint {
	now := time.Now()
	o.since = now
	if h == nil || h.Obsolete == 0 {
		return all
	}
	seen := make(map[string]time.Time, len(all))
	for _, e := range all {
		seen[e.Address] = now
	}
	all = slices.Clone(all)
	for _, e := range o.last {
		at := o.seen[e.Address]
		if _, confirmed := seen[e.Address]; !confirmed && (h.Obsolete < 0 || now.Sub(at) < h.Obsolete) {
			seen[e.Address], all = at, append(all, e)
		}
	}
	o.last, o.seen = all, seen
	return all
}

// holdsItself implements selfHolder.
func (*lookups) holdsItself() {}

// sourceOf returns what looks names up for a resolver.
func sourceOf(r *resolve.Resolver) resolve.Source {
	if r.Source == nil {
		return resolve.System{}
	}
	return r.Source
}

func isNotFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// found is the answer for one family.
type found struct {
	addresses []netip.Addr
	ttl       time.Duration
	err       error
}

// lookup returns the addresses of a host: those of one family, since a server that has both would
// count twice otherwise.
func (o *lookups) lookup(ctx context.Context, s resolve.Source, host string) ([]netip.Addr, time.Duration, error) {
	answers := make(map[resolve.Family]*found, 2)
	done := make(chan struct{})
	for _, f := range []resolve.Family{resolve.IPv4, resolve.IPv6} {
		a := new(found)
		answers[f] = a
		go func() {
			a.addresses, a.ttl, a.err = s.Lookup(ctx, host, f)
			a.addresses = slices.DeleteFunc(slices.Clone(a.addresses), isNoHost)
			done <- struct{}{}
		}()
	}
	for range answers {
		<-done
	}
	best := o.best(answers)
	if len(best.addresses) > 0 {
		return best.addresses, best.ttl, nil
	}
	for _, a := range answers {
		if a.err != nil && !isNotFound(a.err) {
			return nil, 0, a.err
		}
	}
	return nil, 0, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
}

// isNoHost reports whether an address is not that of a host.
func isNoHost(a netip.Addr) bool { return !a.IsValid() || a.IsUnspecified() || a.IsMulticast() }

// best returns the answer of the family to use. The family used before stays while its lookup
// fails: otherwise a lost packet would replace all servers.
func (o *lookups) best(answers map[resolve.Family]*found) *found {
	if used := answers[o.used]; used != nil && used.err != nil && !isNotFound(used.err) {
		return used
	}
	order := []resolve.Family{resolve.IPv6, resolve.IPv4}
	if six := answers[resolve.IPv6].addresses; o.ResolvePrefer == "ipv4" || o.ResolvePrefer == "" && (len(six) == 0 || !resolve.HasRoute(six[0])) {
		slices.Reverse(order)
	}
	for _, f := range order {
		if len(answers[f].addresses) > 0 {
			o.used = f
			return answers[f]
		}
	}
	return answers[order[0]]
}
