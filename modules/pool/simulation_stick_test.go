// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// stickTable returns the table of the clients that come back to the server that they had.
func stickTable(size int) *tables.Table {
	return tables.New(stickConfig(size))
}

func stickConfig(size int) tables.Config {
	return tables.Config{Type: tables.IP, Size: size, Store: []tables.Store{{Data: tables.Server}}}
}

// stick sends every third client to the server that the table has for its address, if the client
// may go there. Some go there whatever its state.
func (s *simulation) stick(c *simClient) {
	if s.rng.IntN(3) > 0 {
		return
	}
	c.sticky = true
	c.request.Persistent = s.rng.IntN(4) == 0
	source := c.request.Source.As4()
	s.sticky.Touch(source[:], func(r tables.Row) { c.request.Server = r.Server() })
	if !s.mayFollow(c) {
		c.request.Server = ""
	}
}

// mayFollow reports whether a client gets the server that its request names.
func (s *simulation) mayFollow(c *simClient) bool {
	name := c.request.Server
	if !s.current().Has(name) || slices.Contains(c.avoids, name) {
		return false
	}
	m := s.model[name]
	return c.request.Persistent || m.admin != pool.Maint && !m.down
}

// store stores the server of a sticky client.
func (s *simulation) store(c *simClient) {
	if source := c.request.Source.As4(); c.sticky {
		s.sticky.Update(source[:], func(r tables.Row) { r.SetServer(c.lease.Server.Name) })
	}
}

// disturb notes that clients that wait may get another server than they came for.
func (s *simulation) disturb() {
	for _, c := range s.clients {
		if c.waits() {
			c.want = ""
		}
	}
}

// keepsItsServer checks that a sticky client gets its server, unless the queue of that was full.
func (s *simulation) keepsItsServer(c *simClient) {
	name := c.lease.Server.Name
	switch {
	case c.want == "" || c.want == name:
	case c.request.Queued.Moved && s.current().config.Redispatch:
	default:
		s.fail("client %d has got %s and not %s, where it was before", c.id, name, c.want)
	}
}
