// SPDX-License-Identifier: Apache-2.0

package monitoring

import "bytes"

// record is a recording rule. Its name says by which labels it is summed, of what it is, and what
// was done to it.
type record struct{ name, expr string }

// The recording rules that alerts use.
const (
	connectErrors  = "instance_backend:caddy_passthrough_connect_errors:ratio_rate5m"
	connectTime    = "instance_backend:caddy_passthrough_connect_seconds:p99_rate5m"
	refusedByAlert = "instance_backend:caddy_passthrough_server_alerts:ratio_rate5m"
	unfinished     = "instance_frontend:caddy_passthrough_hello_timeouts:ratio_rate5m"
	unknownNames   = "instance_frontend:caddy_passthrough_unknown_names:ratio_rate5m"
)

// records are the recording rules: what alerts and long-term graphs need.
var records = []record{
	{"instance_frontend:caddy_passthrough_connections:rate5m", `sum by (instance, frontend) (rate(caddy_passthrough_frontend_connections_total[5m]))`},
	{"instance_frontend:caddy_passthrough_in_bytes:rate5m", `sum by (instance, frontend) (rate(caddy_passthrough_frontend_in_bytes_total[5m]))`},
	{"instance_frontend:caddy_passthrough_out_bytes:rate5m", `sum by (instance, frontend) (rate(caddy_passthrough_frontend_out_bytes_total[5m]))`},
	{"instance_frontend:caddy_passthrough_failed_connections:ratio_rate5m", ratio("instance, frontend", `frontend_ended_total{termination=~"[SsRID].*"}`, "frontend_ended_total")},
	{unfinished, ratio("instance, frontend", `frontend_hellos_total{outcome="timeout"}`, "frontend_hellos_total")},
	{unknownNames, ratio("instance, frontend", `frontend_refused_total{reason="no_match"}`, "frontend_connections_total")},
	{connectErrors, ratio("instance, backend", "backend_connect_errors_total", "backend_connections_total")},
	{refusedByAlert, ratio("instance, backend", "server_alerts_total", "backend_connections_total")},
	{"instance_backend:caddy_passthrough_first_byte_seconds:p99_rate5m", `histogram_quantile(0.99, sum by (instance, backend, le) (rate(caddy_passthrough_backend_first_byte_seconds_bucket[5m])))`},
	{connectTime, `histogram_quantile(0.99, sum by (instance, backend, le) (rate(caddy_passthrough_backend_connect_seconds_bucket[5m])))`},
}

// ratio returns the expression for the share of one counter in another.
func ratio(by, part, whole string) string {
	sum := func(name string) string {
		return "sum by (" + by + ") (rate(caddy_passthrough_" + name + "[5m]))"
	}
	return sum(part) + " / (" + sum(whole) + " > 0)"
}

// recordingRules returns the file of recording rules.
func recordingRules() []byte {
	var b bytes.Buffer
	writeLine(&b, "# Recording rules of Caddy passthrough. Generated from integration/monitoring.")
	writeLine(&b, "groups:\n  - name: caddy_passthrough\n    rules:")
	for _, r := range records {
		writeLine(&b, "      - record: %s\n        expr: %s", r.name, quoted(r.expr))
	}
	return b.Bytes()
}
