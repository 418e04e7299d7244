// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Backends holds all backends by name.
type Backends map[string]Backend

// Backend is the current state of a backend.
type Backend struct {
	Servers map[string]Server `json:"servers"`
	// ActiveServers and BackupServers are the numbers of usable servers.
	ActiveServers int `json:"active_servers"`
	BackupServers int `json:"backup_servers"`
	// Down reports that no server is usable, Downs how often that began, DownSeconds for how long it
	// was so.
	Down        bool    `json:"down"`
	Downs       uint64  `json:"downs"`
	DownSeconds float64 `json:"down_seconds"`
	// Connections is the number of connections, with or without a server, ConnectionsMax the highest
	// number so far, and Rate that of those which came in a second.
	Connections    int64 `json:"connections"`
	ConnectionsMax int64 `json:"connections_max"`
	Rate           Rate  `json:"rate"`
	// FullConn is the number at which servers reach their maxconn; 0: not configured.
	FullConn int `json:"fullconn"`
	// Sessions is the number of connections that have a server, SessionsTotal how often one got a
	// server.
	Sessions      int    `json:"sessions"`
	SessionsTotal uint64 `json:"sessions_total"`
	// Queue is the number of connections that wait for any server, QueueMax the highest so far.
	Queue    int `json:"queue"`
	QueueMax int `json:"queue_max"`
	// LastSession is when a connection got a server last; omitted if none did.
	LastSession *time.Time `json:"last_session,omitempty"`
	Traffic
	// Transitions are the last 100, oldest first.
	Transitions []Transition `json:"transitions"`
}

// Transition is a change of state of a server, or of the backend.
type Transition struct {
	At     time.Time `json:"at"`
	Server string    `json:"server,omitempty"`
	// To is down, up, maint, ready or drain; for the backend, no_server or server_again.
	To            string  `json:"to"`
	Code          string  `json:"code,omitempty"`
	Reason        string  `json:"reason,omitempty"`
	Info          string  `json:"info,omitempty"`
	Via           string  `json:"via,omitempty"`
	CheckDuration float64 `json:"check_duration,omitempty"`
	ActiveServers int     `json:"active_servers"`
	BackupServers int     `json:"backup_servers"`
	Requeued      int     `json:"requeued"`
}

func newBackends() Backends {
	backends := make(Backends)
	for _, b := range control.Backends() {
		backends[b.Name] = newBackend(b)
	}
	return backends
}

func showBackend(r *request) (any, error) {
	b, err := control.BackendOf(r.names[0])
	if err != nil {
		return nil, err
	}
	return newBackend(b), nil
}

func newBackend(b control.Backend) Backend {
	out := Backend{
		Servers: make(map[string]Server, len(b.Servers)), ActiveServers: b.Active, BackupServers: b.Backups,
		Down: b.Down, Downs: b.Downs, DownSeconds: b.DownTime.Seconds(), Connections: b.Load.Connections, ConnectionsMax: b.Load.Highest,
		FullConn: b.FullConn, Rate: Rate{Now: b.Load.Rate, Max: b.Load.MaxRate}, Sessions: b.BackendStatus.Sessions, SessionsTotal: b.Taken,
		Queue: b.Queue, QueueMax: b.MaxQueued, LastSession: timeOrNil(b.LastTaken), Traffic: newTraffic(&b.Traffic.Traffic, b.Totals),
		Transitions: make([]Transition, 0, len(b.Events)),
	}
	for i := range b.Servers {
		out.Servers[b.Servers[i].Name] = newServer(&b.Servers[i])
	}
	for _, e := range b.Events {
		out.Transitions = append(out.Transitions, newTransition(e))
	}
	return out
}

func newTransition(e pool.Event) Transition {
	t := Transition{
		At: e.At, Server: e.Server, To: transitionTarget(e), Code: string(e.Result.Code), Reason: e.Result.Code.String(), Info: e.Result.Info,
		CheckDuration: e.Took.Seconds(), ActiveServers: e.Active, BackupServers: e.Backups, Requeued: e.Requeued,
	}
	if e.Via != (pool.Ref{}) {
		t.Via = e.Via.String()
	}
	return t
}

// transitionTarget returns the state that a transition led to.
func transitionTarget(e pool.Event) string {
	switch e.Kind {
	case pool.ServerDown, pool.ServerUp:
		return health(e.Down)
	case pool.MaintStarted, pool.MaintEnded, pool.DrainStarted, pool.DrainEnded:
		return e.Admin.String()
	case pool.NoUsableServer:
		return "no_server"
	case pool.UsableServerAgain:
		return "server_again"
	case pool.CheckChanged, pool.AgentChanged, pool.AddressChanged:
	}
	return ""
}
