// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"sync"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// inFlight holds the running requests of the process, of all configurations.
var inFlight = exchanges{all: make(map[*exchange]struct{})}

func init() {
	lifecycle.AddDrainer(lifecycle.Drainer{Remaining: inFlight.count, Total: inFlight.totalCount, CloseAll: inFlight.cancelAll})
}

type exchanges struct {
	mu       sync.Mutex
	all      map[*exchange]struct{}
	total    int64
	canceled bool // new requests are canceled at once
}

func (p *exchanges) add(x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[x] = struct{}{}
	p.total++
	if p.canceled {
		x.cancel(errShutdown)
	}
}

func (p *exchanges) remove(x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, x)
}

func (p *exchanges) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

func (p *exchanges) totalCount() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// cancelAll cancels all running requests, and all later ones.
func (p *exchanges) cancelAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.canceled = true
	for x := range p.all {
		x.cancel(errShutdown)
	}
}
