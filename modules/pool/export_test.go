// SPDX-License-Identifier: Apache-2.0

package pool

// SlotFree exposes slotFree, a part of CanServe, to the simulation.
func (s *Server) SlotFree() bool { return s.slotFree() }

// Usable returns the names of the servers in the view.
func (p *Pool) Usable() (names []string) {
	b := p.lock()
	defer b.unlock()
	for _, s := range b.view.Servers {
		names = append(names, s.Name)
	}
	return names
}

// Serving returns the servers of the configuration that serves.
func (p *Pool) Serving() []*Server {
	b := p.lock()
	defer b.unlock()
	return b.pool.Servers()
}

// Awaits returns the server that a request waits for; nil: any.
func (p *Pool) Awaits(r *Request) *Server {
	b := p.lock()
	defer b.unlock()
	return r.Queued.For
}

// Empty reports whether the registry holds nothing.
func (r *Registry) Empty() bool { return len(r.backends) == 0 }

// Chosen returns the server that a waiting request would get if it came now; nil: any.
func (p *Pool) Chosen(r *Request) (*Server, error) {
	b := p.lock()
	defer b.unlock()
	if from := r.waiter.server; from != nil { // its own place does not count
		from.queued.Add(-1)
		defer from.queued.Add(1)
	}
	s, _, err := b.choose(r, false)
	return s, err
}
