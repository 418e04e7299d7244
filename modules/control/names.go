// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"maps"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// topNames is the number of names in each list of NameCounts.
const topNames = 100

// NameCount is a name with its number of connections, or of bytes. The number is too high by AtMost
// at most: with very many names, the numbers of those with few are not known exactly.
type NameCount struct {
	Name   string
	Count  uint64
	AtMost uint64
}

// NameCounts are the server names that clients ask for, of the whole process, each list with the
// highest first.
type NameCounts struct {
	// Connections are the most frequent names, Others is the number of connections with other ones.
	Connections []NameCount
	Others      uint64
	// Bytes are the names with the most bytes both ways, of connections that have ended.
	Bytes []NameCount
	// Failures are the names whose connections were refused or failed most often.
	Failures []NameCount
	// Unknown are the names asked for most often that no rule and no default has a backend for.
	Unknown []NameCount
}

// Names returns the counts of names.
func Names() (n NameCounts) {
	n.Connections, n.Others = mostFrequent(&frontend.ServerNames)
	n.Bytes = highest(&frontend.NameBytes)
	n.Failures = highest(&frontend.NameFailures)
	n.Unknown = highest(&frontend.UnknownNames)
	return n
}

// mostFrequent returns names sorted by their counts, and the count of all others.
func mostFrequent(names *tally.Names) (list []NameCount, others uint64) {
	counts, others := names.All()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, NameCount{Name: name, Count: counts[name]})
	}
	slices.SortStableFunc(list, func(a, b NameCount) int { return cmp.Compare(b.Count, a.Count) })
	return list, others
}

func highest(of *tally.Top) (list []NameCount) {
	for _, c := range of.Highest(topNames) {
		list = append(list, NameCount{c.Name, c.Count, c.Error})
	}
	return list
}

// HelloCounts counts what clients of a frontend, or of all, sent first.
type HelloCounts struct {
	// Outcomes is the number of ended connections by the outcome of the inspection: hello, not_tls and
	// so on, or not_inspected. Outcomes that have not happened are left out.
	Outcomes map[string]uint64
	frontend.HelloCounts
}

// Hellos returns the counts by frontend.
func Hellos() map[string]HelloCounts {
	all := make(map[string]HelloCounts)
	for name, m := range frontend.AllMetrics() {
		c := HelloCounts{make(map[string]uint64), m.Hellos}
		for outcome, n := range m.Outcomes {
			if n > 0 {
				c.Outcomes[frontend.OutcomeName(outcome)] = n
			}
		}
		all[name] = c
	}
	return all
}

// Fingerprints returns the most frequent JA4 fingerprints of hellos, and the number of others.
// counted is false if they are not counted: see the option ja4 of metrics.
func Fingerprints() (list []NameCount, others uint64, counted bool) {
	list, others = mostFrequent(&frontend.Fingerprints)
	return list, others, frontend.Fingerprints.Counts()
}
