// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// outcome is the outcome of a lookup.
type outcome uint8

const (
	found    outcome = iota
	notFound         // the DNS says that there is no such name, or no address
	failed
	outcomes // their number
)

func outcomeOf(r *result) outcome {
	switch {
	case r.err == nil && len(r.addresses) > 0:
		return found
	case r.err == nil || isNotFound(r.err):
		return notFound
	}
	return failed
}

// Stats are numbers of a resolver.
type Stats struct {
	// Found, NotFound and Failed are the numbers of lookups since the process began, each of one IP
	// family of a name.
	Found, NotFound, Failed uint64
	// Names is the number of names that are kept, Running that of lookups that have not ended.
	Names, Running int
}

// Stats returns the current numbers.
func (r *Resolver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{r.done[found], r.done[notFound], r.done[failed], len(r.entries), r.lookups}
}

// NameStatus is the state of a host name.
type NameStatus struct {
	Host string
	// Addresses are those in use, of IPv4 before IPv6.
	Addresses []netip.Addr
	// Err is the error of the last lookup that failed, unless a later one has succeeded.
	Err error
	// LookingUp reports whether a lookup runs. LookedUp is when the last one ended, zero if none has,
	// and Used when the name was last needed.
	LookingUp      bool
	LookedUp, Used time.Time
}

// Statuses returns the state of the host names that are kept, sorted.
func (r *Resolver) Statuses() []NameStatus {
	r.mu.Lock()
	all := make([]NameStatus, 0, len(r.entries))
	for _, e := range r.entries {
		all = append(all, e.status())
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b NameStatus) int { return cmp.Compare(a.Host, b.Host) })
	return all
}

func (e *entry) status() NameStatus {
	n := NameStatus{Host: e.host, Used: e.used}
	for _, f := range wanted(Any) {
		r := e.record(f)
		n.LookingUp = n.LookingUp || r.lookingUp
		if r.finishedAt.After(n.LookedUp) {
			n.LookedUp = r.finishedAt
		}
	}
	n.Addresses = slices.Concat(e.record(IPv4).addresses, e.record(IPv6).addresses)
	if len(n.Addresses) == 0 && !n.LookedUp.IsZero() {
		n.Err = e.lookupError(Any)
	}
	for _, f := range wanted(Any) {
		if err := e.record(f).err; err != nil && !isNotFound(err) {
			n.Err = &Error{Host: e.host, Err: err}
		}
	}
	return n
}
