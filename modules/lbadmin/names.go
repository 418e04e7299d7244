// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// Names are the server names that clients ask for. Bytes that are not printable are \xNN.
type Names struct {
	// Names are sorted, the most frequent first.
	Names []NameCount `json:"names"`
	// Others is the number of connections with other names.
	Others uint64 `json:"others"`
	// Bytes are the names with the most bytes both ways, counted when connections end.
	Bytes []NameCount `json:"bytes"`
	// Failures are the names whose connections were refused or failed most often.
	Failures []NameCount `json:"failures"`
	// Unknown are the names asked for most often that no rule and no default has a backend for.
	Unknown []NameCount `json:"unknown"`
}

// NameCount counts the connections or the bytes of a server name.
type NameCount struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
	// Error is the most by which Count is too high, which depends on the number of names.
	Error uint64 `json:"error,omitempty"`
}

func newNames() Names {
	n := control.Names()
	return Names{newNameCounts(n.Connections), n.Others, newNameCounts(n.Bytes), newNameCounts(n.Failures), newNameCounts(n.Unknown)}
}

func newNameCounts(list []control.NameCount) []NameCount {
	out := make([]NameCount, 0, len(list))
	for _, c := range list {
		out = append(out, NameCount{printable.Text(c.Name), c.Count, c.AtMost})
	}
	return out
}

// Hellos count what clients sent first.
type Hellos struct {
	Frontends map[string]HelloCounts `json:"frontends"`
	// JA4 are the most frequent fingerprints, of the whole process, and JA4Others is the number of
	// hellos with others. JA4Counted reports whether they are counted.
	JA4        []NameCount `json:"ja4"`
	JA4Others  uint64      `json:"ja4_others"`
	JA4Counted bool        `json:"ja4_counted"`
}

// HelloCounts count what the clients of a frontend sent first.
type HelloCounts struct {
	// Outcomes is the number of ended connections by the outcome of the inspection.
	Outcomes map[string]uint64 `json:"outcomes"`
	// Hellos is the number of complete hellos.
	Hellos uint64 `json:"hellos"`
	// Offered is the number of hellos by the highest version of TLS that they offer, Chosen that of
	// sessions by the version that the server chose: 1.3, 1.2, 1.1, 1.0, ssl3 or other.
	Offered map[string]uint64 `json:"offered"`
	Chosen  map[string]uint64 `json:"chosen"`
	// PostQuantum is the number of hellos with a key share of a post-quantum group, ECH that of hellos
	// with an encrypted one, or with the imitation of one that browsers send.
	PostQuantum uint64 `json:"post_quantum"`
	ECH         uint64 `json:"ech"`
}

func newHellos() Hellos {
	out := Hellos{Frontends: make(map[string]HelloCounts)}
	for name, c := range control.Hellos() {
		out.Frontends[name] = HelloCounts{c.Outcomes, c.Total, versionCounts(&c.Offered), versionCounts(&c.Chosen), c.PostQuantum, c.ECH}
	}
	list, others, counted := control.Fingerprints()
	out.JA4, out.JA4Others, out.JA4Counted = newNameCounts(list), others, counted
	return out
}

// versionCounts returns counts by the names of versions, without zeros.
func versionCounts(v *frontend.Versions) map[string]uint64 {
	counts := make(map[string]uint64)
	for i, n := range v {
		if n > 0 {
			counts[frontend.VersionNames[i]] = n
		}
	}
	return counts
}
