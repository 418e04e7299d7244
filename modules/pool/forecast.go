// SPDX-License-Identifier: Apache-2.0

package pool

import "slices"

// Predictable is implemented by policies that choose some requests' servers by the request alone,
// or by the order of the servers. For a request of which Predicts is true, Pick changes nothing.
type Predictable interface {
	Predicts(r *Request) bool
}

// Forecast says which server a request would get.
type Forecast struct {
	// Usable are the servers that the policy chooses from.
	Usable []*Server
	// Server is the one that the request would get; nil: the load or the turn decides.
	Server *Server
	// Waits reports that the request would be queued, for Server if that is set.
	Waits bool
	// Err is the error of Acquire: ErrNoServer or ErrQueueFull.
	Err error
}

// Forecast returns which server a request would get. It takes none, and the policy does not notice.
func (p *Pool) Forecast(r *Request) (f Forecast) {
	r.hashFor(p.policy)
	b := p.lock()
	defer b.unlock()
	b.activate(p)
	f.Usable = slices.Clone(b.view.Servers)
	switch f.Server = b.assigned(r, true); {
	case f.Server != nil:
	case len(f.Usable) == 0:
		f.Err = ErrNoServer
		return f
	case len(f.Usable) == 1:
		f.Server = f.Usable[0]
	case b.predicts(r):
		f.Server = b.pick(r, true)
	}
	f.Waits = f.Server != nil && !f.Server.CanServe() || f.Server == nil && !slices.ContainsFunc(f.Usable, (*Server).CanServe)
	if f.Server != nil && f.Waits && !f.Server.CanQueue() {
		f.Err = ErrQueueFull
	}
	return f
}

func (b *backend) predicts(r *Request) bool {
	policy, ok := b.pool.policy.(Predictable)
	return ok && policy.Predicts(r)
}
