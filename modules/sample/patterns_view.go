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
	places  []string
}

// NewView returns a view of patterns without any uses.
func NewView(p *Patterns) *View { return &View{Patterns: p, indexes: make(map[indexKey]*index)} }

// index returns the index for a method, for an expression at a place.
func (v *View) index(key indexKey, place string) (*index, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	x := v.indexes[key]
	if x == nil {
		var err error
		if x, err = v.Patterns.index(key); err != nil {
			return nil, err
		}
		v.indexes[key] = x
	}
	v.places = append(v.places, place)
	return x, nil
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

// Places returns where the configuration uses the patterns; "" for a place that is not known.
func (v *View) Places() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.places)
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
