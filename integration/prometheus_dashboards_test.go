// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/integration/monitoring"
)

// exporterNames are the metrics that Grafana's dashboard 2428 shows, by their scope. It is made for
// the exporter of Prometheus that asks HAProxy for its statistics, whose series have the labels
// frontend, backend and server. The metrics of dashboard 12693 are those of HAProxy's own exporter,
// which TestExporter compares.
var exporterNames = map[string]string{
	"frontend": "bytes_in_total bytes_out_total connections_total current_sessions current_session_rate http_requests_total http_responses_total " +
		"limit_session_rate limit_sessions max_session_rate max_sessions request_errors_total requests_denied_total",
	"backend": "bytes_in_total bytes_out_total connection_errors_total connections_total current_queue current_session_rate current_sessions http_responses_total " +
		"limit_sessions max_queue max_session_rate max_sessions redispatch_warnings_total response_errors_total retry_warnings_total up weight",
	"server": "bytes_in_total bytes_out_total check_duration_milliseconds check_failures_total connection_errors_total connections_total current_queue " +
		"current_session_rate current_sessions downtime_seconds_total http_responses_total max_queue max_session_rate max_sessions " +
		"redispatch_warnings_total response_errors_total retry_warnings_total up weight",
}

// exporterQueries returns a query for each of them, with the labels by which the dashboard selects.
func exporterQueries() (all []monitoring.Query) {
	labels := map[string]string{
		"frontend": `frontend=~".+",proxy=~".+"`, "backend": `backend=~".+",proxy=~".+"`, "server": `backend=~".+",proxy=~".+",server=~".+"`,
	}
	for scope, names := range exporterNames {
		for name := range strings.FieldsSeq(names) {
			selected := labels[scope]
			if name == "http_responses_total" {
				selected += `,code=~".+"`
			}
			all = append(all, monitoring.Query{From: "Grafana 2428", Expr: "haproxy_" + scope + "_" + name + "{" + selected + "}"})
		}
	}
	for _, name := range []string{"haproxy_up", "haproxy_exporter_csv_parse_failures", "haproxy_exporter_total_scrapes"} {
		all = append(all, monitoring.Query{From: "Grafana 2428", Expr: name})
	}
	return all
}
