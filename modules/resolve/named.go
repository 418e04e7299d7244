// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"io"
	"slices"
	"sync"
)

// named holds the resolvers that configurations define. They outlive a reload that does not change
// them; one that a reload changes starts with the addresses of the one before.
var named = struct {
	mu   sync.RWMutex
	uses map[string][]*Use // by name; the last one that serves is in use, else the last one
}{uses: make(map[string][]*Use)}

// Use is a configuration's use of a named resolver.
type Use struct {
	Resolver *Resolver

	name, key string
	serves    bool
}

// Acquire returns the use of a resolver by a configuration that does not serve yet. key is the text
// of the resolver's configuration: with the same key, configurations share a resolver. Otherwise
// create makes one.
func Acquire(name, key string, create func() *Resolver) *Use {
	named.mu.Lock()
	defer named.mu.Unlock()
	u := &Use{name: name, key: key}
	for _, other := range named.uses[name] {
		if other.key == key {
			u.Resolver = other.Resolver
		}
	}
	if u.Resolver == nil {
		u.Resolver = create()
	}
	named.uses[name] = append(named.uses[name], u)
	return u
}

// Serve makes Named return this resolver.
func (u *Use) Serve() {
	named.mu.Lock()
	defer named.mu.Unlock()
	before := inUse(u.name)
	uses := slices.DeleteFunc(named.uses[u.name], func(o *Use) bool { return o == u })
	u.serves = true
	named.uses[u.name] = append(uses, u)
	if before.Resolver != u.Resolver {
		u.Resolver.adopt(before.Resolver)
	}
}

// Release ends the use. A resolver that no configuration uses is gone, and its source is closed if
// it is an io.Closer.
func (u *Use) Release() {
	named.mu.Lock()
	defer named.mu.Unlock()
	uses := slices.DeleteFunc(named.uses[u.name], func(o *Use) bool { return o == u })
	if named.uses[u.name] = uses; len(uses) == 0 {
		delete(named.uses, u.name)
	}
	if slices.ContainsFunc(uses, func(o *Use) bool { return o.Resolver == u.Resolver }) {
		return
	}
	if c, ok := u.Resolver.Source.(io.Closer); ok {
		_ = c.Close()
	}
}

// inUse returns the use whose resolver Named returns, or nil. The caller holds the lock.
func inUse(name string) *Use {
	uses := named.uses[name]
	for _, u := range slices.Backward(uses) {
		if u.serves {
			return u
		}
	}
	if len(uses) == 0 {
		return nil
	}
	return uses[len(uses)-1]
}

// Named returns the resolver of that name: "" is Servers. It returns nil if no resolver has the
// name.
func Named(name string) *Resolver {
	if name == "" {
		return Servers
	}
	named.mu.RLock()
	defer named.mu.RUnlock()
	if u := inUse(name); u != nil {
		return u.Resolver
	}
	return nil
}

// AllNamed returns the resolvers that Named returns for a name that is not empty, by name.
func AllNamed() map[string]*Resolver {
	named.mu.RLock()
	defer named.mu.RUnlock()
	all := make(map[string]*Resolver, len(named.uses))
	for name := range named.uses {
		all[name] = inUse(name).Resolver
	}
	return all
}

// adopt takes over the addresses and counts of the resolver that r replaces. They are asked for
// again when they are next needed.
func (r *Resolver) adopt(from *Resolver) {
	from.mu.Lock()
	all := make([]*entry, 0, len(from.entries))
	for element := from.used.Back(); element != nil; element = element.Prev() { // oldest first
		all = append(all, element.Value.(*entry).renewed())
	}
	done := from.done
	from.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, n := range done {
		r.done[i] += n
	}
	for _, e := range all {
		if r.entries[e.host] == nil {
			kept := r.entry(e.host, e.used)
			kept.records, kept.routed, kept.unreachable, kept.unreachableUntil = e.records, e.routed, e.unreachable, e.unreachableUntil
		}
	}
}

// renewed returns a copy whose next lookup is due.
func (e *entry) renewed() *entry {
	c := &entry{
		host: e.host, records: e.records, used: e.used, routed: e.routed,
		unreachable: e.unreachable, unreachableUntil: e.unreachableUntil,
	}
	for i := range c.records {
		c.records[i].lookingUp = false
		c.records[i].due = c.records[i].finishedAt
	}
	return c
}
