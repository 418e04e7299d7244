// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"math"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

type ofServerRow = row[pool.ServerStatus]

var haproxyServers = newScope("haproxy_server_", []string{"proxy", "server"}, []ofServerRow{
	{name: "current_queue", ours: "server_queue", value: func(s *pool.ServerStatus) float64 { return float64(s.Queued) }},
	{name: "max_queue", value: func(s *pool.ServerStatus) float64 { return float64(s.MaxQueued) }},
	{name: "current_sessions", ours: "server_connections", value: func(s *pool.ServerStatus) float64 { return float64(s.Sessions) }},
	{name: "max_sessions", ours: "server_connections_max", value: func(s *pool.ServerStatus) float64 { return float64(s.MaxSessions) }},
	{name: "limit_sessions", ours: "server_connections_limit", value: func(s *pool.ServerStatus) float64 { return orNaN(s.MaxConn) }},
	{name: "sessions_total", ours: "server_connections_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Taken) }},
	{name: "bytes_in_total", ours: "server_in_bytes_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.In) }, note: "when connections end"},
	{name: "bytes_out_total", ours: "server_out_bytes_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.Out) }, note: "when connections end"},
	{name: "req_bytes_in_total", ours: "server_in_bytes_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.In) }, note: "when connections end"},
	{name: "req_bytes_out_total", ours: "server_in_bytes_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.In) }, note: "when connections end"},
	{name: "res_bytes_in_total", ours: "server_out_bytes_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.Out) }, note: "when connections end"},
	{name: "res_bytes_out_total", ours: "server_out_bytes_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.Out) }, note: "when connections end"},
	{name: "responses_denied_total", value: notHere[pool.ServerStatus], note: "0: see the frontend's"},
	{name: "connection_errors_total", ours: "server_connect_errors_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.ConnectErrors) }, note: "ours has each attempt"},
	{name: "response_errors_total", ours: "server_response_errors_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.ResponseErrors) }},
	{name: "retry_warnings_total", ours: "server_retries_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Retries) }},
	{name: "redispatch_warnings_total", ours: "server_redispatches_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Redispatches) }},
	{name: "weight", ours: "server_weight", value: func(s *pool.ServerStatus) float64 { return float64(s.EffectiveWeight()) }},
	{name: "uweight", ours: "server_weight", value: func(s *pool.ServerStatus) float64 { return float64(s.Weight) }, note: "without slow start"},
	{name: "active", value: func(s *pool.ServerStatus) float64 { return oneIf(!s.Backup) }},
	{name: "backup", value: func(s *pool.ServerStatus) float64 { return oneIf(s.Backup) }},
	{name: "check_failures_total", ours: "server_checks_total", value: ifChecked(func(s *pool.ServerStatus) float64 { return float64(s.Checks.Harmful) }), note: "ours has those of servers that are down, too"},
	{name: "check_up_down_total", ours: "server_downs_total", value: ifChecked(func(s *pool.ServerStatus) float64 { return float64(s.Downs) })},
	{name: "check_last_change_seconds", ours: "server_last_change_timestamp_seconds", value: func(s *pool.ServerStatus) float64 { return since(s.Since) }},
	{name: "downtime_seconds_total", ours: "server_down_seconds_total", value: ifChecked(func(s *pool.ServerStatus) float64 { return s.DownTime.Seconds() })},
	{name: "queue_limit", value: func(s *pool.ServerStatus) float64 { return orNaN(s.MaxQueue) }},
	{name: "current_throttle", ours: "server_weight", value: throttle},
	{name: "loadbalanced_total", ours: "server_connections_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Taken) }},
	{name: "current_session_rate", ours: "server_connections_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Rate) }, note: "its rate"},
	{name: "max_session_rate", ours: "server_connections_total", value: func(s *pool.ServerStatus) float64 { return float64(s.MaxRate) }, note: "the highest rate at a scrape"},
	{name: "client_aborts_total", ours: "server_client_aborts_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.ClientAborts) }},
	{name: "server_aborts_total", ours: "server_server_aborts_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Traffic.ServerAborts) }},
	{name: "last_session_seconds", ours: "server_last_connection_timestamp_seconds", value: func(s *pool.ServerStatus) float64 { return sinceLast(s.LastTaken) }},
	{name: "queue_time_average_seconds", ours: "backend_queue_seconds", value: func(s *pool.ServerStatus) float64 { return s.Traffic.Queue.Average().Seconds() }},
	{name: "connect_time_average_seconds", ours: "backend_connect_seconds", value: func(s *pool.ServerStatus) float64 { return s.Traffic.Connect.Average().Seconds() }},
	{name: "response_time_average_seconds", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
	{name: "total_time_average_seconds", ours: "frontend_session_seconds", value: func(s *pool.ServerStatus) float64 { return s.Traffic.Total.Average().Seconds() }},
	{name: "max_queue_time_seconds", ours: "backend_queue_seconds", value: func(s *pool.ServerStatus) float64 { return s.Traffic.Queue.Max().Seconds() }},
	{name: "max_connect_time_seconds", ours: "backend_connect_seconds", value: func(s *pool.ServerStatus) float64 { return s.Traffic.Connect.Max().Seconds() }},
	{name: "max_response_time_seconds", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
	{name: "max_total_time_seconds", ours: "frontend_session_seconds", value: func(s *pool.ServerStatus) float64 { return s.Traffic.Total.Max().Seconds() }},
	{name: "failed_header_rewriting_total", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
	{name: "connection_attempts_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Taken + s.Retries) }},
	{name: "connection_reuses_total", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
	{name: "idle_connections_current", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
	{name: "idle_connections_limit", value: unknown[pool.ServerStatus], note: "for HTTP: NaN"},
	{name: "internal_errors_total", value: notHere[pool.ServerStatus], note: "0: see the frontend's"},
	{name: "unsafe_idle_connections_current", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
	{name: "safe_idle_connections_current", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
	{name: "private_idle_connections_current", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
	{name: "used_connections_current", ours: "server_connections", value: func(s *pool.ServerStatus) float64 { return float64(s.Sessions) }},
	{name: "need_connections_current", value: notHere[pool.ServerStatus], note: "for HTTP: 0"},
})

var haproxyChecks = newScope("haproxy_server_", []string{"proxy", "server"}, []ofServerRow{
	{name: "check_code", value: notHere[pool.ServerStatus], note: "0: the status of HTTP checks is in the log"},
	{name: "check_duration_seconds", ours: "server_check_seconds", value: func(s *pool.ServerStatus) float64 { return s.Check.Took.Seconds() }},
})

var haproxyAgents = newScope("haproxy_server_", []string{"proxy", "server"}, []ofServerRow{
	{name: "agent_code", value: notHere[pool.ServerStatus], note: "0"},
	{name: "agent_duration_seconds", value: func(s *pool.ServerStatus) float64 { return s.Agent.Took.Seconds() }},
})

var (
	haproxyServerStatus = haproxyMetric("haproxy_server_status", []string{"proxy", "server", "state"}, "server_state", "")
	haproxyCheckStatus  = haproxyMetric("haproxy_server_check_status", []string{"proxy", "server", "state"}, "server_check_status", "")
	haproxyAgentStatus  = haproxyMetric("haproxy_server_agent_status", []string{"proxy", "server", "state"}, "", "")
)

// serverStates and checkCodes are HAProxy's states of servers, and its codes of checks.
var (
	serverStates = []string{"DOWN", "UP", "MAINT", "DRAIN", "NOLB"}
	checkCodes   = []string{
		"HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP", "L7OK", "L7OKC", "L7STS",
		"PROCERR", "PROCTOUT", "PROCOK",
	}
)

// haproxyState returns HAProxy's word for the state of a server.
func haproxyState(s *pool.ServerStatus) string {
	return map[string]string{"up": "UP", "down": "DOWN", "drain": "DRAIN", "maint": "MAINT"}[s.State()]
}

func sendHAProxyServer(out output, backend string, s *pool.ServerStatus) {
	haproxyServers.send(out, s, backend, s.Name)
	sendState(out, haproxyServerStatus, serverStates, haproxyState(s), backend, s.Name)
	if s.ServerConfig.Check != nil && s.Admin != pool.Maint {
		haproxyChecks.send(out, s, backend, s.Name)
		sendState(out, haproxyCheckStatus, checkCodes, string(s.Check.Code), backend, s.Name)
	}
	if s.ServerConfig.Agent != nil && s.Admin != pool.Maint {
		haproxyAgents.send(out, s, backend, s.Name)
		sendState(out, haproxyAgentStatus, checkCodes, string(s.Agent.Code), backend, s.Name)
	}
}

// ifChecked returns a function that returns NaN for a server without checks, as HAProxy does.
func ifChecked(value func(*pool.ServerStatus) float64) func(*pool.ServerStatus) float64 {
	return func(s *pool.ServerStatus) float64 {
		if s.ServerConfig.Check == nil || s.Admin == pool.Maint {
			return math.NaN()
		}
		return value(s)
	}
}

// throttle returns the percentage of the weight during slow start, else NaN.
func throttle(s *pool.ServerStatus) float64 {
	percent, ok := s.Throttle()
	if !ok {
		return math.NaN()
	}
	return float64(percent)
}

// sinceLast returns the whole seconds since a time, or -1 if it is zero.
func sinceLast(at time.Time) float64 {
	if at.IsZero() {
		return -1
	}
	return math.Floor(time.Since(at).Seconds())
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
