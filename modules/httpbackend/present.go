// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"sync"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// present holds the requests of the process that are under way, whatever configuration
// they came by.
var present = exchanges{all: make(map[*exchange]struct{})}

func init() {
	lifecycle.AddDrainer(lifecycle.Drainer{Remaining: present.left, Total: present.arrived, CloseAll: present.cut})
}

type exchanges struct {
	mu     sync.Mutex
	all    map[*exchange]struct{}
	came   int64
	closed bool // those that come are cut
}

func (p *exchanges) arrive(x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[x] = struct{}{}
	p.came++
	if p.closed {
		x.cancel(errExit)
	}
}

func (p *exchanges) leave(x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, x)
}

func (p *exchanges) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

func (p *exchanges) arrived() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.came
}

// cut ends all requests, and those that come later.
func (p *exchanges) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for x := range p.all {
		x.cancel(errExit)
	}
}
