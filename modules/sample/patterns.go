// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// A Pattern is an element of [Patterns]: a pattern of an ACL, or a key and its value in a map. Its
// value may change while connections read it.
type Pattern struct {
	id    uint64 // ascending in the order of the set
	key   []byte
	value atomic.Pointer[[]byte] // of a map
	line  int                    // in the file, from 1; 0 if it was added at run time
	gone  bool                   // it is being removed; the writer's
}

func newPattern(id uint64, key, value string) *Pattern {
	p := &Pattern{id: id, key: []byte(key)}
	p.setValue(value)
	return p
}

// ID identifies the pattern within its set.
func (p *Pattern) ID() uint64 { return p.id }

// Key returns the pattern, or the key of a map.
func (p *Pattern) Key() string { return string(p.key) }

// Value returns the value of a map's key.
func (p *Pattern) Value() string { return string(*p.value.Load()) }

func (p *Pattern) setValue(value string) {
	b := []byte(value)
	p.value.Store(&b)
}

// patternsOf returns patterns that belong to no set.
func patternsOf(keys []string) []*Pattern {
	list := make([]*Pattern, len(keys))
	for k, key := range keys {
		list[k] = newPattern(uint64(k), key, "")
	}
	return list
}

// Patterns is the content of a file of patterns or of a map, which may change at run time. It is
// safe for concurrent use, and lookups take no locks. As in HAProxy, a set may have equal keys, and
// further versions of the content may be prepared beside the one that lookups see.
type Patterns struct {
	name  string
	pairs bool

	mu       sync.Mutex
	indexes  map[indexKey]*index
	values   map[valueType]int // the number of users of values of this type
	current  []*Pattern
	prepared map[int][]*Pattern
	version  int // of current
	next     int // the last version that was prepared
	lastID   uint64
	edits    int
}

// indexKey identifies a way in which patterns are matched.
type indexKey struct {
	method string
	fold   bool
}

// An index finds patterns by one method.
type index struct {
	indexKey
	table atomic.Pointer[table]
	users int // guarded by the lock of the Patterns
}

func (x *index) find(v Value) *Pattern { return (*x.table.Load()).find(v) }

func (k indexKey) build(patterns []*Pattern) (table, error) {
	return methodTable(k.method).build(patterns, k.fold)
}

// NewPatterns returns the patterns of a file, or the pairs of a map.
func NewPatterns(name string, content []byte, pairs bool) *Patterns {
	s := &Patterns{name: name, pairs: pairs}
	s.current = s.read(content)
	return s
}

// read returns the patterns of a file's content.
func (s *Patterns) read(content []byte) []*Pattern {
	lines := readLines(content, s.pairs)
	list := make([]*Pattern, len(lines))
	for k, l := range lines {
		list[k] = s.pattern(l.key, l.value)
		list[k].line = l.number
	}
	return list
}

// pattern returns a pattern that comes after all others.
func (s *Patterns) pattern(key, value string) *Pattern {
	s.lastID++
	return newPattern(s.lastID, key, value)
}

// index returns the index for a method, which it builds if it does not exist.
func (s *Patterns) index(key indexKey) (*index, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.indexes[key]
	if x == nil {
		t, err := key.build(s.current)
		if fault, ok := errors.AsType[*patternError](err); ok {
			err = s.atLoad(fault.err, s.current[fault.position])
		}
		if err != nil {
			return nil, err
		}
		x = &index{indexKey: key}
		x.table.Store(&t)
		if s.indexes == nil {
			s.indexes = make(map[indexKey]*index)
		}
		s.indexes[key] = x
	}
	x.users++
	return x, nil
}

// release ends a use of an index, which is dropped after the last one.
func (s *Patterns) release(key indexKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.indexes[key]; x != nil {
		if x.users--; x.users == 0 {
			delete(s.indexes, key)
		}
	}
}

// requireValues validates the values as those of a type, now and at each change.
func (s *Patterns) requireValues(t valueType) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.current {
		if err := validateValue(p.Value(), t); err != nil {
			return s.atLoad(err, p)
		}
	}
	if s.values == nil {
		s.values = make(map[valueType]int)
	}
	s.values[t]++
	return nil
}

// releaseValues ends what requireValues began.
func (s *Patterns) releaseValues(t valueType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values[t]--; s.values[t] == 0 {
		delete(s.values, t)
	}
}

func validateValue(value string, t valueType) error {
	if _, ok := mapValue([]byte(value), t); !ok {
		return fmt.Errorf("unable to parse '%s'", value)
	}
	return nil
}

// validate returns an error if a user of the set could not use the patterns.
func (s *Patterns) validate(patterns []*Pattern) error {
	for _, p := range patterns {
		for t := range s.values {
			if err := validateValue(p.Value(), t); err != nil {
				return s.at(err, p)
			}
		}
	}
	for key := range s.indexes {
		if _, err := key.build(patterns); err != nil {
			return s.describe(err, patterns)
		}
	}
	return nil
}

// describe adds the place of the pattern to an error of a table.
func (s *Patterns) describe(err error, patterns []*Pattern) error {
	if fault, ok := errors.AsType[*patternError](err); ok {
		return s.at(fault.err, patterns[fault.position])
	}
	return err
}

// at adds the pattern's place in the file to an error.
func (s *Patterns) at(err error, p *Pattern) error {
	if p.line == 0 {
		return err
	}
	return atLine(err, p.line, s.name)
}

// atLoad adds the pattern's place to an error of a use that begins.
func (s *Patterns) atLoad(err error, p *Pattern) error {
	if p.line == 0 {
		return fmt.Errorf("%w: '%s' was added to file '%s' at run time", err, p.key, s.name)
	}
	return s.at(err, p)
}

// IsMap reports whether the patterns are keys that have values.
func (s *Patterns) IsMap() bool { return s.pairs }

// Versions returns the version that lookups see, and the last one that was prepared.
func (s *Patterns) Versions() (current, next int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version, s.next
}

// Len returns the number of patterns that lookups see.
func (s *Patterns) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.current)
}

// Edits returns the number of changes at run time since the content was that of the file.
func (s *Patterns) Edits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.edits
}

// List returns the patterns of the version that lookups see, in order.
func (s *Patterns) List() []*Pattern {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.current)
}

// ListVersion returns the patterns of a version, which may be one that is being prepared.
func (s *Patterns) ListVersion(version int) []*Pattern {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version == s.version {
		return slices.Clone(s.current)
	}
	return slices.Clone(s.prepared[version])
}
