// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Versions counts versions of TLS.
type Versions [versionCount]uint64

// The places in Versions are the low bytes of the versions from SSL 3.0 to TLS 1.3; the last one is
// for all others.
const versionCount = 6

// VersionNames are the names of the places in Versions.
var VersionNames = [versionCount]string{"ssl3", "1.0", "1.1", "1.2", "1.3", "other"}

// count counts a version; 0 stands for none.
func (v *Versions) count(version uint16) {
	switch {
	case version == 0:
	case version>>8 == 3 && version&0xff < versionCount-1:
		v[version&0xff]++
	default:
		v[versionCount-1]++
	}
}

func (v *Versions) add(o *Versions) {
	for i := range v {
		v[i] += o[i]
	}
}

// HelloCounts counts the complete hellos of a frontend.
type HelloCounts struct {
	Total uint64
	// Offered counts the highest version that each hello offers, Chosen the versions that servers
	// chose.
	Offered, Chosen Versions
	// PostQuantum is the number of hellos with a key share of a post-quantum group, ECH that of hellos
	// with an encrypted one, or the imitation of one.
	PostQuantum, ECH uint64
}

// count counts a hello.
func (c *HelloCounts) count(h *clienthello.Hello) {
	c.Total++
	c.Offered.count(h.Version())
	if h.PostQuantum() {
		c.PostQuantum++
	}
	if h.ECH() {
		c.ECH++
	}
}

// Add adds the counts of another frontend or lane.
func (c *HelloCounts) Add(o *HelloCounts) {
	c.Total += o.Total
	c.Offered.add(&o.Offered)
	c.Chosen.add(&o.Chosen)
	c.PostQuantum += o.PostQuantum
	c.ECH += o.ECH
}

// OutcomeName returns the name of an index of Tally.Outcomes.
func OutcomeName(outcome int) string {
	if outcome == outcomes-1 {
		return "not_inspected"
	}
	return clienthello.Outcome(outcome).String()
}

// The names with the most bytes (of connections that have ended), those that failed most often, and
// those asked for most often for which no rule and no default chose a backend. They are counted if
// ServerNames are.
var (
	NameBytes    tally.Top
	NameFailures tally.Top
	UnknownNames tally.Top
)

// countName counts the name of a connection that has ended.
func (e *ending) countName(l *tally.Lane, name string, r *tcplog.Record) {
	ServerNames.Add(l, name)
	if moved := r.In + r.Out; moved > 0 {
		NameBytes.Add(l, name, uint64(moved))
	}
	if e.end.IsFailure() {
		NameFailures.Add(l, name, 1)
	}
	if e.end == tcplog.NoBackend || e.refusal.Reason == reasonNames[NoMatch] {
		UnknownNames.Add(l, name, 1)
	}
}
