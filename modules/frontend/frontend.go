// SPDX-License-Identifier: Apache-2.0

// Package frontend is the life of a connection: it waits for a client's ClientHello,
// picks a backend by what it says, connects to one of the backend's servers and has the
// bytes passed both ways, unopened. However a connection ends, it ends in one place, with
// one log line. What is not a ClientHello is never taken for one without a name: each
// outcome has its own action. A frontend is built from a [Config]; the package knows
// nothing of JSON or Caddyfiles.
package frontend

import (
	"net"
	"sync"
	"time"
	"weak"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Config is what a frontend does with its connections. Its rules are compiled.
type Config struct {
	// Name of the frontend, which keeps its count of connections over reloads.
	Name string

	// ID is what the fetch fe_id finds; 0: nothing.
	ID int

	// DefaultBackend is the name that the fetch fe_defbe finds.
	DefaultBackend string

	// Connection and Session are tried in this order, before anything is read; nil:
	// there are none.
	Connection, Session *rules.Config

	// Content are rules over what the client sends first. Nil: a ClientHello is waited
	// for, as long as InspectDelay, counted from accept.
	Content      *rules.Config
	InspectDelay time.Duration

	// MaxHello is the longest ClientHello in bytes.
	MaxHello int

	// Router picks the backend.
	Router *Router

	// Actions say what happens to connections that go to no backend.
	Actions Actions

	// TimeoutClient and TimeoutClientFin replace those of the backends, and the first one
	// runs while Content waits. 0: they do not; less: never.
	TimeoutClient, TimeoutClientFin time.Duration

	// Listener returns the name and the number of the address that a connection has come
	// to, for the fetches so_name and so_id; none where it has none.
	Listener func(local net.Addr) (name string, id int)

	// App has the backends that names made at run time lead to, and the variables that
	// all connections share.
	App *balancer.App

	// Logger has one line for each connection.
	Logger *zap.Logger

	// ConnLogger is that of connections as matchers of layer4 see them. Nil: Logger.
	ConnLogger *zap.Logger
}

// Frontend serves connections. It is safe for concurrent use.
type Frontend struct {
	Config

	log            *tcplog.Log
	conns          *connCount // connections of the frontend
	reads          bool       // what the client sends has a part in what becomes of a connection; see Config.Content
	nonBlocking    bool       // see inline
	active         *activeFrontend
	generation     int64            // in the order in which frontends are made
	loaded         lifecycle.Config // see Await
	sessionConfigs sync.Map         // *balancer.Backend → *terms
}

// New returns a frontend.
func New(c Config) *Frontend {
	if c.ConnLogger == nil {
		c.ConnLogger = c.Logger
	}
	// Weak, since sessions, which outlive their configuration, keep the log.
	f := &Frontend{
		Config: c, log: tcplog.Open(weak.Make(c.App), c.Logger), conns: frontendConns.getOrCreate(c.Name),
		active: activeFrontends.getOrCreate(c.Name), generation: lastGeneration.Add(1),
		reads: c.Content.NeedsRequest() || c.Router.needsRequest(),
	}
	f.nonBlocking = f.decidesWithoutBlocking()
	return f
}

// Serve takes a client's connection from its first byte to its end, which may come after
// it has returned: a session that can do without this goroutine goes on by itself.
func (f *Frontend) Serve(conn net.Conn, accepted time.Time) {
	defer conn.Close()
	f.serve(client{Conn: conn, accepted: accepted, logger: f.ConnLogger})
}

// ServeRouted is Serve for a connection that has come by a route of layer4, which closes
// it.
func (f *Frontend) ServeRouted(cx *layer4.Connection) { f.serve(ofRoute(cx)) }

func (f *Frontend) serve(from client) {
	c := newConnection(f, from)
	c.gone = make(chan struct{})
	f.conns.Add(1)
	liveConns.add(c)
	c.run(c.walk)
}

// run goes a way, to the connection's end or until it is a session.
func (c *connection) run(way func() *ending) {
	defer c.recovered()
	if end := way(); end != nil {
		c.end(end)
	}
}

// walk is the way of a connection, station by station; nil: it has become a session.
func (c *connection) walk() *ending {
	if end := c.screen(); end != nil { // rules about addresses, before anything is read
		return end
	}
	return c.inspectAndRoute()
}

// inspectAndRoute is the way on from where bytes of the client are waited for.
func (c *connection) inspectAndRoute() *ending {
	for waits := true; waits; waits = c.isOutdated() {
		if end := c.inspect(); end != nil { // the hello, or what the rules of content ask for
			return end
		}
	}
	backend, end := c.route()
	if end != nil {
		return end
	}
	return c.withStandIn(backend, c.serveBackend(backend))
}

// withStandIn returns what has become of a connection that was passed to a backend. Where no
// server was to be had, it is passed to the one that stands in for that.
func (c *connection) withStandIn(backend *balancer.Backend, unserved *ending) *ending {
	if unserved == nil || !unserved.unserved {
		return unserved
	}
	standIn, end := c.refuse(NoServer, unserved)
	if standIn == nil {
		return end
	}
	if standIn != backend {
		unserved = c.serveBackend(standIn)
	}
	if unserved != nil && unserved.unserved {
		unserved.alert = alertInternalError
	}
	return unserved
}

// serveBackend has the connection served by a backend.
func (c *connection) serveBackend(b *balancer.Backend) *ending {
	c.enter(b)
	if end := c.applyBackendRules(b); end != nil { // rules of the backend
		return end
	}
	if b.Site != "" {
		return c.toSite(b)
	}
	server, end := c.assignedServer(b)
	if end != nil {
		return end
	}
	k, end := c.acquire(b, server) // and dial, as often as it takes
	if end != nil {
		return end
	}
	return c.relay(k)
}

// relayOptions are a backend's timeouts, and in place of those about the client
// the frontend's own.
func (f *Frontend) relayOptions(b *balancer.Backend) relay.Options {
	t := &b.Timeouts
	return relay.Options{
		ClientTimeout: override(f.TimeoutClient, time.Duration(t.Client)),
		ServerTimeout: time.Duration(t.Server),
		Tunnel:        time.Duration(t.Tunnel),
		ClientFin:     override(f.TimeoutClientFin, time.Duration(t.ClientFin)),
		ServerFin:     time.Duration(t.ServerFin),
	}
}

func override(frontend, backend time.Duration) time.Duration {
	if frontend != 0 {
		return frontend
	}
	return backend
}
