// SPDX-License-Identifier: Apache-2.0

package resolve

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
