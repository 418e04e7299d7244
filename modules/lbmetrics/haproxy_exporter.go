// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"strings"
	"sync/atomic"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Before HAProxy had an exporter of its own, haproxy_exporter read its statistics. Dashboards for
// that one select by the labels frontend and backend, where HAProxy's exporter has proxy, and show
// some metrics that HAProxy's exporter does not have. Series of HAProxy's names have both labels.

// exporterLabels are the labels that have the value of proxy, by the begin of a metric's name.
var exporterLabels = map[string]string{
	"haproxy_frontend_": "frontend", "haproxy_listener_": "frontend",
	"haproxy_backend_": "backend", "haproxy_server_": "backend",
}

// exporterLabel returns the label of a metric that has the value of proxy, or "".
func exporterLabel(name string) string {
	for begin, label := range exporterLabels {
		if strings.HasPrefix(name, begin) {
			return label
		}
	}
	return ""
}

const noteExporter = "of haproxy_exporter"

var (
	exporterFrontends = newScope("haproxy_frontend_", []string{"proxy"}, []ofFrontend{
		{name: "http_requests_total", value: notHere[frontend.Metrics], note: noteExporter + ", for HTTP: 0"},
	})
	exporterBackends = newScope("haproxy_backend_", []string{"proxy"}, []ofBackend{
		{name: "connections_total", ours: "backend_connections_total", value: func(b *backendNumbers) float64 { return float64(b.Taken) }, note: noteExporter},
		{name: "up", ours: "backend_up", value: func(b *backendNumbers) float64 { return oneIf(!b.Down) }, note: noteExporter},
	})
	exporterServers = newScope("haproxy_server_", []string{"proxy", "server"}, []ofServerRow{
		{name: "connections_total", ours: "server_connections_total", value: func(s *pool.ServerStatus) float64 { return float64(s.Taken) }, note: noteExporter},
		{name: "up", ours: "server_up", value: func(s *pool.ServerStatus) float64 { return oneIf(s.State() == "up") }, note: noteExporter},
		{name: "check_duration_milliseconds", ours: "server_check_seconds", value: func(s *pool.ServerStatus) float64 { return float64(s.Check.Took.Milliseconds()) }, note: noteExporter},
	})

	exporterFrontendHTTP = haproxyMetric("haproxy_frontend_http_responses_total", []string{"proxy", "code"}, "", noteExporter+", for HTTP: 0")
	exporterBackendHTTP  = haproxyMetric("haproxy_backend_http_responses_total", []string{"proxy", "code"}, "", noteExporter+", for HTTP: 0")
	exporterServerHTTP   = haproxyMetric("haproxy_server_http_responses_total", []string{"proxy", "server", "code"}, "", noteExporter+", for HTTP: 0")

	exporterUp       = haproxyMetric("haproxy_up", nil, "", noteExporter+": 1")
	exporterFailures = haproxyMetric("haproxy_exporter_csv_parse_failures", nil, "", noteExporter+": 0")
	exporterScrapes  = haproxyMetric("haproxy_exporter_total_scrapes", nil, "", noteExporter)
)

// scrapes counts the scrapes with HAProxy's names.
var scrapes atomic.Int64

// httpCodes are the values of the label code.
var httpCodes = []string{"1xx", "2xx", "3xx", "4xx", "5xx", "other"}

// sendExporter sends what only haproxy_exporter has.
func sendExporter(out output, s *snapshot) {
	send(out, exporterUp, 1)
	send(out, exporterFailures, 0)
	send(out, exporterScrapes, scrapes.Add(1))
	for name, m := range s.frontends {
		exporterFrontends.send(out, m, name)
		sendState(out, exporterFrontendHTTP, httpCodes, "", name)
	}
	for i := range s.backends {
		b := &s.backends[i]
		exporterBackends.send(out, &backendNumbers{BackendStatus: b}, b.Name)
		sendState(out, exporterBackendHTTP, httpCodes, "", b.Name)
		for k := range b.Servers {
			exporterServers.send(out, &b.Servers[k], b.Name, b.Servers[k].Name)
			sendState(out, exporterServerHTTP, httpCodes, "", b.Name, b.Servers[k].Name)
		}
	}
}
