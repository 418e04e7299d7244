// SPDX-License-Identifier: Apache-2.0

package pool

// SlotFree lets the simulation see what CanServe is made of.
func (s *Server) SlotFree() bool { return s.slotFree() }

// Usable are the names of the servers in the view.
func (p *Pool) Usable() (names []string) {
	b := p.lock()
	defer b.unlock()
	for _, s := range b.view.Servers {
		names = append(names, s.Name)
	}
	return names
}

// Serving are the servers of the configuration that serves.
func (p *Pool) Serving() []*Server {
	b := p.lock()
	defer b.unlock()
	return b.pool.servers
}

// Awaits is the server that a request waits for; nil: any.
func (p *Pool) Awaits(r *Request) *Server {
	b := p.lock()
	defer b.unlock()
	return r.Queued.For
}

// Empty reports whether the registry holds nothing.
func (r *Registry) Empty() bool { return len(r.backends) == 0 }

// Chosen is the server that a request which waits would be given by now; nil: any.
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
