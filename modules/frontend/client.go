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

// client is a client's connection. Variables and placeholders of it are kept by a
// connection of layer4, which is made when something first asks for it, unless the
// client has come by a route of layer4.
type client struct {
	net.Conn // what is read from and passed on, without what matchers of a route have read
	accepted time.Time
	logger   *zap.Logger

	routed *layer4.Connection // nil: nothing has asked for it
	shown  bool               // routed has the inspection of the hello
}

// ofRoute returns the client of a connection that has come by a route of layer4. Other
// routes and handlers may have taken their time before this one. That time is carried
// over and not the time of day, which can be set.
func ofRoute(cx *layer4.Connection) client {
	accepted := time.Now()
	if wrapped, ok := cx.Replacer().Get(layer4.ConnWrapTimeReplKey); ok {
		if at, ok := wrapped.(time.Time); ok {
			accepted = accepted.Add(-max(0, accepted.Sub(at)))
		}
	}
	return client{Conn: cx.Conn, accepted: accepted, logger: cx.Logger, routed: cx}
}

// layer4 returns the connection for handlers, matchers and templates of layer4.
func (c *client) layer4() *layer4.Connection {
	if c.routed == nil {
		c.routed = layer4.WrapConnection(c.Conn, nil, c.logger)
		c.routed.Replacer().Set(layer4.ConnWrapTimeReplKey, c.accepted.UTC())
	}
	return c.routed
}

// Read reads first what matchers of the route have read.
func (c *client) Read(p []byte) (int, error) {
	if c.routed != nil {
		return c.routed.Read(p)
	}
	return c.Conn.Read(p)
}

// readAhead returns what matchers of the route have read, until Read has taken it.
func (c *client) readAhead() []byte {
	if c.routed == nil {
		return nil
	}
	return c.routed.MatchingBytes()
}

// show gives matchers and templates of layer4 the inspection of what the client has sent;
// nil: takes it back, if they have it.
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
