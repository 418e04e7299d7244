// SPDX-License-Identifier: Apache-2.0

package control

import "github.com/caddy-passthrough/caddy-passthrough/modules/resolve"

// ResolverStatus is a snapshot of a resolver and its names.
type ResolverStatus struct {
	// ID is default for the names in the configuration, clients for those that clients choose.
	ID string
	resolve.Stats
	Names []resolve.NameStatus
}

// Resolvers returns the resolvers.
func Resolvers() (all []ResolverStatus) {
	for _, r := range [...]struct {
		id string
		*resolve.Resolver
	}{{"default", resolve.Servers}, {"clients", resolve.Clients}} {
		all = append(all, ResolverStatus{r.id, r.Stats(), r.Statuses()})
	}
	return all
}
