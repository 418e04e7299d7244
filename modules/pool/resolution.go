// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"errors"
	"math"
	"time"
)

// ErrNotResolved means that a server's address is that of its configuration.
var ErrNotResolved = errors.New("the address of the server is that of the configuration")

// Resolution is the address of a server that the DNS or a discovery has found.
type Resolution struct {
	// Address is the server's. Without one the server is in maintenance: it gets no connections and
	// is not checked, but its sessions go on. HAProxy shows that as MAINT (resolution).
	Address string
	// Weight replaces the configured weight; below zero: that one stays.
	Weight int
	// Anew says that another server is at the address than before: its health starts over, and it
	// grows by slow start. Otherwise health goes on from where it is.
	Anew bool
}

// Resolved is the resolution of one server of a backend.
type Resolved struct {
	Server string
	To     Resolution
}

// Resolve sets the address of a server whose configuration has Resolvable. It lasts until the next
// Resolve: a later configuration of the server has it from the start. by says where it comes from,
// for logs. Resolve changes nothing if the resolution is the one before. The error is
// ErrNoBackend, ErrNoSuchServer, ErrNotResolved, or that of Config.Adjust.
func (r *Registry) Resolve(ref Ref, to Resolution, by string) error {
	b, s, err := r.locked(ref)
	if err != nil {
		return err
	}
	defer b.unlock()
	if !s.Resolvable {
		return ErrNotResolved
	}
	return b.resolve([]Resolved{{ref.Server, to}}, by)
}

// ResolveAll resolves many servers of a backend at once, so that connections see all
// changes or no change. Servers that do not exist, or are not Resolvable, are left out. If some
// addresses are invalid, the others are set.
func (r *Registry) ResolveAll(backend string, all []Resolved, by string) error {
	b := r.serving(backend)
	if b == nil {
		return ErrNoBackend
	}
	defer b.unlock()
	return b.resolve(all, by)
}

func (b *backend) resolve(all []Resolved, by string) error {
	servers := make(map[string]*Server, len(b.pool.Servers()))
	for _, s := range b.pool.Servers() {
		servers[s.Name] = s
	}
	var failed error
	var changed []*Server
	for _, one := range all {
		s := servers[one.Server]
		if s == nil || !s.Resolvable || s.state.resolution != nil && s.state.resolution.same(one.To) {
			continue
		}
		now, err := b.resolveOne(s, one.To, by)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		changed = append(changed, now)
	}
	if len(changed) == 0 {
		return failed
	}
	b.rebuild(cause{Result: Result{Code: CodeResolved, Info: by}})
	b.scheduleEvictions()
	for _, s := range changed {
		b.checkSoon(s)
	}
	return failed
}

// same reports whether two resolutions have the same address and weight.
func (r Resolution) same(other Resolution) bool {
	return r.Address == other.Address && max(-1, r.Weight) == max(-1, other.Weight)
}

// resolveOne sets a server's resolution, and puts a server with the new address in the place of s.
// The caller rebuilds the view.
func (b *backend) resolveOne(s *Server, to Resolution, by string) (*Server, error) {
	state, before, was := s.state, s.state.resolution, s.state.addressNow(s)
	state.resolution = &to
	n, err := b.applyResolution(s)
	if err != nil {
		state.resolution = before
		return nil, err
	}
	if !to.Anew {
		state.address = n.Address // health goes on
	}
	state.configure(&n.ServerConfig)
	n = b.readjust(n)
	now := state.addressNow(n)
	if was == now {
		return n, nil
	}
	if was != "" {
		state.leave(was, time.Now())
	}
	if was != "" && now != "" {
		state.renewed = to.Anew
		e := n.event(AddressChanged, cause{Result: Result{Code: CodeResolved, Info: by}})
		e.From, e.To = was, now
		b.emit(e)
	}
	return n, nil
}

// addressNow returns the address that new connections of a server go to; "": none.
func (s *state) addressNow(in *Server) string {
	if s.unresolved() {
		return ""
	}
	return in.Address
}

// applyResolution puts a server with the configuration and the resolution in the place of s,
// without an Adjustment.
func (b *backend) applyResolution(s *Server) (*Server, error) {
	original := s.pool.asConfigured(s.Name)
	if original == nil || !original.Resolvable {
		return s, nil
	}
	conf := original.ServerConfig
	if r := s.state.resolution; r != nil {
		if r.Address != "" {
			var err error
			if conf, err = s.pool.adjusted(original, Adjustment{Address: r.Address}); err != nil {
				return s, err
			}
		}
		if r.Weight >= 0 {
			conf.Weight = min(r.Weight, MaxWeight)
		}
	}
	return b.exchange(s, &Server{ServerConfig: conf}), nil
}

// asConfigured returns the server of the configuration with that name, without changes; or nil.
func (p *Pool) asConfigured(name string) *Server {
	for _, s := range p.original {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// unresolved reports whether the server has no address, because the DNS or a discovery knows none.
func (s *state) unresolved() bool {
	switch {
	case !s.resolvable || s.adjustment.Address != "":
		return false
	case s.resolution == nil:
		return s.awaits
	default:
		return s.resolution.Address == ""
	}
}

// soon is the time in which the first checks of servers with new addresses begin.
const soon = time.Second

// checkSoon moves the next check of a server with another address forward. Those of many servers
// are spread out, as by startLoop.
func (b *backend) checkSoon(s *Server) {
	l := &s.state.checkLoop
	if s.Check == nil || !l.on || s.state.unresolved() {
		return
	}
	if l.cancel != nil { // a check of the former address: its result does not count
		l.generation++
		l.cancel()
		return
	}
	k := b.registry.loopsStarted.Add(1) - 1
	_, phase := math.Modf(float64(k) * (math.Phi - 1))
	if sooner := time.Now().Add(time.Duration(phase * float64(min(soon, s.interval(l)/2)))); sooner.Before(l.due) {
		l.due = sooner
		b.arm(s, l)
	}
}
