// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Totals are the connections of all frontends, also of those that a reload has removed. They rise,
// unless ClearCounters begins them anew.
type Totals struct {
	// Sessions is the number of connections that the rules about the client's address let through.
	Sessions int64
	// Failures is the number of connections that were refused or failed; see tcplog.End.IsFailure.
	Failures int64
}

// AllTotals returns the sums over all frontends.
func AllTotals() (sum Totals) {
	for _, counts := range frontendEnds.all() {
		sum.Sessions += counts.sessions.Load()
		for end := range tcplog.EndCount {
			if end.IsFailure() {
				sum.Failures += counts.by[end].Load()
			}
		}
	}
	return sum
}

// NamedLoad is the number of connections of a frontend, and its limit; 0: none.
type NamedLoad struct {
	Name        string
	Connections int64
	MaxConn     int
}

// AllLoads returns the loads of the frontends that a configuration has, sorted by name.
func AllLoads() (all []NamedLoad) {
	running := activeFrontends.all()
	for _, name := range slices.Sorted(maps.Keys(running)) {
		if f := running[name].current(); f != nil {
			all = append(all, NamedLoad{name, f.conns.Load(), f.maxConn()})
		}
	}
	return all
}
