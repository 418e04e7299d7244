// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// StatField is a field of show stat.
type StatField struct {
	Name string
	Tags Tags
	of   [4]func(*source) Value // by Kind; nil: the field does not apply
}

// tags returns the tags of the field for a kind. HAProxy has others for some fields of backends.
func (f *StatField) tags(k Kind) Tags {
	if k == Backend {
		switch f.Name {
		case "act", "bck", "rate", "rate_max":
			return "MGP"
		}
	}
	return f.Tags
}

// StatFields are the fields of HAProxy 2.6, in its order.
var StatFields = append([]StatField{
	{"pxname", "KNS", all(func(s *source) Value { return text(s.name) })},
	{"svname", "KNS", [4]func(*source) Value{frontendName, backendName, serverName, listenerName}},
	{"qcur", "MGP", atServers(backendQueue, func(s *source) Value { return small(s.server.Queued) })},
	{"qmax", "MMP", atServers(func(s *source) Value { return small(s.backend.MaxQueued) }, func(s *source) Value { return small(s.server.MaxQueued) })},
	{"scur", "MGP", [4]func(*source) Value{
		func(s *source) Value { return small(s.frontend.Connections) }, func(s *source) Value { return small(s.backend.Load.Connections) },
		func(s *source) Value { return small(s.server.Sessions) }, func(s *source) Value { return small(s.listener.Connections) },
	}},
	{"smax", "MMP", [4]func(*source) Value{
		func(s *source) Value { return small(s.frontend.Highest) }, func(s *source) Value { return small(s.backend.Load.Highest) },
		func(s *source) Value { return small(s.server.MaxSessions) }, zero("u32"),
	}},
	{"slim", "CLP", [4]func(*source) Value{
		sessionsLimit, func(s *source) Value { return small(s.backend.FullConn) },
		func(s *source) Value { return limit(s.server.MaxConn) }, func(s *source) Value { return small(s.listener.MaxConn) },
	}},
	{"stot", "MCP", [4]func(*source) Value{
		func(s *source) Value { return count(s.frontend.Sessions) }, func(s *source) Value { return count(s.backend.Traffic.Connections) },
		func(s *source) Value { return count(s.server.Taken + s.server.Retries) }, func(s *source) Value { return count(s.listener.Accepted) },
	}},
	{"bin", "MCP", [4]func(*source) Value{
		func(s *source) Value { return count(s.frontend.In) }, func(s *source) Value { return count(s.backend.Traffic.In) },
		func(s *source) Value { return count(s.server.Traffic.In) },
	}},
	{"bout", "MCP", [4]func(*source) Value{
		func(s *source) Value { return count(s.frontend.Out) }, func(s *source) Value { return count(s.backend.Traffic.Out) },
		func(s *source) Value { return count(s.server.Traffic.Out) },
	}},
	{"dreq", "MCP", [4]func(*source) Value{refused("content"), zero("u64")}},
	{"dresp", "MCP", [4]func(*source) Value{refused("response"), zero("u64"), zero("u64")}},
	{"ereq", "MCP", atFrontends(ended(tcplog.ClientLeft, tcplog.ClientTimeoutHello))},
	{"econ", "MCP", atServers(func(s *source) Value { return count(s.backend.Traffic.ConnectErrors) }, func(s *source) Value { return count(s.server.Traffic.ConnectErrors) })},
	{"eresp", "MCP", atServers(func(s *source) Value { return count(s.backend.Traffic.ResponseErrors) }, func(s *source) Value { return count(s.server.Traffic.ResponseErrors) })},
	{"wretr", "MCP", atServers(func(s *source) Value { return count(s.backend.Retries) }, func(s *source) Value { return count(s.server.Retries) })},
	{"wredis", "MCP", atServers(func(s *source) Value { return count(s.backend.Redispatches) }, func(s *source) Value { return count(s.server.Redispatches) })},
	{"status", "SGP", [4]func(*source) Value{frontendStatus, backendStatus, serverStatus, listenerStatus}},
	{"weight", "MaP", atServers(weights((*source).effective), func(s *source) Value { return small(s.effective()) })},
	{"act", "SGP", atServers(func(s *source) Value { return small(s.backend.Active) }, func(s *source) Value { return oneIf(!s.server.Backup) })},
	{"bck", "SGP", atServers(func(s *source) Value { return small(s.backend.Backups) }, func(s *source) Value { return oneIf(s.server.Backup) })},
	{"chkfail", "MCP", atServers(nil, ofChecks(func(s *source) Value { return count(s.server.Checks.Harmful) }))},
	{"chkdown", "MCP", atServers(func(s *source) Value { return count(s.backend.Downs) }, ofChecks(func(s *source) Value { return count(s.server.Downs) }))},
	{"lastchg", "MAP", atServers(func(s *source) Value { return since(s.backend.Since) }, func(s *source) Value { return since(s.server.Since) })},
	{"downtime", "MCP", atServers(func(s *source) Value { return seconds(s.backend.DownTime) }, ofChecks(func(s *source) Value { return seconds(s.server.DownTime) }))},
	{"qlimit", "CGS", atServers(nil, func(s *source) Value { return limit(s.server.MaxQueue) })},
	{"pid", "KGP", all(func(*source) Value { return small(1) })},
	{"iid", "KGS", all(func(s *source) Value { return small(s.id) })},
	{"sid", "KGS", all(func(s *source) Value { return small(s.number) })},
	{"throttle", "MaP", atServers(nil, throttle)},
	{"lbtot", "MCP", atServers(func(s *source) Value { return count(s.backend.Taken) }, func(s *source) Value { return count(s.server.Taken) })},
	{"tracked", "CNS", atServers(nil, trackedServer)},
	{"type", "CGS", [4]func(*source) Value{kind(Frontend), kind(Backend), kind(Server), kind(Listener)}},
	{"rate", "MRP", [4]func(*source) Value{
		func(s *source) Value { return small(s.frontend.Rate) }, func(s *source) Value { return small(s.backend.Load.Rate) },
		func(s *source) Value { return small(s.server.Rate) },
	}},
	{"rate_lim", "CLP", [4]func(*source) Value{func(s *source) Value { return small(s.frontend.SessionRate) }}},
	{"rate_max", "MMP", [4]func(*source) Value{
		func(s *source) Value { return small(s.frontend.MaxRate) }, func(s *source) Value { return small(s.backend.Load.MaxRate) },
		func(s *source) Value { return small(s.server.MaxRate) },
	}},
	{"check_status", "MOP", atServers(nil, ifChecked(func(s *source) Value { return checkCode(s.server.Check) }))},
	{"check_code", "MOP", atServers(nil, ifChecked(func(s *source) Value { return checkStatus(s.server.Check) }))},
	{"check_duration", "MDP", atServers(nil, ifChecked(func(s *source) Value { return checkDuration(s.server.Check) }))},
	{Name: "hrsp_1xx", Tags: "MCP"},
	{Name: "hrsp_2xx", Tags: "MCP"},
	{Name: "hrsp_3xx", Tags: "MCP"},
	{Name: "hrsp_4xx", Tags: "MCP"},
	{Name: "hrsp_5xx", Tags: "MCP"},
	{Name: "hrsp_other", Tags: "MCP"},
	{Name: "hanafail", Tags: "MCP"},
	{"req_rate", "MRP", [4]func(*source) Value{zero("u32")}},
	{"req_rate_max", "MMP", [4]func(*source) Value{zero("u32")}},
	{"req_tot", "MCP", [4]func(*source) Value{zero("u64")}},
	{"cli_abrt", "MCP", atServers(func(s *source) Value { return count(s.backend.Traffic.ClientAborts) }, func(s *source) Value { return count(s.server.Traffic.ClientAborts) })},
	{"srv_abrt", "MCP", atServers(func(s *source) Value { return count(s.backend.Traffic.ServerAborts) }, func(s *source) Value { return count(s.server.Traffic.ServerAborts) })},
	{"comp_in", "MCP", bothProxies},
	{"comp_out", "MCP", bothProxies},
	{"comp_byp", "MCP", bothProxies},
	{"comp_rsp", "MCP", bothProxies},
	{"lastsess", "MAP", atServers(func(s *source) Value { return sinceLast(s.backend.LastTaken) }, func(s *source) Value { return sinceLast(s.server.LastTaken) })},
	{"last_chk", "MOP", atServers(nil, ifChecked(func(s *source) Value { return checkInfo(s.server.Check) }))},
	{"last_agt", "MOP", atServers(nil, ifAsked(func(s *source) Value { return checkInfo(s.server.Agent) }))},
	{"qtime", "MaP", atServers(func(s *source) Value { return milliseconds(s.backend.Traffic.Queue.Average()) }, func(s *source) Value { return milliseconds(s.server.Traffic.Queue.Average()) })},
	{"ctime", "MaP", atServers(func(s *source) Value { return milliseconds(s.backend.Traffic.Connect.Average()) }, func(s *source) Value { return milliseconds(s.server.Traffic.Connect.Average()) })},
	{"rtime", "MaP", atServers(zero("u32"), zero("u32"))},
	{"ttime", "MaP", atServers(func(s *source) Value { return milliseconds(s.backend.Traffic.Total.Average()) }, func(s *source) Value { return milliseconds(s.server.Traffic.Total.Average()) })},
	{"agent_status", "MOP", atServers(nil, ifAsked(func(s *source) Value { return checkCode(s.server.Agent) }))},
	{"agent_code", "MOP", atServers(nil, ifAsked(func(s *source) Value { return checkStatus(s.server.Agent) }))},
	{"agent_duration", "MDP", atServers(nil, ifAsked(func(s *source) Value { return checkDuration(s.server.Agent) }))},
	{"check_desc", "MOP", atServers(nil, ifChecked(func(s *source) Value { return checkDescription(s.server.Check) }))},
	{"agent_desc", "MOP", atServers(nil, ifAsked(func(s *source) Value { return checkDescription(s.server.Agent) }))},
	{"check_rise", "CGS", atServers(nil, ifChecked(func(s *source) Value { return small(s.server.ServerConfig.Check.Rise) }))},
	{"check_fall", "CGS", atServers(nil, ifChecked(func(s *source) Value { return small(s.server.ServerConfig.Check.Fall) }))},
	{"check_health", "CGS", atServers(nil, ifChecked(checkHealth))},
	{"agent_rise", "CGS", atServers(nil, ifAsked(func(*source) Value { return small(1) }))},
	{"agent_fall", "CGS", atServers(nil, ifAsked(func(*source) Value { return small(1) }))},
	{"agent_health", "CGS", atServers(nil, ifAsked(func(s *source) Value { return oneIf(s.server.Agent.Code != pool.Layer7Status) }))},
	{"addr", "CGS", [4]func(*source) Value{Server: serverAddress, Listener: listenerAddress}},
	{Name: "cookie", Tags: "CNS"},
	{"mode", "CGS", all(func(*source) Value { return text("tcp") })},
	{"algo", "CGS", atServers(algorithm, nil)},
	{"conn_rate", "MRP", [4]func(*source) Value{func(s *source) Value { return small(s.frontend.Rate) }}},
	{"conn_rate_max", "MMP", [4]func(*source) Value{func(s *source) Value { return small(s.frontend.MaxRate) }}},
	{"conn_tot", "MCP", [4]func(*source) Value{func(s *source) Value { return count(s.frontend.Accepted) }}},
	{Name: "intercepted", Tags: "MCP"},
	{"dcon", "MCP", [4]func(*source) Value{refused("connection")}},
	{"dses", "MCP", [4]func(*source) Value{refused("session")}},
	{"wrew", "MCP", all(zero("u64"))},
	{"connect", "MCP", atServers(func(s *source) Value { return count(s.backend.Taken + s.backend.Retries) }, func(s *source) Value { return count(s.server.Taken + s.server.Retries) })},
	{"reuse", "MCP", atServers(zero("u64"), zero("u64"))},
	{Name: "cache_lookups", Tags: "MCP"},
	{Name: "cache_hits", Tags: "MCP"},
	{"srv_icur", "MGP", atServers(nil, zero("u32"))},
	{Name: "src_ilim", Tags: "CLP"},
	{"qtime_max", "MMP", atServers(func(s *source) Value { return milliseconds(s.backend.Traffic.Queue.Max()) }, func(s *source) Value { return milliseconds(s.server.Traffic.Queue.Max()) })},
	{"ctime_max", "MMP", atServers(func(s *source) Value { return milliseconds(s.backend.Traffic.Connect.Max()) }, func(s *source) Value { return milliseconds(s.server.Traffic.Connect.Max()) })},
	{"rtime_max", "MMP", atServers(zero("u32"), zero("u32"))},
	{"ttime_max", "MMP", atServers(func(s *source) Value { return milliseconds(s.backend.Traffic.Total.Max()) }, func(s *source) Value { return milliseconds(s.server.Traffic.Total.Max()) })},
	{"eint", "MCP", [4]func(*source) Value{ended(tcplog.Failed, tcplog.InspectionFailed), zero("u64"), zero("u64"), zero("u64")}},
	{"idle_conn_cur", "MGP", atServers(nil, zero("u32"))},
	{"safe_conn_cur", "MGP", atServers(nil, zero("u32"))},
	{"used_conn_cur", "MGP", atServers(nil, func(s *source) Value { return small(s.server.Sessions) })},
	{"need_conn_est", "MGP", atServers(nil, zero("u32"))},
	{"uweight", "MaP", atServers(weights(func(s *source) int { return s.server.Weight }), func(s *source) Value { return small(s.server.Weight) })},
	{"agg_server_status", "MGP", atServers(zero("u32"), nil)},
	{"agg_server_check_status", "MGP", atServers(zero("u32"), nil)},
	{"agg_check_status", "MGP", atServers(zero("u32"), nil)},
}, moduleFields()...)

// Modules is the number of fields of StatFields before those of HAProxy's modules, which follow a
// field "-" in the CSV.
const Modules = 103

// moduleFields returns the fields of HAProxy's modules for TLS, HTTP/2 and HTTP/1. Nothing is
// counted in them.
func moduleFields() (fields []StatField) {
	for _, name := range []string{"ssl_sess", "ssl_reused_sess", "ssl_failed_handshake"} {
		fields = append(fields, StatField{name, "MCP", all(zero("u64"))})
	}
	for _, name := range []string{
		"h2_headers_rcvd", "h2_data_rcvd", "h2_settings_rcvd", "h2_rst_stream_rcvd", "h2_goaway_rcvd", "h2_detected_conn_protocol_errors",
		"h2_detected_strm_protocol_errors", "h2_rst_stream_resp", "h2_goaway_resp", "h2_open_connections", "h2_backend_open_streams",
		"h2_total_connections", "h2_backend_total_streams", "h1_open_connections", "h1_open_streams", "h1_total_connections",
		"h1_total_streams", "h1_bytes_in", "h1_bytes_out", "h1_spliced_bytes_in", "h1_spliced_bytes_out",
	} {
		tags := Tags("MCP")
		switch name {
		case "h2_open_connections", "h2_backend_open_streams", "h1_open_connections", "h1_open_streams":
			tags = "MGP"
		}
		fields = append(fields, StatField{name, tags, bothProxies})
	}
	return fields
}

// all returns the functions of a field that all kinds have.
func all(f func(*source) Value) [4]func(*source) Value { return [4]func(*source) Value{f, f, f, f} }

// atServers returns those of a field that backends and servers have.
func atServers(backend, server func(*source) Value) [4]func(*source) Value {
	return [4]func(*source) Value{Backend: backend, Server: server}
}

// atFrontends returns those of a field that frontends have.
func atFrontends(f func(*source) Value) [4]func(*source) Value {
	return [4]func(*source) Value{Frontend: f}
}

// bothProxies are those of a field in which nothing is counted for frontends and backends.
var bothProxies = [4]func(*source) Value{Frontend: zero("u64"), Backend: zero("u64")}

// zero returns the function of a field in which nothing is counted.
func zero(kind string) func(*source) Value {
	return func(*source) Value { return Value{kind, "0"} }
}

func kind(k Kind) func(*source) Value { return func(*source) Value { return small(int(k)) } }
