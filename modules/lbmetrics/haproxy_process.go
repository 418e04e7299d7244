// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

type ofProcess = row[snapshot]

var haproxyProcess = newScope("haproxy_process_", nil, []ofProcess{
	{name: "nbthread", value: func(*snapshot) float64 { return float64(runtime.GOMAXPROCS(0)) }},
	{name: "nbproc", value: func(*snapshot) float64 { return 1 }},
	{name: "nb_thread_groups", value: func(*snapshot) float64 { return 1 }},
	{name: "relative_process_id", value: func(*snapshot) float64 { return 1 }},
	{name: "uptime_seconds", value: func(*snapshot) float64 { return since(time.Time{}) }},
	{name: "start_time_seconds", value: func(*snapshot) float64 { return float64(started.Unix()) }},
	{name: "max_fds", ours: "resource_limit", value: func(*snapshot) float64 { return 2 * descriptors() }, note: "in connections"},
	{name: "max_sockets", ours: "resource_limit", value: func(*snapshot) float64 { return 2 * descriptors() }, note: "in connections"},
	{name: "max_connections", ours: "connections_limit", value: func(*snapshot) float64 { return float64(limits.MaxConnections()) }, note: "without a limit, by the number of descriptors"},
	{name: "hard_max_connections", ours: "resource_limit", value: func(*snapshot) float64 { return descriptors() }},
	{name: "current_connections", ours: "connections", value: func(*snapshot) float64 { return float64(lifecycle.Connections()) }},
	{name: "connections_total", ours: "frontend_connections_total", value: func(s *snapshot) float64 { return sumOf(s, "connections_total") }, note: "its sum"},
	{name: "requests_total", ours: "frontend_sessions_total", value: func(s *snapshot) float64 { return sumOf(s, "sessions_total") }, note: "its sum"},
	{name: "current_connection_rate", ours: "frontend_connections_total", value: func(s *snapshot) float64 { return sumOf(s, "current_session_rate") }, note: "its rate"},
	{name: "current_session_rate", ours: "frontend_sessions_total", value: func(s *snapshot) float64 { return sumOf(s, "current_session_rate") }, note: "its rate"},
	{name: "limit_connection_rate", value: func(*snapshot) float64 { return float64(limits.Process.ConnRate.Load()) }},
	{name: "limit_session_rate", value: func(*snapshot) float64 { return float64(limits.Process.SessRate.Load()) }},
	{name: "max_connection_rate", value: unknown[snapshot], note: "NaN"},
	{name: "max_session_rate", value: unknown[snapshot], note: "NaN"},
	{name: "max_pipes", ours: "relay_pipes_limit", value: func(*snapshot) float64 { return float64(relay.ReadStats().MaxPipes) }},
	{name: "pipes_used_total", ours: "relay_pipes", value: func(*snapshot) float64 { return float64(relay.ReadStats().Pipes) }, note: "with spare ones"},
	{name: "pipes_free_total", value: notHere[snapshot], note: "0"},
	{name: "stopping", ours: "stopping", value: isStopping},
	{name: "jobs", ours: "connections", value: func(s *snapshot) float64 { return float64(lifecycle.Connections() + len(s.listeners)) }},
	{name: "listeners", ours: "listener_up", value: func(s *snapshot) float64 { return float64(len(s.listeners)) }, note: "its sum"},
	{name: "dropped_logs_total", ours: "log_lines_dropped_total", value: droppedLogs},
	{name: "failed_resolutions", ours: "dns_lookups_total", value: func(*snapshot) float64 { return float64(resolve.Servers.Stats().Failed) }},
	{name: "bytes_out_total", ours: "frontend_out_bytes_total", value: func(s *snapshot) float64 { return sumOf(s, "bytes_out_total") }, note: "its sum"},
	{name: "spliced_bytes_out_total", ours: "relay_spliced_bytes_total", value: func(*snapshot) float64 { return float64(relay.ReadStats().Spliced) }},
	{name: "bytes_out_rate", ours: "frontend_out_bytes_total", value: unknown[snapshot], note: "NaN: its rate"},
	{name: "max_memory_bytes", ours: "resource_limit", value: func(*snapshot) float64 { return float64(limits.MemoryLimit()) }},
	{name: "current_tasks", value: func(*snapshot) float64 { return float64(runtime.NumGoroutine()) }, note: "goroutines"},
	{name: "pool_failures_total", value: notHere[snapshot], note: "0"},
	{name: "pool_allocated_bytes", value: unknown[snapshot], note: "NaN: see Caddy's go_memstats"},
	{name: "pool_used_bytes", value: unknown[snapshot], note: "NaN: see Caddy's go_memstats"},
	{name: "current_run_queue", value: unknown[snapshot], note: "NaN"},
	{name: "idle_time_percent", value: unknown[snapshot], note: "NaN: see Caddy's process_cpu_seconds_total"},
	{name: "max_ssl_connections", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "current_ssl_connections", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "ssl_connections_total", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "current_ssl_rate", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "limit_ssl_rate", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "max_ssl_rate", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "current_frontend_ssl_key_rate", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "max_frontend_ssl_key_rate", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "frontend_ssl_reuse", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "current_backend_ssl_key_rate", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "max_backend_ssl_key_rate", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "ssl_cache_lookups_total", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "ssl_cache_misses_total", value: notHere[snapshot], note: "TLS is not terminated: 0"},
	{name: "http_comp_bytes_in_total", value: notHere[snapshot], note: "for HTTP: 0"},
	{name: "http_comp_bytes_out_total", value: notHere[snapshot], note: "for HTTP: 0"},
	{name: "limit_http_comp", value: notHere[snapshot], note: "for HTTP: 0"},
	{name: "current_zlib_memory", value: unknown[snapshot], note: "for HTTP: NaN"},
	{name: "max_zlib_memory", value: unknown[snapshot], note: "for HTTP: NaN"},
	{name: "patterns_added_total", value: unknown[snapshot], note: "NaN"},
	{name: "patterns_freed_total", value: unknown[snapshot], note: "NaN"},
	{name: "total_warnings", value: notHere[snapshot], note: "warnings are in the log: 0"},
	{name: "unstoppable_jobs", value: notHere[snapshot], note: "0"},
	{name: "active_peers", ours: "peer_connected", value: connectedPeers},
	{name: "connected_peers", ours: "peer_connected", value: connectedPeers},
	{name: "busy_polling_enabled", value: notHere[snapshot], note: "0"},
	{name: "recv_logs_total", value: notHere[snapshot], note: "0"},
})

var haproxyBuildInfo = haproxyMetric("haproxy_process_build_info", []string{"version"}, "", "Caddy's version, or the program's")

// descriptors returns how many connections the descriptors allow.
func descriptors() float64 { return float64(limits.Overload.Report().Resources["descriptors"].Limit) }

func isStopping(*snapshot) float64 {
	ending, _ := lifecycle.ShuttingDown()
	return oneIf(ending)
}

func droppedLogs(*snapshot) float64 {
	_, dropped := tcplog.Stats()
	return float64(dropped)
}

// sumOf adds up a metric of the frontends.
func sumOf(s *snapshot, name string) (sum float64) {
	for _, r := range haproxyFrontends.rows {
		if r.name != name {
			continue
		}
		for _, m := range s.frontends {
			sum += r.value(m)
		}
	}
	return sum
}

func sendHAProxyProcess(out output, s *snapshot) {
	haproxyProcess.send(out, s)
	version, _ := caddy.Version()
	if build, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = build.Main.Version
	}
	send(out, haproxyBuildInfo, 1, version)
}
