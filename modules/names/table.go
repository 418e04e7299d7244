// SPDX-License-Identifier: Apache-2.0

package names

import (
	"bytes"
)

// A Table maps patterns to the numbers of rules, of which a lesser one goes before a greater one. The zero value is an
// empty table. Once all patterns are added it is safe for concurrent use.
type Table struct {
	exact    map[string]int
	wildcard map[string]int // by what follows "*."
	suffix   map[string]int // by what follows "."
}

// Add adds a pattern with a rule. Of several rules with the same pattern, the least is kept. The error is that of
// [Check].
func (t *Table) Add(pattern string, rule int) error {
	k, host, err := parse(pattern)
	if err != nil {
		return err
	}
	rules := t.rules(k)
	if *rules == nil {
		*rules = make(map[string]int)
	}
	if present, ok := (*rules)[host]; !ok || rule < present {
		(*rules)[host] = rule
	}
	return nil
}

func (t *Table) rules(k kind) *map[string]int {
	switch k {
	case wildcard:
		return &t.wildcard
	case suffix:
		return &t.suffix
	default:
		return &t.exact
	}
}

// Lookup returns the least rule of all patterns that match the name, which must have the form that [Normalize] gives
// it. It does not allocate.
func (t *Table) Lookup(name []byte) (rule int, ok bool) {
	var b best
	b.take(t.exact, name)
	if first := bytes.IndexByte(name, '.'); first > 0 {
		b.take(t.wildcard, name[first+1:])
	}
	b.takeSuffixes(t.suffix, name)
	return b.rule, b.ok
}

// Hides returns the least rule in the table with a pattern that matches every name that the given pattern matches: a
// later rule with the given pattern would never be reached. It is false for an invalid pattern.
func (t *Table) Hides(pattern string) (rule int, ok bool) {
	k, host, err := parse(pattern)
	if err != nil {
		return 0, false
	}
	if k == exact {
		return t.Lookup([]byte(host))
	}
	var b best
	if k == wildcard {
		b.take(t.wildcard, []byte(host))
	}
	b.take(t.suffix, []byte(host))
	b.takeSuffixes(t.suffix, []byte(host))
	return b.rule, b.ok
}

// A best is the least rule that was found so far.
type best struct {
	rule int
	ok   bool
}

func (b *best) take(rules map[string]int, name []byte) {
	if rule, ok := rules[string(name)]; ok && (!b.ok || rule < b.rule) {
		b.rule, b.ok = rule, true
	}
}

// takeSuffixes takes the rules of all that follows a dot in name, if something comes before the dot.
func (b *best) takeSuffixes(rules map[string]int, name []byte) {
	if len(rules) == 0 {
		return
	}
	for rest := name; ; {
		dot := bytes.IndexByte(rest, '.')
		if dot < 0 {
			return
		}
		rest = rest[dot+1:]
		if len(rest)+1 < len(name) {
			b.take(rules, rest)
		}
	}
}
