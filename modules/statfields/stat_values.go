// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

func frontendName(*source) Value { return text("FRONTEND") }
func backendName(*source) Value  { return text("BACKEND") }
func serverName(s *source) Value { return text(s.server.Name) }

func listenerName(s *source) Value {
	if s.listener.Unnamed {
		return text("sock-" + strconv.Itoa(s.listener.Number))
	}
	return text(s.listener.Name)
}

// backendQueue returns the number of connections in all queues of a backend.
func backendQueue(s *source) Value { return small(s.backend.AllQueued()) }

// sessionsLimit returns the limit of a frontend, or else that of the process.
func sessionsLimit(s *source) Value {
	if s.frontend.MaxConn > 0 {
		return small(s.frontend.MaxConn)
	}
	return small(limits.MaxConnections())
}

// refused returns a function that returns the number of refusals for a reason.
func refused(reason string) func(*source) Value {
	return func(s *source) Value { return count(s.frontend.RefusedFor(reason)) }
}

// ended returns a function that returns the number of connections with these ends.
func ended(ends ...tcplog.End) func(*source) Value {
	return func(s *source) Value { return count(s.frontend.EndedBy(ends...)) }
}

func oneIf(holds bool) Value {
	if holds {
		return small(1)
	}
	return small(0)
}

// effective returns the weight of a server, as slow start reduces it.
func (s *source) effective() int { return s.server.EffectiveWeight() }

// weights returns a function that adds up a weight of the servers of a backend that get
// connections.
func weights(of func(*source) int) func(*source) Value {
	return func(s *source) Value {
		sum := 0
		for i := range s.backend.Servers {
			if server := &s.backend.Servers[i]; usable(server) && server.Backup == (s.backend.Active == 0) {
				sum += of(&source{server: server})
			}
		}
		return small(sum)
	}
}

func usable(s *pool.ServerStatus) bool { return !s.Down && s.Admin == pool.Ready && s.Weight > 0 }

// throttle returns the percentage of the weight that slow start allows.
func throttle(s *source) Value {
	percent, ok := s.server.Throttle()
	if !ok || s.server.Down {
		return Value{}
	}
	return small(percent)
}

func trackedServer(s *source) Value {
	if s.server.Track == (pool.Ref{}) {
		return Value{}
	}
	return text(s.server.Track.String())
}

// ofChecks returns a function that returns nothing for a server without checks.
func ofChecks(f func(*source) Value) func(*source) Value {
	return func(s *source) Value {
		if s.server.ServerConfig.Check == nil {
			return Value{}
		}
		return f(s)
	}
}

// ifChecked returns a function that returns nothing for a server that is not checked now.
func ifChecked(f func(*source) Value) func(*source) Value {
	return func(s *source) Value {
		if s.server.ServerConfig.Check == nil || s.server.Admin == pool.Maint {
			return Value{}
		}
		return f(s)
	}
}

// ifAsked returns a function that returns nothing for a server whose agent is not asked now.
func ifAsked(f func(*source) Value) func(*source) Value {
	return func(s *source) Value {
		if s.server.ServerConfig.Agent == nil || s.server.Admin == pool.Maint {
			return Value{}
		}
		return f(s)
	}
}

// checkCode returns HAProxy's code of a check: INI before the first one.
func checkCode(c pool.CheckRecord) Value {
	if c.At.IsZero() {
		return text("INI")
	}
	return text(string(c.Code))
}

func checkDuration(c pool.CheckRecord) Value {
	if c.At.IsZero() {
		return Value{}
	}
	return count(c.Took.Milliseconds())
}

func checkInfo(c pool.CheckRecord) Value {
	_, _, info := balancer.CheckWords(c.Result)
	return text(info)
}

// checkStatus returns the status in the answer to a check, or nothing if it had none.
func checkStatus(c pool.CheckRecord) Value {
	if _, code, _ := balancer.CheckWords(c.Result); code != "" {
		return Value{"u32", code}
	}
	return Value{}
}

func checkDescription(c pool.CheckRecord) Value {
	if c.At.IsZero() {
		return text("Initializing")
	}
	description, _, _ := balancer.CheckWords(c.Result)
	return text(description)
}

// checkHealth returns HAProxy's measure of health: 0 to rise-1 while down, rise to rise+fall-1
// while up.
func checkHealth(s *source) Value {
	if s.server.Down {
		return small(s.server.Counter)
	}
	return small(s.server.ServerConfig.Check.Rise - 1 + s.server.Counter)
}

func serverAddress(s *source) Value {
	if !s.Addresses || s.server.Unresolved {
		return Value{}
	}
	return text(strings.TrimPrefix(s.server.Address, "unix/"))
}

func listenerAddress(s *source) Value {
	if !s.Addresses || !s.listener.Unnamed {
		return Value{}
	}
	return text(s.listener.Name)
}

// algorithm returns HAProxy's name of the policy.
func algorithm(s *source) Value {
	if !s.Addresses {
		return Value{}
	}
	return text(strings.ReplaceAll(balancer.PolicyOf(s.name), "_", "-"))
}

func frontendStatus(s *source) Value {
	switch {
	case !s.frontend.Running || s.frontend.State == frontend.Stopped:
		return text("STOP")
	case s.frontend.State == frontend.Disabled:
		return text("PAUSED")
	}
	return text("OPEN")
}

func listenerStatus(s *source) Value {
	switch l := s.listener; {
	case !l.Open:
		return text("WAITING")
	case l.MaxConn > 0 && l.Connections >= int64(l.MaxConn):
		return text("FULL")
	}
	return text("OPEN")
}

func backendStatus(s *source) Value {
	status := "UP"
	if s.backend.Down {
		status = "DOWN"
	}
	if s.Up || s.NoMaint {
		up := 0
		for i := range s.backend.Servers {
			if server := &s.backend.Servers[i]; !server.Down && server.Admin != pool.Maint {
				up++
			}
		}
		status += fmt.Sprintf(" (%d/%d)", up, len(s.backend.Servers))
	}
	return text(status)
}

// ServerState returns HAProxy's word for the state of a server whose health is that of checked.
func ServerState(server, checked *pool.ServerStatus) string {
	isChecked, isAsked := checked.ServerConfig.Check != nil, checked.ServerConfig.Agent != nil
	counter := fmt.Sprintf(" %d/%d", checked.Counter, checked.Of)
	partly := isChecked && checked.Counter < checked.Of && (!checked.Down || checked.Counter > 0)
	switch {
	case server.Admin == pool.Maint && server.Track != (pool.Ref{}) && checked.Admin == pool.Maint:
		return "MAINT (via " + server.Track.String() + ")"
	case server.Unresolved:
		return "MAINT (resolution)"
	case server.Admin == pool.Maint:
		return "MAINT"
	case server.Down && isAsked && checked.Agent.Code == pool.Layer7Status:
		return "DOWN (agent)"
	case server.Down && partly:
		return "DOWN" + counter
	case server.Down:
		return "DOWN"
	case server.Admin == pool.Drain && partly:
		return "DRAIN" + counter
	case server.Admin == pool.Drain:
		return "DRAIN"
	case partly:
		return "UP" + counter
	case !isChecked:
		return "no check"
	}
	return "UP"
}

func serverStatus(s *source) Value { return text(ServerState(s.server, s.checked)) }

// FieldNames returns the names of the fields.
func FieldNames() (names []string) {
	for _, f := range StatFields {
		names = append(names, f.Name)
	}
	return slices.Clip(names)
}
