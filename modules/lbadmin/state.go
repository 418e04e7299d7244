// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Sessions describes the connections of the process.
type Sessions struct {
	// Count is the number of connections, including those that wait for a hello or a server.
	Count int `json:"count"`
	// Stopping reports whether the process is shutting down and waits for them.
	Stopping bool `json:"stopping"`
	// SecondsLeft is the time until they are closed; omitted if the process is not stopping, or waits
	// without a limit.
	SecondsLeft *float64 `json:"seconds_left,omitempty"`
}

func newSessions() Sessions {
	s := Sessions{Count: lifecycle.Connections()}
	var due time.Time
	if s.Stopping, due = lifecycle.ShuttingDown(); !due.IsZero() {
		s.SecondsLeft = new(max(0, time.Until(due).Seconds()))
	}
	return s
}

// Backends holds all backends by name.
type Backends map[string]Backend

// Backend is the current state of a backend.
type Backend struct {
	Servers map[string]Server `json:"servers"`
	// ActiveServers and BackupServers are the numbers of usable servers.
	ActiveServers int `json:"active_servers"`
	BackupServers int `json:"backup_servers"`
	// Sessions is the number of connections that have a server, Queue of those that wait for any
	// server.
	Sessions int `json:"sessions"`
	Queue    int `json:"queue"`
	// Transitions are the last 100, oldest first.
	Transitions []Transition `json:"transitions"`
}

// Server is the current state of a server.
type Server struct {
	Address string `json:"address"`
	Backup  bool   `json:"backup"`
	// Health is up or down. Counter shows how close the server is to the other state, as in HAProxy:
	// in "up 2/3" two more failed checks take it down, in "down 1/2" one that passes brings it up.
	Health  string `json:"health"`
	Counter string `json:"counter"`
	// Checked reports whether the server has health checks; Tracks names the server whose health it
	// has.
	Checked bool   `json:"checked"`
	Tracks  string `json:"tracks,omitempty"`
	// Admin is ready, drain or maint.
	Admin string `json:"admin"`
	// Since is the time of the last change of health or admin, Downs the number of times that the
	// server went down.
	Since time.Time `json:"since"`
	Downs uint64    `json:"downs"`
	// Weight is the current weight; ConfiguredWeight is that of the configuration. EffectiveWeight is
	// smaller during slow start.
	Weight           int     `json:"weight"`
	ConfiguredWeight int     `json:"configured_weight"`
	EffectiveWeight  float64 `json:"effective_weight"`
	// MaxConn is 0 for no limit.
	MaxConn       int    `json:"maxconn"`
	Sessions      int64  `json:"sessions"`
	SessionsTotal uint64 `json:"sessions_total"`
	// Queue is the number of connections that wait for this server only.
	Queue          int64  `json:"queue"`
	ConnectsFailed uint64 `json:"connects_failed"`
	// ErrorsInARow is the number of errors counted by observe.
	ErrorsInARow int64  `json:"errors_in_a_row"`
	LastCheck    *Check `json:"last_check,omitempty"`
	LastAgent    *Check `json:"last_agent_check,omitempty"`
}

// Check is the result of a check.
type Check struct {
	At time.Time `json:"at"`
	// Code is HAProxy's, such as L4OK or L7STS; Reason is the same in words.
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	Info    string `json:"info,omitempty"`
	Warning string `json:"warning,omitempty"`
	// Duration is in seconds.
	Duration float64 `json:"duration"`
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

func newBackends(all []pool.BackendStatus) Backends {
	backends := make(Backends, len(all))
	for _, b := range all {
		backends[b.Name] = newBackend(b)
	}
	return backends
}

func newBackend(b pool.BackendStatus) Backend {
	out := Backend{
		Servers: make(map[string]Server, len(b.Servers)), ActiveServers: b.Active, BackupServers: b.Backups,
		Sessions: b.Sessions, Queue: b.Queue, Transitions: make([]Transition, 0, len(b.Events)),
	}
	for i := range b.Servers {
		out.Servers[b.Servers[i].Name] = newServer(&b.Servers[i])
	}
	for _, e := range b.Events {
		out.Transitions = append(out.Transitions, newTransition(e))
	}
	return out
}

func newServer(s *pool.ServerStatus) Server {
	out := Server{
		Address: s.Address, Backup: s.Backup, Health: health(s.Down), Counter: fmt.Sprintf("%d/%d", s.Counter, s.Of),
		Checked: s.ServerConfig.Check != nil, Admin: s.Admin.String(), Since: s.Since, Downs: s.Downs,
		Weight: s.Weight, ConfiguredWeight: s.ServerConfig.Weight, EffectiveWeight: float64(s.Share) / pool.Scale,
		MaxConn: s.MaxConn, Sessions: s.Sessions, SessionsTotal: s.Taken, Queue: s.Queued,
		ConnectsFailed: s.Failed, ErrorsInARow: s.Errors, LastCheck: newCheck(s.Check), LastAgent: newCheck(s.Agent),
	}
	if s.Track != (pool.Ref{}) {
		out.Tracks = s.Track.String()
	}
	return out
}

func health(down bool) string {
	if down {
		return "down"
	}
	return "up"
}

func newCheck(p pool.CheckRecord) *Check {
	if p.At.IsZero() {
		return nil
	}
	return &Check{At: p.At, Code: string(p.Code), Reason: p.Code.String(), Info: p.Info, Warning: p.Warning, Duration: p.Took.Seconds()}
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
	case pool.CheckChanged, pool.AgentChanged:
	}
	return ""
}
