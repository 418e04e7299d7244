// SPDX-License-Identifier: Apache-2.0

package monitoring

// row is a row of the dashboard.
type row struct {
	title  string
	panels []panel
}

// panel is a panel of the dashboard.
type panel struct {
	title       string
	kind        kind
	unit        string // Grafana's name
	description string
	queries     []query
}

// query is an expression with the legend of its series. In it $P, $F and $B select the instance,
// and the frontend or the backend.
type query struct{ expr, legend string }

type kind int

const (
	graph  kind = iota
	stat        // one number for each series
	states      // a state for each series over time
	bars        // the largest values
)

// rows are the rows of the dashboard, from top to bottom.
var rows = []row{
	{"Overview", []panel{
		{"Open connections", stat, "short", "Connections that are open now.", []query{{`sum(caddy_passthrough_connections{$P})`, "open"}}},
		{"New connections", stat, "cps", "Connections accepted per second.", []query{{`sum(rate(caddy_passthrough_frontend_connections_total{$F}[$__rate_interval]))`, "accepted"}}},
		{"Failed connections", stat, "percentunit", "The share of ended connections that a server or the proxy ended: the first letter of termination is S, s, R, I or D.", []query{
			{`sum(rate(caddy_passthrough_frontend_ended_total{$F,termination=~"[SsRID].*"}[$__rate_interval])) / sum(rate(caddy_passthrough_frontend_ended_total{$F}[$__rate_interval]))`, "failed"},
		}},
		{"Backends down", stat, "short", "Backends without a usable server. Their connections end with no_server.", []query{{`count(caddy_passthrough_backend_up{$B} == 0) or vector(0)`, "down"}}},
		{"Servers down", stat, "short", "Servers that failed their health checks.", []query{{`sum(caddy_passthrough_server_state{$B,state="down"})`, "down"}}},
		{"Overload", stat, "short", "Processes that refuse or pause connections because a resource is short.", []query{{`sum(caddy_passthrough_overload_stage{$P,stage!="normal"})`, "processes"}}},
	}},
	{"Frontends", []panel{
		{"Connections by frontend", graph, "short", "Open connections, and the limit where there is one.", []query{
			{`sum by (frontend) (caddy_passthrough_frontend_connections{$F})`, "{{frontend}}"},
			{`sum by (frontend) (caddy_passthrough_frontend_connections_limit{$F})`, "{{frontend}} limit"},
		}},
		{"Connection rate by frontend", graph, "cps", "Connections accepted per second.", []query{{`sum by (frontend) (rate(caddy_passthrough_frontend_connections_total{$F}[$__rate_interval]))`, "{{frontend}}"}}},
		{"Traffic by frontend", graph, "Bps", "Bytes of ended connections per second: from the clients, and to them.", []query{
			{`sum by (frontend) (rate(caddy_passthrough_frontend_in_bytes_total{$F}[$__rate_interval]))`, "{{frontend}} in"},
			{`sum by (frontend) (rate(caddy_passthrough_frontend_out_bytes_total{$F}[$__rate_interval]))`, "{{frontend}} out"},
		}},
		{"How connections end", graph, "cps", "Ended connections per second, with HAProxy's letters and the name that the log has. CD is a client that reset, SC a server that was not reached.", []query{
			{`sum by (termination, end) (rate(caddy_passthrough_frontend_ended_total{$F}[$__rate_interval]))`, "{{termination}} {{end}}"},
		}},
		{"Refused connections", graph, "cps", "Connections refused per second, by reason: rules, limits, and hellos that are not complete, not TLS or for a name without a rule (no_match).", []query{
			{`sum by (frontend, reason) (rate(caddy_passthrough_frontend_refused_total{$F}[$__rate_interval]))`, "{{frontend}} {{reason}}"},
		}},
		{"Hellos by outcome", graph, "cps", "The results of inspections: timeout is a client that did not finish it, not_tls another protocol.", []query{
			{`sum by (outcome) (rate(caddy_passthrough_frontend_hellos_total{$F}[$__rate_interval]))`, "{{outcome}}"},
		}},
		{"Wait for the hello", graph, "s", "Time from accept to the end of the inspection.", quantiles("frontend", "frontend_hello_wait_seconds", "$F")},
		{"Session length", graph, "s", "Time from accept to the end.", quantiles("frontend", "frontend_session_seconds", "$F")},
	}},
	{"Backends", []panel{
		{"Usable servers", graph, "short", "Servers that get connections, backups included. At 0 the backend is down.", []query{
			{`sum by (backend) (caddy_passthrough_backend_active_servers{$B} + caddy_passthrough_backend_backup_servers{$B})`, "{{backend}}"},
		}},
		{"Connections by backend", graph, "short", "Connections with a server of the backend, or waiting for one.", []query{{`sum by (backend) (caddy_passthrough_backend_connections{$B})`, "{{backend}}"}}},
		{"Queue", graph, "short", "Connections that wait for a place: for any server of the backend, and for one server.", []query{
			{`sum by (backend) (caddy_passthrough_backend_queue{$B})`, "{{backend}}"},
			{`sum by (backend, server) (caddy_passthrough_server_queue{$B}) > 0 or sum by (backend) (caddy_passthrough_server_queue{$B})`, "{{backend}}/{{server}}"},
		}},
		{"Connect errors and retries", graph, "cps", "Attempts to connect that failed, retries, and retries that went to another server.", []query{
			{`sum by (backend) (rate(caddy_passthrough_server_connect_errors_total{$B}[$__rate_interval]))`, "{{backend}} failed attempts"},
			{`sum by (backend) (rate(caddy_passthrough_backend_connect_errors_total{$B}[$__rate_interval]))`, "{{backend}} given up"},
			{`sum by (backend) (rate(caddy_passthrough_backend_retries_total{$B}[$__rate_interval]))`, "{{backend}} retries"},
			{`sum by (backend) (rate(caddy_passthrough_backend_redispatches_total{$B}[$__rate_interval]))`, "{{backend}} redispatched"},
		}},
		{"Connect time", graph, "s", "Time from the verdict on the hello to the connection with a server, without queues.", quantiles("backend", "backend_connect_seconds", "$B")},
		{"First byte of the server", graph, "s", "Time from the connection to a server until its first byte.", quantiles("backend", "backend_first_byte_seconds", "$B")},
		{"Handshakes refused by servers", graph, "cps", "Sessions whose server answered the hello with a fatal TLS alert: 40 no common parameters, 70 no common version, 112 unknown name.", []query{
			{`sum by (backend, server, alert) (rate(caddy_passthrough_server_alerts_total{$B}[$__rate_interval]))`, "{{backend}}/{{server}} alert {{alert}}"},
		}},
		{"Aborts", graph, "cps", "Sessions that a client or a server broke.", []query{
			{`sum by (backend) (rate(caddy_passthrough_backend_client_aborts_total{$B}[$__rate_interval]))`, "{{backend}} client"},
			{`sum by (backend) (rate(caddy_passthrough_backend_server_aborts_total{$B}[$__rate_interval]))`, "{{backend}} server"},
		}},
	}},
	{"Servers", []panel{
		{"State of servers", states, "short", "1: it gets connections.", []query{{`min by (backend, server) (caddy_passthrough_server_up{$B})`, "{{backend}}/{{server}}"}}},
		{"Connections by server", graph, "short", "Connections that the servers have now.", []query{{`sum by (backend, server) (caddy_passthrough_server_connections{$B})`, "{{backend}}/{{server}}"}}},
		{"Failed health checks", graph, "cps", "Health checks per second that failed.", []query{{`sum by (backend, server) (rate(caddy_passthrough_server_checks_total{$B,result="failed"}[$__rate_interval]))`, "{{backend}}/{{server}}"}}},
		{"Duration of health checks", graph, "s", "How long the last health check took.", []query{{`max by (backend, server) (caddy_passthrough_server_check_seconds{$B})`, "{{backend}}/{{server}}"}}},
	}},
	{"Process", []panel{
		{"Resources", graph, "percentunit", "How much of each resource is used. From some 80 % on, overload protection begins.", []query{
			{`max by (resource) (caddy_passthrough_resource_used{$P} / caddy_passthrough_resource_limit{$P})`, "{{resource}}"},
		}},
		{"Relay", graph, "short", "Sessions, connections that wait for bytes of their client without a goroutine, and pipes for splice.", []query{
			{`sum by (mode) (caddy_passthrough_relay_sessions{$P})`, "sessions, {{mode}}"},
			{`sum(caddy_passthrough_relay_parked_connections{$P})`, "parked"},
			{`sum(caddy_passthrough_relay_pipes{$P})`, "pipes"},
		}},
		{"Log lines", graph, "cps", "Lines of connections per second, and those that were lost because a target stalled.", []query{
			{`sum(rate(caddy_passthrough_log_lines_total{$P}[$__rate_interval]))`, "lines"},
			{`sum(rate(caddy_passthrough_log_lines_dropped_total{$P}[$__rate_interval]))`, "lost"},
			{`sum by (address) (rate(caddy_passthrough_syslog_dropped_total{$P}[$__rate_interval]))`, "lost on the way to {{address}}"},
		}},
		{"DNS", graph, "cps", "Lookups per second by result.", []query{{`sum by (resolver, result) (rate(caddy_passthrough_dns_lookups_total{$P}[$__rate_interval]))`, "{{resolver}} {{result}}"}}},
		{"Stick tables", graph, "percentunit", "How full they are. A full table forgets the oldest entries.", []query{{`max by (table) (caddy_passthrough_table_entries{$P} / caddy_passthrough_table_size{$P})`, "{{table}}"}}},
		{"Most frequent names", bars, "cps", "Server names that clients ask for.", []query{{`topk(10, sum by (name) (rate(caddy_passthrough_sni_connections_total{$P}[$__rate_interval])))`, "{{name}}"}}},
	}},
}

// quantiles returns the queries for the median and the 99th percentile of a histogram.
func quantiles(by, name, selector string) (all []query) {
	for _, q := range []struct{ of, legend string }{{"0.5", "median"}, {"0.99", "99 %"}} {
		all = append(all, query{
			"histogram_quantile(" + q.of + ", sum by (" + by + ", le) (rate(caddy_passthrough_" + name + "_bucket{" + selector + "}[$__rate_interval])))",
			"{{" + by + "}} " + q.legend,
		})
	}
	return all
}
