// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// Resolver is the current state of a resolver.
type Resolver struct {
	// ID is default for the names in the configuration, clients for those that clients choose, or the
	// name of configured resolvers.
	ID string `json:"id"`
	// Found, NotFound and Failed are the numbers of lookups so far, each of one IP version of a name.
	Found    uint64 `json:"found"`
	NotFound uint64 `json:"not_found"`
	Failed   uint64 `json:"failed"`
	// Running is the number of lookups that have not ended.
	Running int            `json:"running"`
	Names   []ResolvedName `json:"names"`
}

// ResolvedName is the current state of a host name.
type ResolvedName struct {
	Host string `json:"host"`
	// Addresses are those in use.
	Addresses []string `json:"addresses"`
	// Error is that of the last lookup, if it has failed.
	Error string `json:"error,omitempty"`
	// LookedUp is when the last lookup ended, Used when the name was needed last.
	LookedUp *time.Time `json:"looked_up,omitempty"`
	Used     *time.Time `json:"used,omitempty"`
}

func newResolvers() []Resolver {
	all := []Resolver{}
	for _, r := range control.Resolvers() {
		out := Resolver{ID: r.ID, Found: r.Found, NotFound: r.NotFound, Failed: r.Failed, Running: r.Running, Names: []ResolvedName{}}
		for _, n := range r.Names {
			name := ResolvedName{Host: printable.Text(n.Host), Addresses: []string{}, LookedUp: timeOrNil(n.LookedUp), Used: timeOrNil(n.Used)}
			for _, a := range n.Addresses {
				name.Addresses = append(name.Addresses, a.String())
			}
			if n.Err != nil {
				name.Error = n.Err.Error()
			}
			out.Names = append(out.Names, name)
		}
		all = append(all, out)
	}
	return all
}
