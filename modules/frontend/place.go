// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// place is where connections to the frontends of one name wait for what their clients send
// first, whatever configuration they have come by: it is the one that runs by then that
// decides about them.
type place struct {
	latest atomic.Pointer[Frontend] // whose configuration runs, or did last
	next   atomic.Pointer[Frontend] // whose may run soon, or does by now; nil: there is none
}

// places are those of the process.
var places byName[place]

// numbers are given to frontends as they are made.
var numbers atomic.Int64

// Await has the frontend decide about connections that wait for their clients, from when its
// configuration runs, which ctx is of. It returns at once.
func (f *Frontend) Await(ctx context.Context) {
	config, ok := lifecycle.ConfigOf(ctx)
	if !ok {
		return
	}
	f.loaded = config
	f.place.next.Store(f)
	go func() {
		if config.Await(ctx) {
			f.runs()
		}
		f.place.next.CompareAndSwap(f, nil)
	}()
}

// decides returns the frontend whose configuration runs; nil: none has yet.
func (p *place) decides() *Frontend {
	if next := p.next.Load(); next != nil && next.loaded.Running() {
		next.runs() // Await is about to find that out
	}
	return p.latest.Load()
}

// runs notes that the frontend's configuration runs, or did until just now.
func (f *Frontend) runs() {
	for {
		latest := f.place.latest.Load()
		if latest != nil && latest.number >= f.number || f.place.latest.CompareAndSwap(latest, f) {
			return
		}
	}
}
