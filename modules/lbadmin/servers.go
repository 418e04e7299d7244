// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"fmt"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

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
	ErrorsInARow int64 `json:"errors_in_a_row"`
	// SessionsMax and QueueMax are the highest numbers so far, QueueLimit is 0 for none.
	SessionsMax int  `json:"sessions_max"`
	QueueMax    int  `json:"queue_max"`
	QueueLimit  int  `json:"queue_limit"`
	Rate        Rate `json:"rate"`
	// LastSession is when the server got a connection last; omitted if it had none.
	LastSession *time.Time `json:"last_session,omitempty"`
	// DownSeconds is the time spent down or in maintenance.
	DownSeconds float64 `json:"down_seconds"`
	Traffic
	Checks    Checks `json:"checks"`
	LastCheck *Check `json:"last_check,omitempty"`
	LastAgent *Check `json:"last_agent_check,omitempty"`
	// History and AgentHistory are the last checks, the oldest first. Only the answer about one server
	// has them.
	History      []Check `json:"history,omitempty"`
	AgentHistory []Check `json:"agent_history,omitempty"`
	// ChecksDisabled and AgentDisabled report that checks were disabled at run time.
	ChecksDisabled bool `json:"checks_disabled,omitempty"`
	AgentDisabled  bool `json:"agent_disabled,omitempty"`
	// Set has the names of the values that were set at run time and differ from the configuration,
	// with "runtime" for each.
	Set map[string]string `json:"set,omitempty"`
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

// Checks counts the health checks of a server.
type Checks struct {
	Passed uint64 `json:"passed"`
	Failed uint64 `json:"failed"`
	// Harmful is the number of failed ones that lowered its health.
	Harmful uint64 `json:"harmful"`
}

func showServer(r *request) (any, error) {
	s, err := control.ServerOf(r.names[0], r.names[1])
	if err != nil {
		return nil, err
	}
	out := newServer(s)
	checks, agent, err := control.CheckHistory(r.names[0], r.names[1])
	if err != nil {
		return nil, err
	}
	out.History, out.AgentHistory = newHistory(checks), newHistory(agent)
	return out, nil
}

func newHistory(records []pool.CheckRecord) (all []Check) {
	for _, r := range records {
		all = append(all, *newCheck(r))
	}
	return all
}

func newServer(s *pool.ServerStatus) Server {
	out := Server{
		Address: s.Address, Backup: s.Backup, Health: health(s.Down), Counter: fmt.Sprintf("%d/%d", s.Counter, s.Of),
		Checked: s.ServerConfig.Check != nil, Admin: s.Admin.String(), Since: s.Since, Downs: s.Downs,
		Weight: s.Weight, ConfiguredWeight: s.ServerConfig.Weight, EffectiveWeight: float64(s.Share) / pool.Scale,
		MaxConn: s.MaxConn, Sessions: s.Sessions, SessionsTotal: s.Taken, Queue: s.Queued,
		ConnectsFailed: s.Failed, ErrorsInARow: s.Errors, LastCheck: newCheck(s.Check), LastAgent: newCheck(s.Agent),
		SessionsMax: s.MaxSessions, QueueMax: s.MaxQueued, QueueLimit: s.MaxQueue, Rate: Rate{Now: s.Rate, Max: s.MaxRate},
		LastSession: timeOrNil(s.LastTaken), DownSeconds: s.DownTime.Seconds(), Traffic: newTraffic(&s.Traffic, s.Totals),
		Checks: Checks{s.Checks.Passed, s.Checks.Failed, s.Checks.Harmful},
	}
	out.ChecksDisabled, out.AgentDisabled, out.Set = s.ChecksOff, s.AgentOff, setAtRuntime(s.Overridden)
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

// setAtRuntime marks values that were set at run time.
func setAtRuntime(keys []string) map[string]string {
	if len(keys) == 0 {
		return nil
	}
	marked := make(map[string]string, len(keys))
	for _, key := range keys {
		marked[key] = "runtime"
	}
	return marked
}

func timeOrNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func newCheck(p pool.CheckRecord) *Check {
	if p.At.IsZero() {
		return nil
	}
	return &Check{At: p.At, Code: string(p.Code), Reason: p.Code.String(), Info: p.Info, Warning: p.Warning, Duration: p.Took.Seconds()}
}
