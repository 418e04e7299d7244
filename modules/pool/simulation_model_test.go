// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/policies"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// modelServer is the state of a server in the model.
type modelServer struct {
	config       pool.ServerConfig
	weight       int
	maxconn      int
	admin        pool.Admin
	down         bool
	configWeight int
	configMost   int
	configAdmin  pool.Admin
}

// follow applies a configuration to the model.
func (s *simulation) follow(p *simPool) {
	s.forget()
	for _, c := range p.config.Servers {
		admin := pool.Ready
		if c.Disabled {
			admin = pool.Maint
		}
		m := s.model[c.Name]
		if m == nil {
			m = &modelServer{weight: c.Weight, maxconn: c.MaxConn, admin: admin, configWeight: c.Weight, configMost: c.MaxConn, configAdmin: admin}
			s.model[c.Name] = m
		}
		if m.configWeight != c.Weight {
			m.weight = c.Weight
		}
		if m.configMost != c.MaxConn {
			m.maxconn = c.MaxConn
		}
		if m.configAdmin != admin {
			m.setAdmin(admin)
		}
		m.config, m.configWeight, m.configMost, m.configAdmin = c, c.Weight, c.MaxConn, admin
	}
}

// setAdmin applies an operator's change. A server that leaves maintenance is up.
func (m *modelServer) setAdmin(a pool.Admin) {
	m.down = m.down && (m.admin != pool.Maint || a == pool.Maint)
	m.admin = a
}

// forget drops the servers that neither a configuration nor a connection needs.
func (s *simulation) forget() {
	for name := range s.model {
		named := slices.ContainsFunc(s.pools, func(p *simPool) bool {
			return slices.ContainsFunc(p.config.Servers, func(c pool.ServerConfig) bool { return c.Name == name })
		})
		held := slices.ContainsFunc(s.clients, func(c *simClient) bool { return c.lease != nil && c.lease.Server.Name == name })
		if !named && !held {
			delete(s.model, name)
		}
	}
}

// usable returns the usable servers: actives, or else backups.
func (s *simulation) usable() (names []string) {
	p := s.current()
	fit := func(c pool.ServerConfig) bool {
		m := s.model[c.Name]
		return m.weight > 0 && m.admin == pool.Ready && !m.down
	}
	for _, c := range p.config.Servers {
		if fit(c) && !c.Backup {
			names = append(names, c.Name)
		}
	}
	if names != nil {
		return names
	}
	for _, c := range p.config.Servers {
		if fit(c) {
			names = append(names, c.Name)
			if !p.config.AllBackups {
				break
			}
		}
	}
	return names
}

// granted checks that a client may have the server that it got.
func (s *simulation) granted(c *simClient) {
	name := c.lease.Server.Name
	m := s.model[name]
	usable := s.usable()
	switch {
	case slices.Contains(c.avoids, name) && !c.lenient:
		s.fail("client %d has got %s, which it avoids", c.id, name)
	case slices.Contains(usable, name):
	case c.request.Server == name: // a sticky client goes there whatever the weight
	case c.request.Queued.Server > 0 && m.admin != pool.Maint && (!m.down || !s.current().config.Redispatch):
		// It has waited for this one and for no other.
	case s.current().config.LastResort && m.config.Backup && m.weight > 0 && m.admin == pool.Ready && !m.down:
		for _, u := range usable {
			if !slices.Contains(c.avoids, u) {
				s.fail("client %d has got backup %s, and has not tried %s", c.id, name, u)
			}
		}
	default:
		s.fail("client %d has got %s, and usable are %v", c.id, name, usable)
	}
	// A client that waits and could have this server comes first if it is more urgent. One that came
	// in this step may have raised the limit of the server by coming.
	for _, w := range s.clients {
		if !w.waits() || !w.moreUrgent(c) || w.began.Equal(s.began) {
			continue
		}
		awaited := s.current().Awaits(&w.request)
		if awaited != nil && awaited.Name == name || awaited == nil && slices.Contains(usable, name) && !slices.Contains(w.avoids, name) && m.maxconn > 0 {
			s.fail("client %d has got %s before client %d, which is more urgent", c.id, name, w.id)
		}
	}
}

// moreUrgent reports whether c is served before o.
func (c *simClient) moreUrgent(o *simClient) bool {
	if p, q := c.request.Priority, o.request.Priority; p.Class != q.Class {
		return p.Class < q.Class
	}
	return c.began.Add(c.request.Priority.Offset).Before(o.began.Add(o.request.Priority.Offset))
}

// check checks the invariants between two steps.
func (s *simulation) check() {
	s.forget()
	p := s.current()
	if got, want := p.Usable(), s.usable(); !slices.Equal(got, want) {
		s.fail("usable are %v, and should be %v", got, want)
	}
	held, waiting := s.held(), 0
	for _, c := range s.clients {
		if c.waits() {
			waiting++
		}
	}
	if got := p.Waiting(); got != waiting {
		s.fail("%d wait, and should be %d", got, waiting)
	}
	queued := make(map[string]int64)
	for _, c := range s.clients {
		if c.waits() {
			s.checkWait(c)
			if awaited := p.Awaits(&c.request); awaited != nil {
				queued[awaited.Name]++
			}
		}
	}
	for _, srv := range p.Serving() {
		if got := srv.Sessions(); got != held[srv.Name] {
			s.fail("%s has %d sessions, and should have %d", srv.Name, got, held[srv.Name])
		}
		if got := srv.Queued(); got != queued[srv.Name] {
			s.fail("%d wait for %s, and should be %d", got, srv.Name, queued[srv.Name])
		}
		if most := int64(s.model[srv.Name].maxconn); most > 0 && srv.Sessions() > most && srv.Sessions() > s.before[srv.Name] {
			s.fail("%s has been given more than its maxconn of %d", srv.Name, most)
		}
	}
}

// checkWait checks that a client has a reason to wait.
func (s *simulation) checkWait(c *simClient) {
	if awaited := s.current().Awaits(&c.request); awaited != nil {
		serving := s.current().Serving()
		i := slices.IndexFunc(serving, func(o *pool.Server) bool { return o.Name == awaited.Name })
		if i < 0 || serving[i].SlotFree() {
			s.fail("client %d waits for %s, which is no more, or has a free slot", c.id, awaited.Name)
			return
		}
		s.checkPinned(c, serving[i])
		return
	}
	usable := s.usable()
	if len(usable) == 0 {
		s.fail("client %d waits, and there is no server", c.id)
	}
	spare := s.current().config.LastResort && !c.lenient && !slices.ContainsFunc(usable, func(name string) bool { return !slices.Contains(c.avoids, name) })
	inVain := true
	for _, srv := range s.current().Serving() {
		m := s.model[srv.Name]
		fit := slices.Contains(usable, srv.Name) || spare && srv.Backup && m.weight > 0 && m.admin == pool.Ready && !m.down
		fit = fit && (!slices.Contains(c.avoids, srv.Name) || c.lenient && slices.Contains(usable, srv.Name))
		inVain = inVain && !fit
		if fit && srv.CanServe() {
			s.fail("client %d (lenient %v) waits, and %s (backup %v) has room; usable are %v", c.id, c.lenient, srv.Name, srv.Backup, usable)
		}
	}
	if inVain {
		s.fail("client %d, which avoids %v, waits for any of %v", c.id, c.avoids, usable)
	}
}

// checkPinned checks that a client has a reason to wait for one server: no other may serve it, by
// the policy or because a backup serves alone, or the server is down without redispatch.
func (s *simulation) checkPinned(c *simClient, srv *pool.Server) {
	p := s.current()
	if s.model[srv.Name].down && !p.config.Redispatch || c.request.Server == srv.Name {
		return
	}
	other, err := p.Chosen(&c.request)
	if err != nil { // no other server may serve it
		return
	}
	usable := s.usable()
	alone := len(usable) == 1 && usable[0] == srv.Name && srv.Backup && !p.config.AllBackups
	if !alone && !p.Sticky() && len(usable) > 0 {
		s.fail("client %d waits for %s alone, and could have any of %v", c.id, srv.Name, usable)
	}
	hash, ok := p.config.Policy.(*policies.Source)
	if !ok || hash.BalanceFactor > 0 || c.lenient { // what these allow changes with each connection
		return
	}
	if hash.PreserveAffinity == "maxqueue" && s.isStickyQueued(srv) { // it had room before they came
		return
	}
	if other != nil && other.Name != srv.Name && other.CanServe() {
		s.fail("client %d waits for %s, and belongs to %s, which has room", c.id, srv.Name, other.Name)
	}
}

// isStickyQueued reports whether a client waits for a server whatever the policy says.
func (s *simulation) isStickyQueued(srv *pool.Server) bool {
	return slices.ContainsFunc(s.clients, func(c *simClient) bool { return c.waits() && c.request.Server == srv.Name })
}
