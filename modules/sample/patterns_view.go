// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"slices"
	"sync"
)

// A View lists the uses of [Patterns] in one configuration. Changes of the patterns must suit the
// uses of all configurations.
type View struct {
	Patterns *Patterns

	mu      sync.Mutex
	indexes map[indexKey]*index
	values  []valueType
}

// NewView returns a view of patterns without any uses.
func NewView(p *Patterns) *View { return &View{Patterns: p, indexes: make(map[indexKey]*index)} }

// index returns the index for a method.
func (v *View) index(key indexKey) (*index, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if x := v.indexes[key]; x != nil {
		return x, nil
	}
	x, err := v.Patterns.index(key)
	if err == nil {
		v.indexes[key] = x
	}
	return x, err
}

func (v *View) requireValues(t valueType) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if slices.Contains(v.values, t) {
		return nil
	}
	if err := v.Patterns.requireValues(t); err != nil {
		return err
	}
	v.values = append(v.values, t)
	return nil
}

// Close ends the uses. Changes need not suit them any more.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key := range v.indexes {
		v.Patterns.release(key)
	}
	for _, t := range v.values {
		v.Patterns.releaseValues(t)
	}
	v.indexes, v.values = nil, nil
}
