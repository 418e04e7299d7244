// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// backendNumbers are the numbers that HAProxy's metrics of a backend show.
type backendNumbers struct {
	*pool.BackendStatus
	frontend.Load
}

type ofBackend = row[backendNumbers]

var haproxyBackends = newScope("haproxy_backend_", []string{"proxy"}, []ofBackend{
	{name: "current_queue", ours: "backend_queue", value: queued, note: "with those of servers"},
	{name: "max_queue", value: func(b *backendNumbers) float64 { return float64(b.MaxQueued) }},
	{name: "current_sessions", ours: "backend_connections", value: func(b *backendNumbers) float64 { return float64(b.Connections) }},
	{name: "max_sessions", value: func(b *backendNumbers) float64 { return float64(b.Highest) }},
	{name: "limit_sessions", value: func(b *backendNumbers) float64 { return float64(b.FullConn) }, note: "`fullconn`; 0 without"},
	{name: "sessions_total", ours: "backend_connections_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.Connections) }, note: "when connections end"},
	{name: "bytes_in_total", ours: "backend_in_bytes_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.In) }, note: "when connections end"},
	{name: "bytes_out_total", ours: "backend_out_bytes_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.Out) }, note: "when connections end"},
	{name: "req_bytes_in_total", ours: "backend_in_bytes_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.In) }, note: "when connections end"},
	{name: "req_bytes_out_total", ours: "backend_in_bytes_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.In) }, note: "when connections end"},
	{name: "res_bytes_in_total", ours: "backend_out_bytes_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.Out) }, note: "when connections end"},
	{name: "res_bytes_out_total", ours: "backend_out_bytes_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.Out) }, note: "when connections end"},
	{name: "requests_denied_total", value: notHere[backendNumbers], note: "0: see the frontend's"},
	{name: "responses_denied_total", value: notHere[backendNumbers], note: "0: see the frontend's"},
	{name: "connection_errors_total", ours: "backend_connect_errors_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.ConnectErrors) }},
	{name: "response_errors_total", ours: "backend_response_errors_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.ResponseErrors) }},
	{name: "retry_warnings_total", ours: "backend_retries_total", value: func(b *backendNumbers) float64 { return float64(b.Retries) }},
	{name: "redispatch_warnings_total", ours: "backend_redispatches_total", value: func(b *backendNumbers) float64 { return float64(b.Redispatches) }},
	{name: "weight", ours: "server_weight", value: func(b *backendNumbers) float64 { return weights(b, (*pool.ServerStatus).EffectiveWeight) }, note: "the sum of usable servers"},
	{name: "uweight", ours: "server_weight", value: func(b *backendNumbers) float64 { return weights(b, userWeight) }, note: "the sum of usable servers, without slow start"},
	{name: "active_servers", ours: "backend_active_servers", value: func(b *backendNumbers) float64 { return float64(b.Active) }},
	{name: "backup_servers", ours: "backend_backup_servers", value: func(b *backendNumbers) float64 { return float64(b.Backups) }},
	{name: "check_up_down_total", ours: "backend_downs_total", value: func(b *backendNumbers) float64 { return float64(b.Downs) }},
	{name: "check_last_change_seconds", value: func(b *backendNumbers) float64 { return since(b.Since) }},
	{name: "downtime_seconds_total", ours: "backend_down_seconds_total", value: func(b *backendNumbers) float64 { return b.DownTime.Seconds() }},
	{name: "loadbalanced_total", value: func(b *backendNumbers) float64 { return float64(b.Taken) }},
	{name: "max_session_rate", ours: "backend_connections_total", value: func(b *backendNumbers) float64 { return float64(b.Load.MaxRate) }, note: "the highest rate at a scrape"},
	{name: "current_session_rate", ours: "backend_connections_total", value: func(b *backendNumbers) float64 { return float64(b.Load.Rate) }, note: "its rate"},
	{name: "client_aborts_total", ours: "backend_client_aborts_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.ClientAborts) }},
	{name: "server_aborts_total", ours: "backend_server_aborts_total", value: func(b *backendNumbers) float64 { return float64(b.Traffic.ServerAborts) }},
	{name: "last_session_seconds", value: func(b *backendNumbers) float64 { return sinceLast(b.LastTaken) }},
	{name: "queue_time_average_seconds", ours: "backend_queue_seconds", value: func(b *backendNumbers) float64 { return b.Traffic.Queue.Average().Seconds() }, note: "of about as many connections"},
	{name: "connect_time_average_seconds", ours: "backend_connect_seconds", value: func(b *backendNumbers) float64 { return b.Traffic.Connect.Average().Seconds() }, note: "of about as many connections"},
	{name: "response_time_average_seconds", value: notHere[backendNumbers], note: "for HTTP: 0"},
	{name: "total_time_average_seconds", ours: "frontend_session_seconds", value: func(b *backendNumbers) float64 { return b.Traffic.Total.Average().Seconds() }, note: "of about as many connections"},
	{name: "max_queue_time_seconds", ours: "backend_queue_seconds", value: func(b *backendNumbers) float64 { return b.Traffic.Queue.Max().Seconds() }},
	{name: "max_connect_time_seconds", ours: "backend_connect_seconds", value: func(b *backendNumbers) float64 { return b.Traffic.Connect.Max().Seconds() }},
	{name: "max_response_time_seconds", value: notHere[backendNumbers], note: "for HTTP: 0"},
	{name: "max_total_time_seconds", ours: "frontend_session_seconds", value: func(b *backendNumbers) float64 { return b.Traffic.Total.Max().Seconds() }},
	{name: "failed_header_rewriting_total", value: notHere[backendNumbers], note: "for HTTP: 0"},
	{name: "connection_attempts_total", value: attempts},
	{name: "connection_reuses_total", value: notHere[backendNumbers], note: "for HTTP: 0"},
	{name: "internal_errors_total", value: notHere[backendNumbers], note: "0: see the frontend's"},
})

var (
	haproxyBackendStatus = haproxyMetric("haproxy_backend_status", []string{"proxy", "state"}, "backend_up", "")
	haproxyAggStatus     = haproxyMetric("haproxy_backend_agg_server_status", []string{"proxy", "state"}, "server_state", "its sum")
	haproxyAggStatusOld  = haproxyMetric("haproxy_backend_agg_server_check_status", []string{"proxy", "state"}, "server_state", "its sum")
	haproxyAggCheck      = haproxyMetric("haproxy_backend_agg_check_status", []string{"proxy", "state"}, "server_check_status", "its sum")
)

// queued returns the number of connections in all queues of a backend.
func queued(b *backendNumbers) float64 { return float64(b.AllQueued()) }

// attempts returns the number of attempts to connect: each lease begins with one.
func attempts(b *backendNumbers) float64 { return float64(b.Taken + b.Retries) }

func userWeight(s *pool.ServerStatus) int { return s.Weight }

// weights adds up the weights of the servers that are usable.
func weights(b *backendNumbers, of func(*pool.ServerStatus) int) (sum float64) {
	for i := range b.Servers {
		if s := &b.Servers[i]; s.State() == "up" && s.Backup == (b.Active == 0) {
			sum += float64(of(s))
		}
	}
	return sum
}

func sendHAProxyBackend(out output, b *pool.BackendStatus) {
	n := backendNumbers{BackendStatus: b, Load: frontend.BackendLoad(b.Name)}
	haproxyBackends.send(out, &n, b.Name)
	sendState(out, haproxyBackendStatus, []string{"DOWN", "UP"}, upOrDown(!b.Down), b.Name)
	byState, byCode := make(map[string]int), make(map[string]int)
	for i := range b.Servers {
		s := &b.Servers[i]
		byState[haproxyState(s)]++
		if s.ServerConfig.Check != nil {
			byCode[string(s.Check.Code)]++
		}
		sendHAProxyServer(out, b.Name, s)
	}
	for _, state := range serverStates {
		send(out, haproxyAggStatus, byState[state], b.Name, state)
		send(out, haproxyAggStatusOld, byState[state], b.Name, state)
	}
	for _, code := range checkCodes {
		send(out, haproxyAggCheck, byCode[code], b.Name, code)
	}
}

var (
	haproxyTableSize = haproxyMetric("haproxy_sticktable_size", []string{"name", "type"}, "table_size", "")
	haproxyTableUsed = haproxyMetric("haproxy_sticktable_used", []string{"name", "type"}, "table_entries", "")
	haproxyTableSent = haproxyMetric("haproxy_sticktable_local_updates", []string{"name", "type"}, "", "see `peer_updates_sent_total`: 0")
)

func sendHAProxyTables(out output) {
	tables := balancer.StickTables()
	for _, name := range tables.Names() {
		t := tables.Table(name)
		if t == nil {
			continue
		}
		kind := strings.ToLower(t.Config().Type.String())
		send(out, haproxyTableSize, t.Config().Size, name, kind)
		send(out, haproxyTableUsed, t.Len(), name, kind)
		send(out, haproxyTableSent, 0, name, kind)
	}
}
