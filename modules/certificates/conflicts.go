// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/names"
)

// Limits of a search for conflicts, and of what it returns.
const (
	maxRouted    = 2000 // names of a frontend
	maxConflicts = 100
	maxConflict  = 10 // names of a conflict
)

// Presented is a certificate that servers of a backend present.
type Presented struct {
	Backend string
	*Certificate
}

// Conflict says that clients may reach the wrong backend. Browsers send requests for all names of a
// certificate over one HTTP/2 connection, if the names lead to one address (RFC 9113, section
// 9.1.1); a frontend routes the connection by the name that it was opened for.
type Conflict struct {
	Frontend string
	// Backend presents the certificate; Kept is one of its names that the frontend routes there.
	Backend, Kept string
	// Other is the backend to which the frontend routes Names, which are names of the certificate,
	// too: the first 10 of them and MoreNames others. It is empty if they belong to sites of Caddy.
	Other     string
	Names     []string
	MoreNames int
	*Certificate
}

// ConflictAdvice says what to do about a conflict.
const ConflictAdvice = "use certificates that do not share names between backends, or make the servers answer requests for names of others with status 421"

// To returns the name of the other backend, or what else gets the connections.
func (c *Conflict) To() string { return cmp.Or(c.Other, "sites of Caddy") }

// probeLabel stands for any label that no pattern names.
const probeLabel = "any-other-name"

// Conflicts returns the conflicts of a frontend: of the certificates that its backends present,
// with the patterns of its rules. route returns the backend of a name, empty for sites of Caddy; ok
// is false if the name is refused.
func Conflicts(frontend string, presented []Presented, patterns []string, route func(name string) (backend string, ok bool)) (found []Conflict) {
	routed := routeAll(coveredBy(presented, patterns), route)
	for _, p := range presented {
		for _, c := range p.conflicts(routed) {
			c.Frontend = frontend
			found = merge(found, c)
		}
	}
	slices.SortFunc(found, func(a, b Conflict) int {
		return cmp.Or(strings.Compare(a.Backend, b.Backend), strings.Compare(a.Other, b.Other))
	})
	return found[:min(len(found), maxConflicts)]
}

// merge adds a conflict, unless there is one of the same backends that has more names.
func merge(all []Conflict, c Conflict) []Conflict {
	for i := range all {
		if all[i].Backend != c.Backend || all[i].Other != c.Other {
			continue
		}
		if len(all[i].Names)+all[i].MoreNames < len(c.Names)+c.MoreNames {
			all[i] = c
		}
		return all
	}
	return append(all, c)
}

// coveredBy returns the names, and patterns of one label, that a certificate is valid for: those of
// the certificates themselves and of the rules. They are sorted, and bounded in number.
func coveredBy(presented []Presented, patterns []string) []string {
	valid := make(map[string]bool)
	for _, p := range presented {
		for _, name := range p.Names {
			if name, err := names.Validate(name); err == nil && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "+.") {
				valid[name] = true
			}
		}
	}
	covered := maps.Clone(valid)
	for _, pattern := range patterns {
		for _, name := range oneLabel(pattern) {
			if valid[wildcardOf(name)] {
				covered[name] = true
			}
		}
	}
	all := slices.Sorted(maps.Keys(covered))
	return all[:min(len(all), maxRouted)]
}

// oneLabel returns the names that a pattern matches, with "*." for any label: the names below that
// are not those of a certificate.
func oneLabel(pattern string) []string {
	switch {
	case strings.HasPrefix(pattern, "+."):
		return []string{pattern[len("+."):], "*" + pattern[len("+"):]}
	case strings.HasPrefix(pattern, "."):
		return []string{"*" + pattern}
	}
	return []string{pattern}
}

// wildcardOf returns the pattern of a certificate that covers a name.
func wildcardOf(name string) string {
	_, parent, _ := strings.Cut(name, ".")
	return "*." + parent
}

// routedNames are names by their backend.
type routedNames map[string]string

// routeAll returns where the names lead to.
func routeAll(all []string, route func(string) (string, bool)) routedNames {
	routed := make(routedNames, len(all))
	for _, name := range all {
		asked := name
		if parent, wild := strings.CutPrefix(name, "*."); wild {
			asked = probeLabel + "." + parent
		}
		if backend, ok := route(asked); ok {
			routed[name] = backend
		}
	}
	return routed
}

// conflicts returns the conflicts of one certificate.
func (p *Presented) conflicts(routed routedNames) (found []Conflict) {
	valid := make(map[string]bool, len(p.Names))
	for _, name := range p.Names {
		valid[name] = true
	}
	by := make(map[string][]string) // names of the certificate, by backend
	for name, backend := range routed {
		if valid[name] || valid[wildcardOf(name)] {
			by[backend] = append(by[backend], name)
		}
	}
	kept := by[p.Backend]
	delete(by, p.Backend)
	if len(kept) == 0 {
		return nil
	}
	slices.Sort(kept)
	for other, list := range by {
		slices.Sort(list)
		few := list[:min(len(list), maxConflict)]
		found = append(found, Conflict{Backend: p.Backend, Kept: kept[0], Other: other, Names: few, MoreNames: len(list) - len(few), Certificate: p.Certificate})
	}
	return found
}

// SameAs reports whether the conflict is another one with the same names.
func (c *Conflict) SameAs(other *Conflict) bool {
	return c.Frontend == other.Frontend && c.Backend == other.Backend && c.Other == other.Other && c.MoreNames == other.MoreNames && slices.Equal(c.Names, other.Names)
}
