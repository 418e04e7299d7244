// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"runtime"
	"sync"
	"sync/atomic"
	"weak"
)

// count is how many connections something has. Connections that it has raised it
// lower it, whatever configuration they came by: counts belong to names.
type count struct {
	atomic.Int64
	name string
}

// counts are those of the frontends and of the backends, each for as long as a
// configuration or a connection has it.
var frontends, backends counts

type counts struct {
	mu sync.Mutex
	of map[string]weak.Pointer[count]
}

// named returns the count under a name.
func (c *counts) named(name string) *count {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.of[name].Value(); known != nil {
		return known
	}
	if c.of == nil {
		c.of = make(map[string]weak.Pointer[count])
	}
	n := &count{name: name}
	c.of[name] = weak.Make(n)
	runtime.AddCleanup(n, c.forget, name)
	return n
}

// load returns the count under a name, 0 where there is none.
func (c *counts) load(name string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.of[name].Value(); known != nil {
		return known.Load()
	}
	return 0
}

// forget drops a name whose count nobody has any more.
func (c *counts) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[name].Value() == nil { // another one may bear the name by now
		delete(c.of, name)
	}
}
