// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

type ofFrontend = row[frontend.Metrics]

var haproxyFrontends = newScope("haproxy_frontend_", []string{"proxy"}, []ofFrontend{
	{name: "current_sessions", ours: "frontend_connections", value: func(m *frontend.Metrics) float64 { return float64(m.Connections) }},
	{name: "max_sessions", ours: "frontend_connections_max", value: func(m *frontend.Metrics) float64 { return float64(m.Highest) }},
	{name: "limit_sessions", ours: "frontend_connections_limit", value: sessionsLimit, note: "without a limit, the process's"},
	{name: "sessions_total", ours: "frontend_sessions_total", value: func(m *frontend.Metrics) float64 { return float64(m.Sessions) }},
	{name: "bytes_in_total", ours: "frontend_in_bytes_total", value: func(m *frontend.Metrics) float64 { return float64(m.In) }, note: "when connections end"},
	{name: "bytes_out_total", ours: "frontend_out_bytes_total", value: func(m *frontend.Metrics) float64 { return float64(m.Out) }, note: "when connections end"},
	{name: "req_bytes_in_total", ours: "frontend_in_bytes_total", value: func(m *frontend.Metrics) float64 { return float64(m.In) }, note: "when connections end"},
	{name: "req_bytes_out_total", ours: "frontend_in_bytes_total", value: func(m *frontend.Metrics) float64 { return float64(m.In) }, note: "when connections end"},
	{name: "res_bytes_in_total", ours: "frontend_out_bytes_total", value: func(m *frontend.Metrics) float64 { return float64(m.Out) }, note: "when connections end"},
	{name: "res_bytes_out_total", ours: "frontend_out_bytes_total", value: func(m *frontend.Metrics) float64 { return float64(m.Out) }, note: "when connections end"},
	{name: "requests_denied_total", ours: "frontend_refused_total", value: refusedBy("content"), note: "`reason=\"content\"`"},
	{name: "responses_denied_total", ours: "frontend_refused_total", value: refusedBy("response"), note: "`reason=\"response\"`"},
	{name: "request_errors_total", ours: "frontend_ended_total", value: endedBy(tcplog.ClientLeft, tcplog.ClientTimeoutHello), note: "`termination=\"CR\"` and `\"cR\"`"},
	{name: "limit_session_rate", ours: "frontend_session_rate_limit", value: func(m *frontend.Metrics) float64 { return float64(m.SessionRate) }},
	{name: "current_session_rate", ours: "frontend_sessions_total", value: func(m *frontend.Metrics) float64 { return float64(m.Rate) }, note: "its rate"},
	{name: "max_session_rate", ours: "frontend_sessions_total", value: func(m *frontend.Metrics) float64 { return float64(m.MaxRate) }, note: "the highest rate at a scrape"},
	{name: "connections_rate_max", ours: "frontend_connections_total", value: func(m *frontend.Metrics) float64 { return float64(m.MaxRate) }, note: "the highest rate at a scrape"},
	{name: "connections_total", ours: "frontend_connections_total", value: func(m *frontend.Metrics) float64 { return float64(m.Accepted) }},
	{name: "denied_connections_total", ours: "frontend_refused_total", value: refusedBy("connection"), note: "`reason=\"connection\"`"},
	{name: "denied_sessions_total", ours: "frontend_refused_total", value: refusedBy("session"), note: "`reason=\"session\"`"},
	{name: "failed_header_rewriting_total", value: notHere[frontend.Metrics], note: "for HTTP: 0"},
	{name: "internal_errors_total", ours: "frontend_ended_total", value: endedBy(tcplog.Failed, tcplog.InspectionFailed), note: "`end=\"internal_error\"`"},
})

var haproxyFrontendStatus = haproxyMetric("haproxy_frontend_status", []string{"proxy", "state"}, "listener_up", "")

// refusedBy returns a function that adds up the refusals for some reasons.
func refusedBy(reasons ...string) func(*frontend.Metrics) float64 {
	return func(m *frontend.Metrics) float64 { return float64(m.RefusedFor(reasons...)) }
}

// endedBy returns a function that adds up connections by how they ended.
func endedBy(ends ...tcplog.End) func(*frontend.Metrics) float64 {
	return func(m *frontend.Metrics) float64 { return float64(m.EndedBy(ends...)) }
}

// sessionsLimit returns the limit of a frontend, or else that of the process.
func sessionsLimit(m *frontend.Metrics) float64 {
	if m.MaxConn > 0 {
		return float64(m.MaxConn)
	}
	return float64(limits.MaxConnections())
}

func sendHAProxyFrontend(out output, name string, m *frontend.Metrics) {
	haproxyFrontends.send(out, m, name)
	sendState(out, haproxyFrontendStatus, []string{"DOWN", "UP"}, upOrDown(m.Running), name)
}

func upOrDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}

type ofListenerRow = row[frontend.ListenerMetrics]

var haproxyListeners = newScope("haproxy_listener_", []string{"proxy", "listener"}, []ofListenerRow{
	{name: "current_sessions", ours: "listener_connections", value: func(l *frontend.ListenerMetrics) float64 { return float64(l.Connections) }},
	{name: "max_sessions", value: unknown[frontend.ListenerMetrics], note: "NaN"},
	{name: "limit_sessions", value: func(l *frontend.ListenerMetrics) float64 { return float64(l.MaxConn) }},
	{name: "sessions_total", ours: "listener_connections_total", value: func(l *frontend.ListenerMetrics) float64 { return float64(l.Accepted) }},
	{name: "connections_total", ours: "listener_connections_total", value: func(l *frontend.ListenerMetrics) float64 { return float64(l.Accepted) }},
	{name: "bytes_in_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "bytes_out_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "req_bytes_in_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "req_bytes_out_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "res_bytes_in_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "res_bytes_out_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "requests_denied_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "responses_denied_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "request_errors_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "denied_connections_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "denied_sessions_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
	{name: "failed_header_rewriting_total", value: notHere[frontend.ListenerMetrics], note: "for HTTP: 0"},
	{name: "internal_errors_total", value: unknown[frontend.ListenerMetrics], note: "NaN: see the frontend's"},
})

var haproxyListenerStatus = haproxyMetric("haproxy_listener_status", []string{"proxy", "listener", "state"}, "listener_up", "")

// listenerStates are HAProxy's.
var listenerStates = []string{"WAITING", "OPEN", "FULL"}

func sendHAProxyListeners(out output, s *snapshot) {
	for i := range s.listeners {
		l := &s.listeners[i]
		name := l.Name
		if l.Unnamed {
			name = "sock-" + strconv.Itoa(l.Number)
		}
		state := "OPEN"
		switch {
		case !l.Open:
			state = "WAITING"
		case l.MaxConn > 0 && l.Connections >= int64(l.MaxConn):
			state = "FULL"
		}
		haproxyListeners.send(out, l, l.Frontend, name)
		sendState(out, haproxyListenerStatus, listenerStates, state, l.Frontend, name)
	}
}
