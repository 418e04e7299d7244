// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// client is a client's connection. A connection of layer4 keeps its variables and placeholders.
// One that has come by a route of layer4 has that; for others it is made on first use.
type client struct {
	net.Conn // its Read does not return what matchers of a route have read
	accepted time.Time
	logger   *zap.Logger

	entry  *EntryConfig        // nil: it has come by a route
	passTo func(net.Conn) bool // see EntryConfig.Next
	header *headerState        // nil: the frontend takes no PROXY headers

	routed *layer4.Connection // nil until it is needed
	shown  bool               // routed holds the inspection of the hello
}

// ofRoute returns the client of a connection that has come by a route of layer4. Its time of
// acceptance includes what earlier routes and handlers took. The elapsed time is carried over, not
// the time of day, which can be set.
func ofRoute(cx *layer4.Connection) client {
	accepted := time.Now()
	if wrapped, ok := cx.Replacer().Get(layer4.ConnWrapTimeReplKey); ok {
		if at, ok := wrapped.(time.Time); ok {
			accepted = accepted.Add(-max(0, accepted.Sub(at)))
		}
	}
	return client{Conn: cx.Conn, accepted: accepted, logger: cx.Logger, routed: cx}
}

// holds returns the list of things taken beside a place in the frontend's count, or nil.
func (c *client) holds() *holds {
	if c.entry == nil {
		return nil
	}
	return c.entry.holds
}

// layer4 returns the connection for handlers, matchers and templates of layer4.
func (c *client) layer4() *layer4.Connection {
	if c.routed == nil {
		c.routed = layer4.WrapConnection(c.addressed(c.Conn), nil, c.logger)
		c.routed.Replacer().Set(layer4.ConnWrapTimeReplKey, c.accepted.UTC())
		c.shareHeader()
	}
	return c.routed
}

// Read returns what matchers of the route have read, then what the client sends.
func (c *client) Read(p []byte) (int, error) {
	if c.routed != nil {
		return c.routed.Read(p)
	}
	return c.Conn.Read(p)
}

// readAhead returns what matchers of the route have read and Read has not returned yet.
func (c *client) readAhead() []byte {
	if c.routed == nil {
		return nil
	}
	return c.routed.MatchingBytes()
}

// show shares the inspection of the ClientHello with matchers and templates of layer4. With nil it
// withdraws it.
func (c *client) show(hello *clienthello.Inspection) {
	if hello != nil || c.shown {
		l4clienthello.Share(c.layer4(), hello)
		c.shown = hello != nil
	}
}

// variable returns a variable of the connection, and whether it is set.
func (c *client) variable(name string) (sample.Value, bool) {
	if c.routed == nil {
		return sample.Value{}, false
	}
	return l4acl.Variable(c.routed, name)
}
