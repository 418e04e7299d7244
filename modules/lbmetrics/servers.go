// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

var ofServer = []string{"backend", "server"}

var (
	serverUp               = gauge("server_up", "1 if the server is up by its checks, else 0.", ofServer...)
	serverState            = gauge("server_state", "1 for the state that is in effect, else 0.", append(ofServer, "state")...)
	serverConnections      = gauge("server_connections", "Connections that have the server.", ofServer...)
	serverConnectionsMax   = gauge("server_connections_max", "Highest number of connections so far.", ofServer...)
	serverConnectionsLimit = gauge("server_connections_limit", "Connections that the server gets at most; absent without a limit.", ofServer...)
	serverConnectionsTotal = counter("server_connections_total", "Connections that have got the server.", ofServer...)
	serverQueue            = gauge("server_queue", "Connections that wait for this server only.", ofServer...)
	serverWeight           = gauge("server_weight", "Weight in effect, less during slow start.", ofServer...)
	serverConnectErrors    = counter("server_connect_errors_total", "Attempts to connect that have failed.", ofServer...)
	serverTraffic          = newTraffic("server", ofServer...)
	serverAlerts           = counter("server_alerts_total", "Sessions that the server refused by a fatal TLS alert, by its number: 40 is handshake_failure.", append(ofServer, "alert")...)
	serverChecks           = counter("server_checks_total", "Health checks that have ended, by result.", append(ofServer, "result")...)
	serverCheckTime        = gauge("server_check_seconds", "Duration of the last health check.", ofServer...)
	serverCheckStatus      = gauge("server_check_status", "1 for the code of the last health check.", append(ofServer, "code")...)
	serverCertificateEnds  = gauge("server_certificate_not_after_timestamp_seconds", "When the server's certificate ends, as health checks over TLS saw it last; absent without such checks.", ofServer...)
	serverDowns            = counter("server_downs_total", "Times that the server went down.", ofServer...)
	serverDownTime         = counter("server_down_seconds_total", "Time down or in maintenance.", ofServer...)
	serverLastChange       = gauge("server_last_change_timestamp_seconds", "When the state changed last.", ofServer...)
	serverLastConnection   = gauge("server_last_connection_timestamp_seconds", "When a connection got the server last; absent before the first.", ofServer...)
)

// states are those of servers.
var states = []string{"up", "down", "drain", "maint"}

func sendServers(out output, s *snapshot) {
	for i := range s.backends {
		for j := range s.backends[i].Servers {
			sendServer(out, s.backends[i].Name, &s.backends[i].Servers[j])
		}
	}
}

func sendServer(out output, backend string, s *pool.ServerStatus) {
	name := s.Name
	sendIf(out, serverUp, !s.Down, backend, name)
	sendState(out, serverState, states, s.State(), backend, name)
	send(out, serverConnections, s.Sessions, backend, name)
	send(out, serverConnectionsMax, s.MaxSessions, backend, name)
	sendLimit(out, serverConnectionsLimit, s.MaxConn, backend, name)
	send(out, serverConnectionsTotal, s.Taken, backend, name)
	send(out, serverQueue, s.Queued, backend, name)
	send(out, serverWeight, float64(s.Share)/pool.Scale, backend, name)
	send(out, serverConnectErrors, s.Failed, backend, name)
	serverTraffic.send(out, &s.Traffic, &s.Totals, backend, name)
	for alert, n := range s.Traffic.Alerts {
		send(out, serverAlerts, n, backend, name, strconv.Itoa(int(alert)))
	}
	send(out, serverDowns, s.Downs, backend, name)
	send(out, serverDownTime, s.DownTime.Seconds(), backend, name)
	sendTime(out, serverLastChange, s.Since, backend, name)
	sendTime(out, serverLastConnection, s.LastTaken, backend, name)
	if s.ServerConfig.Check != nil {
		sendChecks(out, backend, s)
	}
}

func sendChecks(out output, backend string, s *pool.ServerStatus) {
	send(out, serverChecks, s.Checks.Passed, backend, s.Name, "passed")
	send(out, serverChecks, s.Checks.Failed, backend, s.Name, "failed")
	if !s.Check.At.IsZero() {
		send(out, serverCheckTime, s.Check.Took.Seconds(), backend, s.Name)
		send(out, serverCheckStatus, 1, backend, s.Name, string(s.Check.Code))
	}
	if s.Seen != nil {
		send(out, serverCertificateEnds, s.Seen.Own().NotAfter.Unix(), backend, s.Name)
	}
}
