// SPDX-License-Identifier: Apache-2.0

package resolve

import "sync"

// forClients is a resolver's other one, for names that clients choose.
type forClients struct {
	once     sync.Once
	resolver *Resolver
}

// ForClients returns a resolver with the same source for names that clients choose, which are kept
// apart and bounded like those of Clients. It is always the same one. That of Servers, or of no
// resolver, is Clients.
func (r *Resolver) ForClients() *Resolver {
	if r == nil || r == Servers {
		return Clients
	}
	r.clients.once.Do(func() {
		r.clients.resolver = &Resolver{Source: r.Source, Names: Clients.Names, Lookups: Clients.Lookups, Negative: Clients.Negative}
	})
	return r.clients.resolver
}
