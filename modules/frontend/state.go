// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// ProcessState answers fetches about the backends, servers and frontends of the process, such as
// nbsrv, srv_is_up and be_conn, independent of the configuration. It knows no connection.
var ProcessState sample.State = processState{}

type processState struct{}

// Answer implements sample.State.
func (processState) Answer(q sample.Question) (sample.Value, bool) {
	switch q.About {
	case sample.ObjectFrontend:
		if q.Fetch == "fe_sess_rate" {
			return sample.Integer(int64(frontendConns.sessionRate(q.Proxy))), true
		}
		return sample.Integer(frontendConns.load(q.Proxy)), true
	case sample.ObjectBackend:
		return backendAnswer(q)
	case sample.ObjectServer:
		return serverAnswer(q)
	case sample.ObjectTable, sample.ObjectEntry:
		return sample.Value{}, false
	case sample.ObjectConnection:
	}
	switch q.Fetch {
	case "act_conn":
		return sample.Integer(int64(liveConns.count())), true
	case "uptime":
		return sample.Integer(int64(time.Since(epoch).Seconds())), true
	case "stopping":
		stopping, _ := lifecycle.ShuttingDown()
		return sample.Boolean(stopping), true
	default:
		return sample.Value{}, false
	}
}

func backendAnswer(q sample.Question) (sample.Value, bool) {
	switch q.Fetch {
	case "be_conn":
		return sample.Integer(backendConns.load(q.Proxy)), true
	case "be_sess_rate":
		return sample.Integer(int64(backendConns.sessionRate(q.Proxy))), true
	}
	l, ok := balancer.Registry().Load(q.Proxy)
	n := 0
	switch q.Fetch {
	case "nbsrv":
		n = l.Usable
	case "queue":
		n = l.Waiting
	case "avg_queue":
		if n = 2 * l.Waiting; l.Usable > 0 {
			n = (l.Waiting + l.Usable - 1) / l.Usable
		}
	case "be_conn_free":
		n = l.Free
	case "connslots":
		n = l.Slots
	default:
		ok = false
	}
	return sample.Integer(int64(n)), ok
}

func serverAnswer(q sample.Question) (sample.Value, bool) {
	l, ok := balancer.Registry().ServerLoad(pool.Ref{Backend: q.Proxy, Server: q.Server})
	n := 0
	switch q.Fetch {
	case "srv_is_up":
		return sample.Boolean(l.Up), ok
	case "srv_conn":
		n = l.Sessions
	case "srv_conn_free":
		n = l.Free
	case "srv_queue":
		n = l.Queued
	case "srv_sess_rate":
		n = l.Rate
	case "srv_weight":
		n = l.EffectiveWeight
	case "srv_uweight":
		n = l.Weight
	case "srv_iweight":
		n = l.ConfiguredWeight
	default:
		ok = false
	}
	return sample.Integer(int64(n)), ok
}

// AppState answers like ProcessState, for expressions of one configuration.
type AppState struct {
	App     *balancer.App // may be nil
	Section string        // in which the expressions are written
}

// Answer implements sample.State.
func (s AppState) Answer(q sample.Question) (sample.Value, bool) {
	if q.Proxy == "" {
		q.Proxy = s.Section
	}
	v, ok := ProcessState.Answer(q)
	if ok || s.App == nil || q.About == sample.ObjectConnection {
		return v, ok
	}
	b := s.App.Backends[q.Proxy]
	if b == nil {
		return v, false
	}
	b.Pool().Activate() // the configuration has just been loaded
	return ProcessState.Answer(q)
}

// Answer answers fetches about the connection and the process. Without a name, a fetch is about
// the backend if the connection has one, else about the frontend.
func (c *connection) Answer(q sample.Question) (sample.Value, bool) {
	if q.About == sample.ObjectConnection {
		if v, ok := c.connectionAnswer(q.Fetch); ok {
			return v, ok
		}
	}
	if q.Proxy == "" {
		q.Proxy = c.f.Name
		if c.backend != nil && q.About != sample.ObjectFrontend {
			q.Proxy = c.backend.Name()
		}
	}
	return AppState{App: c.f.App}.Answer(q)
}

// connectionAnswer answers fetches about the connection: its frontend, listener, backend and
// server.
func (c *connection) connectionAnswer(fetch string) (sample.Value, bool) {
	if answer, known := frontendFetches[fetch]; known {
		return answer(c)
	}
	if strings.HasPrefix(fetch, "fc_") {
		return tcpInfo(c.Conn, fetch)
	}
	if answer, known := serverFetches[fetch]; known {
		if k := c.claim; k != nil && k.session.sessionConfig != nil {
			return answer(k.session.lease.Server)
		}
		return sample.Value{}, false
	}
	b := c.backend
	if b == nil { // a rule of a frontend that has servers of its own
		b = c.f.App.Backends[c.f.Name]
	}
	answer, known := backendFetches[fetch]
	if b == nil || !known {
		return sample.Value{}, false
	}
	return answer(b)
}

// frontendFetches answer fetches about a connection's frontend, listener and addresses.
var frontendFetches = map[string]func(*connection) (sample.Value, bool){
	"fe_name": func(c *connection) (sample.Value, bool) { return sample.Text(c.f.Name), true },
	"fe_id":   func(c *connection) (sample.Value, bool) { return number(c.f.ID) },
	"so_name": func(c *connection) (sample.Value, bool) {
		name, _ := c.f.Listener(c.LocalAddr())
		return sample.Text(name), name != ""
	},
	"so_id": func(c *connection) (sample.Value, bool) {
		_, id := c.f.Listener(c.LocalAddr())
		return number(id)
	},
	"fe_defbe": func(c *connection) (sample.Value, bool) {
		name := c.f.DefaultBackend
		return sample.Text(name), name != "" && name != c.f.Name
	},
	"fe_client_timeout": func(c *connection) (sample.Value, bool) {
		return milliseconds(c.f.TimeoutClient), c.f.TimeoutClient != 0
	},
	"prio_class":  func(c *connection) (sample.Value, bool) { return sample.Integer(int64(c.input.priority.Class)), true },
	"prio_offset": func(c *connection) (sample.Value, bool) { return sample.Integer(int64(c.input.priority.Offset)), true },

	"src_is_local":    func(c *connection) (sample.Value, bool) { return ownAddress(c.viewState.Source) },
	"dst_is_local":    func(c *connection) (sample.Value, bool) { return ownAddress(c.viewState.Destination) },
	"fc_src_is_local": func(c *connection) (sample.Value, bool) { return ownAddress(l4acl.Addresses(c.Conn).Source) },
	"fc_dst_is_local": func(c *connection) (sample.Value, bool) { return ownAddress(l4acl.Addresses(c.Conn).Destination) },
}

// serverFetches answer fetches about the server of a session.
var serverFetches = map[string]func(*pool.Server) (sample.Value, bool){
	"srv_name": func(s *pool.Server) (sample.Value, bool) { return sample.Text(s.Name), true },
	"srv_id":   func(s *pool.Server) (sample.Value, bool) { return sample.Integer(int64(s.ID)), true },
}

// backendFetches answer fetches about a connection's backend.
var backendFetches = map[string]func(*balancer.Backend) (sample.Value, bool){
	"be_name": func(b *balancer.Backend) (sample.Value, bool) { return sample.Text(b.Name()), true },
	"be_id":   func(b *balancer.Backend) (sample.Value, bool) { return number(b.ID) },
	"be_connect_timeout": func(b *balancer.Backend) (sample.Value, bool) {
		return milliseconds(b.Timeouts.Connect), true
	},
	"be_queue_timeout": func(b *balancer.Backend) (sample.Value, bool) {
		return milliseconds(b.Timeouts.Queue), true
	},
	"be_server_timeout": func(b *balancer.Backend) (sample.Value, bool) {
		return milliseconds(b.Timeouts.Server), true
	},
	"be_tunnel_timeout": func(b *balancer.Backend) (sample.Value, bool) {
		return milliseconds(b.Timeouts.Tunnel), true
	},
}

// number returns the number of a frontend, listener or backend, which has none if it is 0.
func number(id int) (sample.Value, bool) { return sample.Integer(int64(id)), id != 0 }

// milliseconds returns a timeout as HAProxy does: 0 if it is not set.
func milliseconds[D caddy.Duration | time.Duration](timeout D) sample.Value {
	return sample.Integer(max(0, time.Duration(timeout).Milliseconds()))
}
