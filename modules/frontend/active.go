// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// activeFrontend is the current frontend of a name across reloads. A connection that waits for
// its client's first bytes is decided by the configuration that runs when they arrive, not by
// the one that accepted it.
type activeFrontend struct {
	latest atomic.Pointer[Frontend] // of the configuration that runs, or ran last
	next   atomic.Pointer[Frontend] // of a configuration that is about to run; may be nil
}

// activeFrontends holds those of the process.
var activeFrontends weakRegistry[activeFrontend]

// lastGeneration numbers frontends in the order in which they are made.
var lastGeneration atomic.Int64

// ActivateWhenRunning makes f the frontend that decides about waiting connections of its name,
// once the configuration of ctx runs. It returns at once.
func (f *Frontend) ActivateWhenRunning(ctx context.Context) {
	config, ok := lifecycle.ConfigOf(ctx)
	if !ok {
		return
	}
	f.loaded = config
	f.active.next.Store(f)
	go func() {
		if config.Await(ctx) {
			f.setActive()
		}
		f.active.next.CompareAndSwap(f, nil)
	}()
}

// current returns the frontend whose configuration runs, or ran last; nil if none has run yet.
func (p *activeFrontend) current() *Frontend {
	if next := p.next.Load(); next != nil && next.loaded.Running() {
		next.setActive() // the goroutine of ActivateWhenRunning may not have seen it yet
	}
	return p.latest.Load()
}

// setActive makes f the active frontend of its name, unless a later one is.
func (f *Frontend) setActive() {
	for {
		latest := f.active.latest.Load()
		if latest != nil && latest.generation >= f.generation {
			return
		}
		if f.active.latest.CompareAndSwap(latest, f) {
			f.activateLimit()
			f.ofConfig()
			conflicts.schedule()
			if now := f.active.latest.Load(); now != f {
				now.activateLimit() // it may have been first
			}
			return
		}
	}
}
