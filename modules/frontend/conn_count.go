// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
)

// connCount is a number of connections. Counts belong to names: a connection lowers the count that
// it raised, even when its configuration has been replaced.
type connCount struct {
	atomic.Int64
	highest highest        // so far
	maxRate highest        // of rate, when it was read
	rate    frequency.Rate // of sessions that begin

	sessions frequency.Rate // of the frontend, if its rate is limited
	awaited  atomic.Bool    // waiting is not empty
	line     line           // see Entry.awaitTurn

	mu      sync.Mutex
	waiting map[Waker]struct{}
}

// Waker waits until a frontend has room for another connection.
type Waker interface {
	// Wake is called once, when there may be room. It must not block.
	Wake()
}

// enter raises the count.
func (c *connCount) enter() { c.highest.note(int(c.Add(1))) }

// highest is the highest of some numbers.
type highest struct{ atomic.Int64 }

// note adds a number, and returns the highest.
func (h *highest) note(n int) int {
	for {
		high := h.Load()
		if int64(n) <= high || h.CompareAndSwap(high, int64(n)) {
			return max(n, int(high))
		}
	}
}

// leave lowers the count, and wakes those that wait for that.
func (c *connCount) leave() {
	c.Add(-1)
	if c.awaited.Load() {
		c.wake()
	}
}

// await calls w once, after the next connection has left. A connection that has left before may not
// be noticed: look at the count again.
func (c *connCount) await(w Waker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = make(map[Waker]struct{})
	}
	c.waiting[w] = struct{}{}
	c.awaited.Store(true)
}

func (c *connCount) wake() {
	c.mu.Lock()
	all := c.waiting
	c.waiting = nil
	c.awaited.Store(false)
	c.mu.Unlock()
	for w := range all {
		w.Wake()
	}
}

// frontendConns and backendConns count connections by the name of their frontend and backend,
// bindConns those of the binds that have a limit of their own. A count lives as long as a
// configuration or a connection uses it.
var frontendConns, backendConns, bindConns connCounts

type connCounts struct{ weakRegistry[connCount] }

// load returns the count of a name, 0 if it is unknown.
func (c *connCounts) load(name string) int64 {
	if known := c.lookup(name); known != nil {
		return known.Load()
	}
	return 0
}

// sessionRate returns the number of sessions of a name that have begun in the last second.
func (c *connCounts) sessionRate(name string) int {
	if known := c.lookup(name); known != nil {
		return known.rate.PerSecond(time.Now())
	}
	return 0
}
