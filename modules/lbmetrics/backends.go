// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

var (
	backendConnections      = gauge("backend_connections", "Connections that have a server of the backend, or wait for one.", "backend")
	backendConnectionsTotal = counter("backend_connections_total", "Connections to the backend that have ended.", "backend")
	backendQueue            = gauge("backend_queue", "Connections that wait for any server of the backend.", "backend")
	backendUp               = gauge("backend_up", "1 if the backend has a usable server, else 0.", "backend")
	backendActive           = gauge("backend_active_servers", "Usable servers that are no backups.", "backend")
	backendBackups          = gauge("backend_backup_servers", "Usable servers that are backups.", "backend")
	backendDowns            = counter("backend_downs_total", "Times that the backend lost its last usable server.", "backend")
	backendDownTime         = counter("backend_down_seconds_total", "Time without a usable server.", "backend")
	backendTraffic          = newTraffic("backend", "backend")
	backendQueueTime        = histogram("backend_queue_seconds", "Time in queues, of connections that waited in one.", "backend")
	backendConnectTime      = histogram("backend_connect_seconds", "Time from the choice of the backend until a server was connected, without that in queues.", "backend")
	backendFirstByte        = histogram("backend_first_byte_seconds", "Time from the connection to a server until its first byte.", "backend")
)

// traffic are the metrics that backends and servers have alike.
type traffic struct {
	in, out, responseErrors, retries, redispatches, clientAborts, serverAborts *metric
}

func newTraffic(of string, labels ...string) traffic {
	return traffic{
		in:             counter(of+"_in_bytes_total", "Bytes from clients to servers, of connections that have ended.", labels...),
		out:            counter(of+"_out_bytes_total", "Bytes from servers to clients, of connections that have ended.", labels...),
		responseErrors: counter(of+"_response_errors_total", "Connections that the server reset.", labels...),
		retries:        counter(of+"_retries_total", "Further attempts to connect to the same server.", labels...),
		redispatches:   counter(of+"_redispatches_total", "Further attempts to connect to any server.", labels...),
		clientAborts:   counter(of+"_client_aborts_total", "Connections that the client reset, or left idle for too long.", labels...),
		serverAborts:   counter(of+"_server_aborts_total", "Connections that the server reset, or left idle for too long.", labels...),
	}
}

func (m *traffic) send(out output, t *pool.Traffic, n *pool.Totals, labels ...string) {
	send(out, m.in, t.In, labels...)
	send(out, m.out, t.Out, labels...)
	send(out, m.responseErrors, t.ResponseErrors, labels...)
	send(out, m.retries, n.Retries, labels...)
	send(out, m.redispatches, n.Redispatches, labels...)
	send(out, m.clientAborts, t.ClientAborts, labels...)
	send(out, m.serverAborts, t.ServerAborts, labels...)
}

// backendConnectErrors is not among traffic: those of servers are attempts.
var backendConnectErrors = counter("backend_connect_errors_total", "Connections that got no server.", "backend")

func sendBackends(out output, s *snapshot) {
	for i := range s.backends {
		b := &s.backends[i]
		load := frontend.BackendLoad(b.Name)
		send(out, backendConnections, load.Connections, b.Name)
		send(out, backendConnectionsTotal, b.Traffic.Connections, b.Name)
		send(out, backendQueue, b.Queue, b.Name)
		sendIf(out, backendUp, !b.Down, b.Name)
		send(out, backendActive, b.Active, b.Name)
		send(out, backendBackups, b.Backups, b.Name)
		send(out, backendDowns, b.Downs, b.Name)
		send(out, backendDownTime, b.DownTime.Seconds(), b.Name)
		send(out, backendConnectErrors, b.Traffic.ConnectErrors, b.Name)
		backendTraffic.send(out, &b.Traffic.Traffic, &b.Totals, b.Name)
		sendHistogram(out, backendQueueTime, &tally.Seconds, &b.Traffic.QueueSeconds, b.Name)
		sendHistogram(out, backendConnectTime, &tally.Seconds, &b.Traffic.ConnectSeconds, b.Name)
		sendHistogram(out, backendFirstByte, &tally.Seconds, &b.Traffic.FirstByteSeconds, b.Name)
	}
}
