// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"errors"
	"maps"
	"slices"
)

// Errors of changes of Patterns.
var (
	ErrNoPattern    = errors.New("no such pattern")
	ErrVersion      = errors.New("version number out of range")
	ErrNotPrepared  = errors.New("version number in the future: it must be prepared first")
	errKeyIsEmpty   = errors.New("an empty pattern matches nothing")
	errListHasValue = errors.New("the patterns of an ACL have no values")
)

// A Pair is a key and its value in a map; or a pattern of an ACL, without a value.
type Pair struct{ Key, Value string }

// Add adds patterns to the version that lookups see, all or none of them. Equal ones may exist.
func (s *Patterns) Add(pairs ...Pair) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(s.version, pairs)
}

// AddTo adds patterns to a version, all or none of them.
func (s *Patterns) AddTo(version int, pairs ...Pair) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case version < 0:
		return ErrVersion
	case version > s.next:
		return ErrNotPrepared
	}
	return s.add(version, pairs)
}

func (s *Patterns) add(version int, pairs []Pair) error {
	added := make([]*Pattern, len(pairs))
	for k, pair := range pairs {
		if pair.Key == "" {
			return errKeyIsEmpty
		}
		if pair.Value != "" && !s.pairs {
			return errListHasValue
		}
		added[k] = s.pattern(pair.Key, pair.Value)
	}
	if err := s.validate(added); err != nil {
		return err
	}
	s.edits++
	if version != s.version {
		if s.prepared == nil {
			s.prepared = make(map[int][]*Pattern)
		}
		s.prepared[version] = append(s.prepared[version], added...)
		return nil
	}
	for _, x := range s.indexes {
		if err := (*x.table.Load()).add(added); err != nil {
			return err // cannot happen: they are valid
		}
	}
	s.current = append(s.current, added...)
	return nil
}

// SetKey sets the value of all equal keys of a map, and returns their number. As in HAProxy, it
// applies to all versions.
func (s *Patterns) SetKey(key, value string) (int, error) {
	return s.set(value, func(p *Pattern) bool { return string(p.key) == key })
}

// SetID sets the value of one key of a map.
func (s *Patterns) SetID(id uint64, value string) error {
	_, err := s.set(value, func(p *Pattern) bool { return p.id == id })
	return err
}

func (s *Patterns) set(value string, is func(*Pattern) bool) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pairs {
		return 0, errListHasValue
	}
	for t := range s.values {
		if err := validateValue(value, t); err != nil {
			return 0, err
		}
	}
	for _, list := range s.versions() {
		for _, p := range list {
			if is(p) {
				p.setValue(value)
				n++
			}
		}
	}
	if n == 0 {
		return 0, ErrNoPattern
	}
	s.edits++
	return n, nil
}

// versions returns the lists of all versions. The caller holds the lock.
func (s *Patterns) versions() [][]*Pattern {
	return append([][]*Pattern{s.current}, slices.Collect(maps.Values(s.prepared))...)
}

// DeleteKey removes all equal patterns, and returns their number. As in HAProxy, it applies to all
// versions.
func (s *Patterns) DeleteKey(key string) (int, error) {
	return s.remove(func(p *Pattern) bool { return string(p.key) == key })
}

// DeleteID removes one pattern.
func (s *Patterns) DeleteID(id uint64) error {
	_, err := s.remove(func(p *Pattern) bool { return p.id == id })
	return err
}

func (s *Patterns) remove(is func(*Pattern) bool) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []*Pattern
	take := func(p *Pattern) bool {
		p.gone = is(p)
		if p.gone {
			n++
		}
		return p.gone
	}
	for _, p := range s.current {
		if take(p) {
			gone = append(gone, p)
		}
	}
	for version, list := range s.prepared {
		s.prepared[version] = slices.DeleteFunc(list, take)
	}
	if n == 0 {
		return 0, ErrNoPattern
	}
	s.edits++
	if len(gone) > 0 {
		s.current = slices.DeleteFunc(s.current, func(p *Pattern) bool { return p.gone })
		for _, x := range s.indexes {
			(*x.table.Load()).remove(gone)
		}
	}
	return n, nil
}

// Clear removes the patterns that lookups see.
func (s *Patterns) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

func (s *Patterns) clear() {
	_ = s.replace(nil) // no pattern is invalid
	s.edits++
}

// ClearVersion removes the patterns of a version.
func (s *Patterns) ClearVersion(version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version == s.version {
		s.clear()
		return
	}
	delete(s.prepared, version)
}

// Prepare begins a new version of the content and returns its number. Lookups do not see it before
// Commit.
func (s *Patterns) Prepare() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.next
}

// Commit makes lookups see a version, all of its patterns at once. Versions before it are dropped.
func (s *Patterns) Commit(version int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version <= s.version || version > s.next {
		return ErrVersion
	}
	if err := s.replace(s.prepared[version]); err != nil {
		return err
	}
	s.version = version
	maps.DeleteFunc(s.prepared, func(v int, _ []*Pattern) bool { return v <= version })
	s.edits++
	return nil
}

// Reset makes the content that of the file again. It changes nothing if there is an error.
func (s *Patterns) Reset(content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.read(content)
	for t := range s.values {
		for _, p := range list {
			if err := validateValue(p.Value(), t); err != nil {
				return s.at(err, p)
			}
		}
	}
	if err := s.replace(list); err != nil {
		return err
	}
	s.prepared, s.edits = nil, 0
	return nil
}

// replace makes a list the one that lookups see. The caller holds the lock.
func (s *Patterns) replace(list []*Pattern) error {
	tables := make(map[*index]table)
	for key, x := range s.indexes {
		t, err := key.build(list)
		if err != nil {
			return s.describe(err, list)
		}
		tables[x] = t
	}
	for x, t := range tables {
		x.table.Store(&t)
	}
	s.current = list
	return nil
}
