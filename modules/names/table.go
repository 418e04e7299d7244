// SPDX-License-Identifier: Apache-2.0

package names

import (
	"bytes"
	"fmt"
)

// A Target is what a pattern in a [Table] leads to.
type Target struct {
	// Rule is the number of a rule, of which a lesser one goes before a greater one.
	Rule int
	// Value is whatever the caller keeps for the pattern, such as an index of the backends that a map
	// names.
	Value int
}

// A Table maps patterns to targets. The zero value is an empty table. Once all patterns are added
// it is safe for concurrent use.
type Table struct {
	exact    targets
	wildcard targets // by what follows "*."
	suffix   targets // by what follows "."
	domain   targets // by what follows "+."
}

// targets have keys in normal form.
type targets map[string]target

// A target is a [Target] in half the memory.
type target struct{ rule, value int32 }

// Add adds a pattern with its target. Where the pattern is present, the target with the lesser rule
// is kept, and the one that is present if they are equal. The error is that of [Check], or says
// that a number does not fit in 32 bits.
//
// The table keeps the string itself, and with it the text it is a part of, unless it has to be
// normalized.
func (t *Table) Add(pattern string, to Target) error {
	k, normalized, err := parse(pattern)
	if err != nil {
		return err
	}
	packed := target{int32(to.Rule), int32(to.Value)}
	if packed.unpack() != to {
		return fmt.Errorf("adding pattern %q: rule %d and value %d, expected numbers of 32 bits", pattern, to.Rule, to.Value)
	}
	present := t.targets(k)
	if *present == nil {
		*present = make(targets)
	}
	host := normalized[len(k):]
	if old, ok := (*present)[host]; !ok || packed.rule < old.rule {
		(*present)[host] = packed
	}
	return nil
}

func (t target) unpack() Target { return Target{Rule: int(t.rule), Value: int(t.value)} }

func (t *Table) targets(k kind) *targets {
	switch k {
	case wildcard:
		return &t.wildcard
	case suffix:
		return &t.suffix
	case domain:
		return &t.domain
	default:
		return &t.exact
	}
}

// Lookup returns the target of the pattern that decides for the name, which must have the form that
// [Normalize] gives it. Of all patterns that match, the one with the least rule decides. Within one
// rule it is the most specific: the name itself, then "*.rest", ".rest" or "+.rest" with the
// longest rest, and of one rest in this order. (In HAProxy's map_end it is the first in the file.)
// Lookup does not allocate.
func (t *Table) Lookup(name []byte) (to Target, ok bool) {
	// The most specific goes first, so that only a lesser rule can take its place.
	var b best
	b.take(t.exact, name)
	b.take(t.domain, name)
	if first := bytes.IndexByte(name, '.'); first > 0 {
		b.take(t.wildcard, name[first+1:])
	}
	b.takeSuffixes(t, name)
	return b.unpack(), b.ok
}

// Hides returns the least rule in the table with a pattern that matches every name that the given
// pattern matches: a later rule with the given pattern would never be reached. It is false for an
// invalid pattern.
func (t *Table) Hides(pattern string) (rule int, ok bool) {
	k, normalized, err := parse(pattern)
	if err != nil {
		return 0, false
	}
	host := []byte(normalized[len(k):])
	if k == exact {
		to, ok := t.Lookup(host)
		return to.Rule, ok
	}
	var b best
	if k == wildcard {
		b.take(t.wildcard, host)
	}
	if k != domain {
		b.take(t.suffix, host)
	}
	b.take(t.domain, host)
	b.takeSuffixes(t, host)
	return int(b.rule), b.ok
}

// A best is the first target found that has the least rule.
type best struct {
	target
	ok bool
}

func (b *best) take(from targets, name []byte) {
	if found, ok := from[string(name)]; ok && (!b.ok || found.rule < b.rule) {
		b.target, b.ok = found, true
	}
}

// takeSuffixes takes the targets of all that follows a dot in name, the longest first, if something
// comes before the dot.
func (b *best) takeSuffixes(t *Table, name []byte) {
	if len(t.suffix) == 0 && len(t.domain) == 0 {
		return
	}
	for rest := name; ; {
		dot := bytes.IndexByte(rest, '.')
		if dot < 0 {
			return
		}
		rest = rest[dot+1:]
		if len(rest)+1 < len(name) {
			b.take(t.suffix, rest)
			b.take(t.domain, rest)
		}
	}
}
