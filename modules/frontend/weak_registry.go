// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"runtime"
	"sync"
	"weak"
)

// weakRegistry holds values of the process by name, each as long as something refers to it, and of
// those made last a number that is kept without.
type weakRegistry[T any] struct {
	mu     sync.Mutex
	values map[string]weak.Pointer[T]

	keep int
	kept []*T // a ring
	next int
}

// getOrCreate returns the value of a name.
func (b *weakRegistry[T]) getOrCreate(name string) *T {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.values[name].Value(); known != nil {
		return known
	}
	if b.values == nil {
		b.values = make(map[string]weak.Pointer[T])
	}
	v := new(T)
	b.values[name] = weak.Make(v)
	runtime.AddCleanup(v, b.remove, name)
	b.keepValue(v)
	return v
}

func (b *weakRegistry[T]) keepValue(v *T) {
	if len(b.kept) < b.keep {
		b.kept = append(b.kept, v)
		return
	}
	if b.keep > 0 {
		b.kept[b.next] = v
		b.next = (b.next + 1) % b.keep
	}
}

// lookup returns the value of a name, or nil.
func (b *weakRegistry[T]) lookup(name string) *T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.values[name].Value()
}

// all returns the values that something refers to.
func (b *weakRegistry[T]) all() map[string]*T {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[string]*T, len(b.values))
	for name, p := range b.values {
		if v := p.Value(); v != nil {
			all[name] = v
		}
	}
	return all
}

// remove drops a name whose value has been collected.
func (b *weakRegistry[T]) remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.values[name].Value() == nil { // a new value may have the name by now
		delete(b.values, name)
	}
}
