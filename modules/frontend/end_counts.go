// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// endCounts counts the connections of a frontend that have ended, by how. They continue over
// reloads.
type endCounts [tcplog.EndCount]atomic.Int64

// frontendEnds holds the counts of frontends by name.
var frontendEnds weakRegistry[endCounts]

// Counts are the connections of a frontend.
type Counts struct {
	// Connections is the number of those that are open.
	Connections int64 `json:"connections"`

	// Ended is the number of those that have ended, by the end in the log: complete, refused,
	// proxy_header_missing and so on. Ends that have not happened are left out.
	Ended map[string]int64 `json:"ended"`

	// Refused is the number of those that the option limit has refused, by the reason: per_ip, rate or
	// unfinished_hellos. They have ended as over_limit.
	Refused map[string]int64 `json:"refused,omitempty"`

	// UnfinishedHellos is the number of bytes of incomplete ClientHellos.
	UnfinishedHellos int64 `json:"unfinished_hellos"`
}

// AllCounts returns the counts of all frontends by name, those of frontends that a reload has
// removed only while they still have connections.
func AllCounts() map[string]Counts {
	all := make(map[string]Counts)
	for name, counts := range frontendEnds.all() {
		c := Counts{Connections: frontendConns.load(name), Ended: make(map[string]int64)}
		for end := range counts {
			if n := counts[end].Load(); n > 0 {
				c.Ended[tcplog.End(end).String()] += n
			}
		}
		if l := frontendLimits.lookup(name); l != nil {
			c.Refused, c.UnfinishedHellos = l.refusals.Counts(), l.hellos.Load()
		}
		all[name] = c
	}
	return all
}
