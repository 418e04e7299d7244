// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// endCounts counts the connections of a frontend. They continue over reloads.
type endCounts struct {
	accepted, sessions atomic.Int64
	maxRate            highest                       // of sessions, when it was read
	accepts            frequency.Rate                // of accepted
	maxConnRate        highest                       // of accepts, when it was read
	by                 [tcplog.EndCount]atomic.Int64 // those that have ended, by how
	tally              tally.Split[Tally]
	captured           capture
}

// keptFrontends is the number of frontends whose counts are kept although no configuration has them
// any more: one that a reload brings back continues them.
const keptFrontends = 1024

// frontendEnds holds the counts of frontends by name.
var frontendEnds = weakRegistry[endCounts]{keep: keptFrontends}

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
		if !isNamed(name) {
			continue
		}
		c := Counts{Connections: frontendConns.load(name), Ended: make(map[string]int64)}
		for end := range counts.by {
			if n := counts.by[end].Load(); n > 0 {
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

// isNamed reports whether a configuration has a frontend of that name, or a connection is one of
// its.
func isNamed(name string) bool {
	return activeFrontends.lookup(name) != nil || frontendConns.load(name) > 0
}
