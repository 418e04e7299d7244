// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net/netip"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
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
		return sample.Integer(frontendConns.load(q.Proxy)), true
	case sample.ObjectBackend:
		return backendAnswer(q)
	case sample.ObjectServer:
		return serverAnswer(q)
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
	if q.Fetch == "be_conn" {
		return sample.Integer(backendConns.load(q.Proxy)), true
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
	switch fetch {
	case "fe_name":
		return sample.Text(c.f.Name), true
	case "fe_id":
		return sample.Integer(int64(c.f.ID)), c.f.ID != 0
	case "so_name":
		name, _ := c.f.Listener(c.LocalAddr())
		return sample.Text(name), name != ""
	case "so_id":
		_, id := c.f.Listener(c.LocalAddr())
		return sample.Integer(int64(id)), id != 0
	case "fe_defbe":
		return sample.Text(c.f.DefaultBackend), c.f.DefaultBackend != "" && c.f.DefaultBackend != c.f.Name
	case "fe_client_timeout":
		return milliseconds(c.f.TimeoutClient), c.f.TimeoutClient != 0
	case "src_is_local", "fc_src_is_local":
		return ownAddress(c.viewState.Source)
	case "dst_is_local", "fc_dst_is_local":
		return ownAddress(c.viewState.Destination)
	}
	if strings.HasPrefix(fetch, "fc_") {
		return tcpInfo(c.Conn, fetch)
	}
	if k := c.claim; k != nil && k.session.sessionConfig != nil {
		switch fetch {
		case "srv_name":
			return sample.Text(k.session.lease.Server.Name), true
		case "srv_id":
			return sample.Integer(int64(k.session.lease.Server.ID)), true
		}
	}
	b := c.backend
	if b == nil { // a rule of a frontend that has servers of its own
		b = c.f.App.Backends[c.f.Name]
	}
	if b == nil {
		return sample.Value{}, false
	}
	switch fetch {
	case "be_name":
		return sample.Text(b.Name()), true
	case "be_id":
		return sample.Integer(int64(b.ID)), b.ID != 0
	case "be_connect_timeout":
		return milliseconds(b.Timeouts.Connect), true
	case "be_queue_timeout":
		return milliseconds(b.Timeouts.Queue), true
	case "be_server_timeout":
		return milliseconds(b.Timeouts.Server), true
	case "be_tunnel_timeout":
		return milliseconds(b.Timeouts.Tunnel), true
	default:
		return sample.Value{}, false
	}
}

// ownAddress reports whether an address belongs to this host.
func ownAddress(a netip.AddrPort) (sample.Value, bool) {
	ip := a.Addr()
	if !ip.IsValid() {
		return sample.Value{}, false
	}
	own, err := isOwn(ip)
	return sample.Boolean(ip.IsLoopback() || own), err == nil
}

// milliseconds returns a timeout as HAProxy does: 0 if it is not set.
func milliseconds[D caddy.Duration | time.Duration](timeout D) sample.Value {
	return sample.Integer(max(0, time.Duration(timeout).Milliseconds()))
}
