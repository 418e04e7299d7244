// SPDX-License-Identifier: Apache-2.0

package control

import (
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// ResolverStatus is a snapshot of a resolver and its names.
type ResolverStatus struct {
	// ID is default for the names in the configuration, clients for those that clients choose, or the
	// name of configured resolvers.
	ID string
	// Nameservers are the DNS servers of configured resolvers.
	Nameservers []resolve.NameserverStats
	resolve.Stats
	Names []resolve.NameStatus
}

// Resolvers returns the resolvers.
func Resolvers() (all []ResolverStatus) {
	for _, r := range [...]struct {
		id string
		*resolve.Resolver
	}{{"default", resolve.Servers}, {"clients", resolve.Clients}} {
		all = append(all, statusOf(r.id, r.Resolver))
	}
	named := resolve.AllNamed()
	for _, id := range slices.Sorted(maps.Keys(named)) {
		all = append(all, statusOf(id, named[id]))
	}
	return all
}

func statusOf(id string, r *resolve.Resolver) ResolverStatus {
	return ResolverStatus{ID: id, Nameservers: r.Nameservers(), Stats: r.Stats(), Names: r.Statuses()}
}
