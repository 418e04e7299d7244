// SPDX-License-Identifier: Apache-2.0

package monitoring

// alert is an alert rule with its unit test.
type alert struct {
	name     string
	value    string // left of the comparison
	limit    string // the comparison
	wait     string // the time that it must be true
	severity string
	summary  string // $LABEL is the value of a label
	action   string // what to do
	guide    string // the section of docs/monitoring.md

	labels       []string // of the alert, as in LABEL="VALUE"
	fires, quiet []series // which fires, and which does not
}

// series is a time series of a unit test, in promtool's notation, one value a minute.
type series struct{ name, values string }

const (
	warning  = "warning"
	critical = "critical"
)

// alerts are the alert rules, the worst first.
var alerts = []alert{
	{
		name: "PassthroughBackendDown", value: "caddy_passthrough_backend_up", limit: "== 0", wait: "1m", severity: critical,
		summary: "Backend $backend has no usable server.", guide: "no-server",
		action: "Its clients are refused. Look at the state of its servers: GET /passthrough/backends/$backend tells why each check failed. If all servers run, look at the network between, and at the check.",
		labels: []string{`instance="a"`, `backend="web"`},
		fires:  []series{{`caddy_passthrough_backend_up{instance="a",backend="web"}`, "1x4 0x20"}},
		quiet:  []series{{`caddy_passthrough_backend_up{instance="a",backend="web"}`, "1x13 0 1x10"}},
	},
	{
		name: "PassthroughServerDown", value: "caddy_passthrough_server_up", limit: "== 0", wait: "2m", severity: warning,
		summary: "Server $backend/$server fails its health checks.", guide: "server-down",
		action: "The log has the reason: message \"server is down\", fields reason and info. Repair the server, or set it to maintenance while you work on it.",
		labels: []string{`instance="a"`, `backend="web"`, `server="s1"`},
		fires:  []series{{`caddy_passthrough_server_up{instance="a",backend="web",server="s1"}`, "1x4 0x20"}, {`caddy_passthrough_server_up{instance="a",backend="web",server="s2"}`, "1x20"}},
		quiet:  []series{{`caddy_passthrough_server_up{instance="a",backend="web",server="s1"}`, "1x12 0 0 1x10"}},
	},
	{
		name: "PassthroughServerFlapping", value: "increase(caddy_passthrough_server_downs_total[15m])", limit: "> 3", wait: "0m", severity: warning,
		summary: "Server $backend/$server goes down again and again.", guide: "server-down",
		action: "Compare the duration of its checks with their timeout: a server at its limit fails some of them. Give it less weight or a maxconn, or raise fall and the timeout of the check.",
		labels: []string{`instance="a"`, `backend="web"`, `server="s1"`},
		fires:  []series{{`caddy_passthrough_server_downs_total{instance="a",backend="web",server="s1"}`, "0+1x20"}},
		quiet:  []series{{`caddy_passthrough_server_downs_total{instance="a",backend="web",server="s1"}`, "0x5 1x5 2x10"}},
	},
	{
		name: "PassthroughCertificateEnds", value: "(caddy_passthrough_server_certificate_not_after_timestamp_seconds - time()) / 86400", limit: "< 14", wait: "10m", severity: warning,
		summary: "The certificate of server $backend/$server ends within 14 days.", guide: "certificate-ends",
		action: "Renew it on the server: caddy passthrough certificates shows its names and its issuer, and all servers that have it. If it is renewed already, the server has not been reloaded since.",
		labels: []string{`instance="a"`, `backend="web"`, `server="s1"`},
		fires:  []series{{`caddy_passthrough_server_certificate_not_after_timestamp_seconds{instance="a",backend="web",server="s1"}`, "1200000x30"}, {`caddy_passthrough_server_certificate_not_after_timestamp_seconds{instance="a",backend="web",server="s2"}`, "7776000x30"}},
		quiet:  []series{{`caddy_passthrough_server_certificate_not_after_timestamp_seconds{instance="a",backend="web",server="s1"}`, "1200000x10 7776000x30"}},
	},
	{
		name: "PassthroughConnectErrors", value: connectErrors, limit: "> 0.05", wait: "5m", severity: critical,
		summary: "More than 5 % of the connections of backend $backend get no server.", guide: "connect-errors",
		action: "Select the lines of the log with end connect_failed or connect_timeout: the field server tells which servers, and error tells why. Refused: nothing listens there. No answer: a firewall, or a full backlog of the server.",
		labels: []string{`instance="a"`, `backend="web"`},
		fires:  []series{{`caddy_passthrough_backend_connect_errors_total{instance="a",backend="web"}`, "0+10x20"}, {`caddy_passthrough_backend_connections_total{instance="a",backend="web"}`, "0+100x20"}},
		quiet:  []series{{`caddy_passthrough_backend_connect_errors_total{instance="a",backend="web"}`, "0+1x20"}, {`caddy_passthrough_backend_connections_total{instance="a",backend="web"}`, "0+100x20"}},
	},
	{
		name: "PassthroughConnectSlow", value: connectTime, limit: "> 1", wait: "10m", severity: warning,
		summary: "Connecting to servers of backend $backend takes more than a second for one client in a hundred.", guide: "connect-errors",
		action: "A second is the time after which a lost SYN is sent again: packets are lost, or the backlog of a server is full. Look at the servers of the slow connections in the log (connect_time), and at ss -lnt there.",
		labels: []string{`instance="a"`, `backend="web"`},
		fires: []series{
			{`caddy_passthrough_backend_connect_seconds_bucket{instance="a",backend="web",le="1"}`, "0+50x30"},
			{`caddy_passthrough_backend_connect_seconds_bucket{instance="a",backend="web",le="2"}`, "0+100x30"},
			{`caddy_passthrough_backend_connect_seconds_bucket{instance="a",backend="web",le="+Inf"}`, "0+100x30"},
		},
		quiet: []series{
			{`caddy_passthrough_backend_connect_seconds_bucket{instance="a",backend="web",le="1"}`, "0+100x30"},
			{`caddy_passthrough_backend_connect_seconds_bucket{instance="a",backend="web",le="2"}`, "0+100x30"},
			{`caddy_passthrough_backend_connect_seconds_bucket{instance="a",backend="web",le="+Inf"}`, "0+100x30"},
		},
	},
	{
		name: "PassthroughQueue", value: "sum by (instance, backend) (caddy_passthrough_backend_queue) + sum by (instance, backend) (caddy_passthrough_server_queue)", limit: "> 0", wait: "5m", severity: warning,
		summary: "Connections of backend $backend have been waiting for a place for five minutes.", guide: "queue-full",
		action: "Its servers are at their maxconn. Add servers, or raise maxconn if they can take more; sessions that stay open for hours use places, too.",
		labels: []string{`instance="a"`, `backend="web"`},
		fires:  []series{{`caddy_passthrough_backend_queue{instance="a",backend="web"}`, "0x3 7x20"}, {`caddy_passthrough_server_queue{instance="a",backend="web",server="s1"}`, "0x30"}},
		quiet:  []series{{`caddy_passthrough_backend_queue{instance="a",backend="web"}`, "0x3 7x3 0x3 7x3 0x10"}, {`caddy_passthrough_server_queue{instance="a",backend="web",server="s1"}`, "0x30"}},
	},
	{
		name: "PassthroughHelloTimeouts", value: unfinished, limit: "> 0.1", wait: "10m", severity: warning,
		summary: "More than 10 % of the clients of frontend $frontend do not finish their ClientHello.", guide: "hello-timeouts",
		action: "From many addresses: packets of large hellos are lost (MTU), or a health check of another load balancer only connects; dontlognull or a rule by its address keeps it out. From few: a scanner or an attack, see limit per_ip.",
		labels: []string{`instance="a"`, `frontend="tls"`},
		fires:  []series{{`caddy_passthrough_frontend_hellos_total{instance="a",frontend="tls",outcome="timeout"}`, "0+20x30"}, {`caddy_passthrough_frontend_hellos_total{instance="a",frontend="tls",outcome="hello"}`, "0+80x30"}},
		quiet:  []series{{`caddy_passthrough_frontend_hellos_total{instance="a",frontend="tls",outcome="timeout"}`, "0+5x30"}, {`caddy_passthrough_frontend_hellos_total{instance="a",frontend="tls",outcome="hello"}`, "0+95x30"}},
	},
	{
		name: "PassthroughUnknownNames", value: unknownNames, limit: "> 0.1", wait: "10m", severity: warning,
		summary: "More than 10 % of the clients of frontend $frontend ask for a name without a rule.", guide: "unknown-names",
		action: "Sum the field sni of the lines with end no_backend or refused. A name of yours: a rule is missing. Others: scanners, or a DNS record that still points here.",
		labels: []string{`instance="a"`, `frontend="tls"`},
		fires:  []series{{`caddy_passthrough_frontend_refused_total{instance="a",frontend="tls",reason="no_match",rule=""}`, "0+20x30"}, {`caddy_passthrough_frontend_connections_total{instance="a",frontend="tls"}`, "0+100x30"}},
		quiet:  []series{{`caddy_passthrough_frontend_refused_total{instance="a",frontend="tls",reason="no_match",rule=""}`, "0+1x30"}, {`caddy_passthrough_frontend_connections_total{instance="a",frontend="tls"}`, "0+100x30"}},
	},
	{
		name: "PassthroughHandshakesRefused", value: refusedByAlert, limit: "> 0.05", wait: "5m", severity: warning,
		summary: "Servers of backend $backend refuse more than 5 % of the handshakes.", guide: "handshake-refused",
		action: "The number of the alert is in the panel and in the log, field server_alert: 112 is a server that does not have the name, 40 and 70 are clients without a common cipher or version, 80 is an error of the server. Passthrough changes neither side: compare both configurations.",
		labels: []string{`instance="a"`, `backend="web"`},
		fires:  []series{{`caddy_passthrough_server_alerts_total{instance="a",backend="web",server="s1",alert="112"}`, "0+10x20"}, {`caddy_passthrough_backend_connections_total{instance="a",backend="web"}`, "0+100x20"}},
		quiet:  []series{{`caddy_passthrough_server_alerts_total{instance="a",backend="web",server="s1",alert="112"}`, "0+1x20"}, {`caddy_passthrough_backend_connections_total{instance="a",backend="web"}`, "0+100x20"}},
	},
	{
		name: "PassthroughOverload", value: `max by (instance) (caddy_passthrough_overload_stage{stage!="normal"})`, limit: "> 0", wait: "1m", severity: critical,
		summary: "$instance protects itself against overload: it refuses or delays connections.", guide: "overload",
		action: "The panel Resources shows which resource is short. Descriptors: raise LimitNOFILE. Memory or unfinished hellos: an attack, or too many clients for this machine; see docs/limits.md.",
		labels: []string{`instance="a"`},
		fires:  []series{{`caddy_passthrough_overload_stage{instance="a",stage="normal"}`, "1x4 0x20"}, {`caddy_passthrough_overload_stage{instance="a",stage="tight"}`, "0x4 1x20"}},
		quiet:  []series{{`caddy_passthrough_overload_stage{instance="a",stage="normal"}`, "1x30"}, {`caddy_passthrough_overload_stage{instance="a",stage="tight"}`, "0x30"}},
	},
	{
		name: "PassthroughNearConnectionLimit", value: "caddy_passthrough_connections / caddy_passthrough_connections_limit", limit: "> 0.9", wait: "5m", severity: warning,
		summary: "$instance has more than 90 % of the connections that maxconn permits.", guide: "overload",
		action: "At the limit, new clients wait in the backlog. Raise maxconn of the app if memory and descriptors permit, or add a machine. If connections do not end, look at their length and at the idle timeouts.",
		labels: []string{`instance="a"`},
		fires:  []series{{`caddy_passthrough_connections{instance="a"}`, "950x30"}, {`caddy_passthrough_connections_limit{instance="a"}`, "1000x30"}},
		quiet:  []series{{`caddy_passthrough_connections{instance="a"}`, "850x30"}, {`caddy_passthrough_connections_limit{instance="a"}`, "1000x30"}},
	},
	{
		name: "PassthroughLogLinesLost", value: `sum by (instance) (increase({__name__=~"caddy_passthrough_(log_lines|syslog)_dropped_total"}[5m]))`, limit: "> 0", wait: "0m", severity: warning,
		summary: "$instance loses lines of its log.", guide: "log-lines-lost",
		action: "The target of a log does not take its lines: a full disk, or a syslog server that is slow or gone. The log of the process names the address.",
		labels: []string{`instance="a"`},
		fires:  []series{{`caddy_passthrough_log_lines_dropped_total{instance="a"}`, "0x30"}, {`caddy_passthrough_syslog_dropped_total{instance="a",address="udp/x"}`, "0x16 5x20"}},
		quiet:  []series{{`caddy_passthrough_log_lines_dropped_total{instance="a"}`, "3x30"}, {`caddy_passthrough_syslog_dropped_total{instance="a",address="udp/x"}`, "0x30"}},
	},
}
