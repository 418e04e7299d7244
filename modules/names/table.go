// SPDX-License-Identifier: Apache-2.0

package names

import (
	"bytes"
	"fmt"
	"iter"
)

// A Target is the value of a pattern in a [Table].
type Target struct {
	// Rule is the number of a rule. Lower numbers take precedence.
	Rule int
	// Value is for the caller, such as an index into the backends that a map names.
	Value int
}

// A Table maps patterns to targets. The zero value is an empty table. It is safe for concurrent use
// once all patterns have been added.
type Table struct {
	exact    targets
	wildcard targets // without the "*."
	suffix   targets // without the "."
	domain   targets // without the "+."
}

// targets maps hosts in normal form, without the prefix of their kind.
type targets map[string]target

// A target holds a [Target] in half the memory.
type target struct{ rule, value int32 }

// Add adds a pattern with its target. If the table already has the pattern, the target with the
// lower rule wins, or the earlier one if the rules are equal. Add returns the error of [Check], or
// one for a number that does not fit in 32 bits.
//
// The table keeps the string, and so any larger text that it is a substring of, unless it had to be
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

// Lookup returns the target of the pattern that wins for the name, which must be in the form that
// [Normalize] returns. Of all patterns that match, the lowest rule wins. Within one rule the most
// specific pattern wins: the name itself, then "*.rest", ".rest" or "+.rest" with the longest rest,
// and for equal rests in this order. (HAProxy's map_end takes the first in the file.) Lookup does
// not allocate.
func (t *Table) Lookup(name []byte) (to Target, ok bool) {
	// The most specific pattern is tried first: take replaces it only by a lower rule.
	var b best
	b.take(t.exact, name)
	b.take(t.domain, name)
	if first := bytes.IndexByte(name, '.'); first > 0 {
		b.take(t.wildcard, name[first+1:])
	}
	b.takeSuffixes(t, name)
	return b.unpack(), b.ok
}

// Pattern returns the pattern that wins for the name, which must be in the form that [Normalize]
// returns, or "".
func (t *Table) Pattern(name []byte) string {
	to, ok := t.Lookup(name)
	if !ok {
		return ""
	}
	for _, k := range []kind{exact, domain} {
		if t.has(k, name, to.Rule) {
			return string(k) + string(name)
		}
	}
	if first := bytes.IndexByte(name, '.'); first > 0 && t.has(wildcard, name[first+1:], to.Rule) {
		return string(wildcard) + string(name[first+1:])
	}
	for at, c := range name {
		for _, k := range []kind{suffix, domain} {
			if c == '.' && at > 0 && t.has(k, name[at+1:], to.Rule) {
				return string(k) + string(name[at+1:])
			}
		}
	}
	return ""
}

// has reports whether a rule has a pattern.
func (t *Table) has(k kind, host []byte, rule int) bool {
	found, ok := (*t.targets(k))[string(host)]
	return ok && int(found.rule) == rule
}

// Patterns returns the patterns in normal form, in no order.
func (t *Table) Patterns() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, k := range []kind{exact, wildcard, suffix, domain} {
			for host := range *t.targets(k) {
				if !yield(string(k) + host) {
					return
				}
			}
		}
	}
}

// Hides returns the lowest rule with a pattern that matches every name that the given pattern
// matches: a later rule with that pattern alone could never match. ok is false if there is no such
// rule, or the pattern is invalid.
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

// A best holds the target with the lowest rule so far: among equals, the one found first.
type best struct {
	target
	ok bool
}

func (b *best) take(from targets, name []byte) {
	if found, ok := from[string(name)]; ok && (!b.ok || found.rule < b.rule) {
		b.target, b.ok = found, true
	}
}

// takeSuffixes takes the suffix and domain targets of each parent of name, the longest first. A
// parent is the part behind a dot that does not begin the name.
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
