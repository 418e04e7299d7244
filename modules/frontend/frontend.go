// SPDX-License-Identifier: Apache-2.0

// Package frontend implements the life of a connection: it waits for the client's ClientHello,
// picks a backend by its contents, connects to one of the backend's servers and relays the bytes
// both ways, without decrypting them. Every connection ends in one place, with one log line. Bytes
// that are not a ClientHello are never treated as a ClientHello without a name: each outcome has
// its own action. A frontend is built from a [Config]; the package knows nothing of JSON or
// Caddyfiles.
package frontend

import (
	"net"
	"sync"
	"time"
	"weak"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frequency"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Config is the configuration of a frontend, with compiled rules.
type Config struct {
	// Name of the frontend. Its count of connections continues over reloads under this name.
	Name string

	// ID is the value of the fetch fe_id; 0: none.
	ID int

	// DefaultBackend is the value of the fetch fe_defbe.
	DefaultBackend string

	// Connection and Session are rules that are tried before the client's data are read: Connection
	// before a PROXY header, Session after it. Either may be nil.
	Connection, Session *rules.Config

	// AcceptProxy says which sources send PROXY headers. It may be nil.
	AcceptProxy HeaderPolicy

	// HeaderTimeout is the time from accept in which a header must be complete. It ends with
	// InspectDelay if Content is nil. Default: InspectDelay, or else TimeoutClient, or else 5 s.
	HeaderTimeout time.Duration

	// Content holds rules about the first bytes that the client sends. If nil, the frontend waits for
	// a ClientHello, for InspectDelay from accept.
	Content      *rules.Config
	InspectDelay time.Duration

	// MaxHello is the longest ClientHello in bytes.
	MaxHello int

	// UniqueID is the format of the ID that each connection gets; nil: none.
	UniqueID *logformat.Format

	// Router picks the backend.
	Router *Router

	// OwnNames are patterns of server names that belong to sites of an http server, to which the
	// frontend passes connections on.
	OwnNames []string

	// Actions say what happens to connections that go to no backend.
	Actions Actions

	// TimeoutClient and TimeoutClientFin replace those of the backends. TimeoutClient also applies
	// while Content waits. 0: the backends' apply; less than 0: no timeout.
	TimeoutClient, TimeoutClientFin time.Duration
	// NoLinger is relay.Options.ClientNoLinger.
	NoLinger bool

	// Listener returns the name and number of the address that a client connected to, for the fetches
	// so_name and so_id; zero values if it has none.
	Listener func(local net.Addr) (name string, id int)

	// MaxConn is the number of connections at which Entry.Pause leaves further ones in the kernel's
	// queue, and SessionRate that of connections in a second; 0: no limit.
	MaxConn, SessionRate int

	// Limit says which connections are refused; nil: none are.
	Limit *Limit

	// App holds the backends that names made at run time refer to, and the variables that all
	// connections share.
	App *balancer.App

	// Logger receives one line for each connection, or those that Log says.
	Logger *zap.Logger

	// Log says when connections are logged, and how the encoder tcplog writes the lines. nil: at their
	// end, as HAProxy's option tcplog.
	Log *tcplog.Options

	// ConnLogger is the logger of connections as matchers of layer4 see them. Default: Logger.
	ConnLogger *zap.Logger
}

// Frontend serves connections. It is safe for concurrent use.
type Frontend struct {
	Config

	log            *tcplog.Log
	conns          *connCount // number of connections of the frontend
	ends           *endCounts
	reads          bool // rules or routes look at what the client sends
	nonBlocking    bool // see decidesWithoutBlocking
	active         *activeFrontend
	generation     int64            // higher than that of frontends made before
	loaded         lifecycle.Config // see ActivateWhenRunning
	sessionConfigs sync.Map         // *balancer.Backend → *sessionConfig
	heldConfigs    sync.Map         // *holds → *sync.Map like sessionConfigs
	routed         *Entry           // of connections that come by a route
	choices        *choiceCounts
	outcomes       [reasonCount]*frequency.Meter // connections without a backend by the rules
	limited        *limitState
	operation
}

// New returns a frontend.
func New(c Config) *Frontend {
	if c.ConnLogger == nil {
		c.ConnLogger = c.Logger
	}
	// The app is a weak pointer: sessions outlive their configuration and keep the log.
	f := &Frontend{
		Config: c, log: tcplog.Open(weak.Make(c.App), c.App.LineLogger(c.Logger.Named(c.Name))).With(c.Log), conns: frontendConns.getOrCreate(c.Name), ends: frontendEnds.getOrCreate(c.Name),
		active: activeFrontends.getOrCreate(c.Name), generation: lastGeneration.Add(1),
		reads: c.Content.NeedsRequest() || c.Router.needsRequest(),
	}
	f.nonBlocking, f.limited = f.decidesWithoutBlocking(), frontendLimits.getOrCreate(c.Name)
	f.operated = frontendOperated.getOrCreate(c.Name)
	f.countChoices()
	f.routed = f.Entry(EntryConfig{})
	return f
}

// ServeRouted serves a connection that has come by a route of layer4, which closes it. It returns
// a connection for the next handler, or nil if it does not pass it on.
func (f *Frontend) ServeRouted(cx *layer4.Connection) (next net.Conn) {
	config := f.routed.enterAtAccept(cx.Conn)
	if config == nil {
		return nil
	}
	waited := f.routed.awaitPlace()
	from := ofRoute(cx)
	from.entry = config
	if waited {
		from.accepted = time.Now()
	}
	from.header = f.AcceptProxy.stateFor(cx.RemoteAddr())
	from.passTo = func(conn net.Conn) bool {
		next = conn
		return true
	}
	f.serve(from)
	return next
}

// serve serves a connection that has its place in the counts.
func (f *Frontend) serve(from client) {
	c := newConnection(f, from)
	c.gone = make(chan struct{})
	c.publish()
	liveConns.add(c)
	c.run(c.walk)
}

// run calls stages, which return when the connection has ended (with its ending) or has become a
// session (with nil). It closes the client's connection if that has ended.
func (c *connection) run(way func() *ending) {
	defer c.closeUnlessPassedOn()
	defer c.recovered()
	if end := way(); end != nil {
		c.end(end)
	}
}

// walk passes a connection through its stages. It returns nil once the connection is a session.
//
// Until then the connection owns the inspection of the hello and its place in the counts, and its
// claim owns the lease and the server's connection. A stage that returns an ending need not
// release them: end releases whatever is left. relay hands all of them to the session, whose Ended
// releases them. Anything that is released elsewhere must be cleared, else it is released twice.
func (c *connection) walk() *ending {
	if end := c.screen(c.f.Connection); end != nil { // rules about the peer's address
		return end
	}
	c.f.conns.rate.Count(c.accepted)
	c.f.ends.sessions.Add(1)
	limits.Process.Session()
	return c.walkFromHeader()
}

// walkFromHeader continues walk from the stage that waits for a PROXY header.
func (c *connection) walkFromHeader() *ending {
	if end := c.readHeader(); end != nil {
		return end
	}
	if end := c.enterLate(); end != nil {
		return end
	}
	c.publish()
	if end := c.screen(c.f.Session); end != nil { // rules about the client's address
		return end
	}
	c.tracked.countSession()
	c.logAccepted()
	return c.inspectAndRoute()
}

// inspectAndRoute continues walk from the stage that waits for bytes of the client.
func (c *connection) inspectAndRoute() *ending {
	for waits := true; waits; waits = c.isOutdated() {
		if end := c.inspect(); end != nil { // the hello, or what the rules of content ask for
			return end
		}
	}
	return c.routeAndServe()
}

// readAndRoute reads what the client has sent so far, for routes, and continues with them.
func (c *connection) readAndRoute() *ending {
	if end := c.readOnce(nil); end != nil {
		return end
	}
	return c.routeAndServe()
}

// routeAndServe continues walk from the stage that picks a backend.
func (c *connection) routeAndServe() *ending {
	c.keepHello(0)
	if end := c.refuseHeader(); end != nil {
		return end
	}
	backend, end := c.route()
	if end != nil {
		return end
	}
	return c.withStandIn(backend, c.serveBackend(backend))
}

// withStandIn returns the ending of a connection that serveBackend has returned. If no server was
// available, it serves the connection by the backend that on no_server names.
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

// serveBackend serves the connection by a server of b.
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

// relayOptions returns a backend's timeouts, with the frontend's own in place of the client's.
func (f *Frontend) relayOptions(b *balancer.Backend) relay.Options {
	t := &b.Timeouts
	return relay.Options{
		ClientTimeout: override(f.TimeoutClient, time.Duration(t.Client)),
		ServerTimeout: time.Duration(t.Server),
		Tunnel:        time.Duration(t.Tunnel),
		ClientFin:     override(f.TimeoutClientFin, time.Duration(t.ClientFin)),
		ServerFin:     time.Duration(t.ServerFin),

		ClientNoLinger: f.NoLinger, ServerNoLinger: b.NoLinger,
	}
}

func override(frontend, backend time.Duration) time.Duration {
	if frontend != 0 {
		return frontend
	}
	return backend
}
