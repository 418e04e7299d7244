// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"runtime"
	"sync"
	"weak"
)

// byName has values of the process by name, each for as long as something refers to it.
type byName[T any] struct {
	mu sync.Mutex
	of map[string]weak.Pointer[T]
}

// named returns the value under a name.
func (b *byName[T]) named(name string) *T {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.of[name].Value(); known != nil {
		return known
	}
	if b.of == nil {
		b.of = make(map[string]weak.Pointer[T])
	}
	v := new(T)
	b.of[name] = weak.Make(v)
	runtime.AddCleanup(v, b.forget, name)
	return v
}

// known returns the value under a name; nil: there is none.
func (b *byName[T]) known(name string) *T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of[name].Value()
}

// forget drops a name whose value nothing refers to any more.
func (b *byName[T]) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of[name].Value() == nil { // another one may bear the name by now
		delete(b.of, name)
	}
}
