// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"slices"
	"sync/atomic"
)

// A copiedList is a list that readers use without locks while one writer replaces it.
type copiedList[T any] struct{ list atomic.Pointer[[]T] }

func (c *copiedList[T]) get() []T {
	if list := c.list.Load(); list != nil {
		return *list
	}
	return nil
}

// append adds to the end. What readers see of the list does not change.
func (c *copiedList[T]) append(items ...T) {
	if len(items) > 0 {
		c.list.Store(new(slices.Concat(c.get(), items)))
	}
}

// keep removes the items for which it returns false.
func (c *copiedList[T]) keep(stays func(T) bool) {
	var list []T
	for _, item := range c.get() {
		if stays(item) {
			list = append(list, item)
		}
	}
	c.list.Store(&list)
}

// A lengthSet is the set of the different lengths of patterns, in ascending order.
type lengthSet struct {
	copiedList[int]
	counts map[int]int // the writer's
}

func (s *lengthSet) add(n int) {
	if s.counts == nil {
		s.counts = make(map[int]int)
	}
	if s.counts[n]++; s.counts[n] == 1 {
		list := append(slices.Clone(s.get()), n)
		slices.Sort(list)
		s.list.Store(&list)
	}
}

func (s *lengthSet) remove(n int) {
	if s.counts[n]--; s.counts[n] == 0 {
		s.keep(func(other int) bool { return other != n })
	}
}

// A listed pattern has been parsed, for methods that try one after the other.
type listed[T any] struct {
	what    T
	pattern *Pattern
}

// addListed parses patterns and adds them to a list, all or none of them.
func addListed[T any](c *copiedList[listed[T]], patterns []*Pattern, parse func(key string) (T, error)) error {
	list := make([]listed[T], len(patterns))
	for k, p := range patterns {
		what, err := parse(string(p.key))
		if err != nil {
			return &patternError{k, err}
		}
		list[k] = listed[T]{what, p}
	}
	c.append(list...)
	return nil
}

// removeListed removes the patterns that are gone.
func removeListed[T any](c *copiedList[listed[T]]) {
	c.keep(func(l listed[T]) bool { return !l.pattern.gone })
}

// earlier returns the pattern that comes first; either may be nil.
func earlier(a, b *Pattern) *Pattern {
	if a == nil || b != nil && b.id < a.id {
		return b
	}
	return a
}
