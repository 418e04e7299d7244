// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

var (
	frontendConnections      = gauge("frontend_connections", "Open connections.", "frontend")
	frontendConnectionsTotal = counter("frontend_connections_total", "Connections accepted.", "frontend")
	frontendSessions         = counter("frontend_sessions_total", "Connections that the rules about the peer's address let through.", "frontend")
	frontendConnectionsMax   = gauge("frontend_connections_max", "Highest number of open connections so far.", "frontend")
	frontendConnectionsLimit = gauge("frontend_connections_limit", "Connections at which the frontend stops accepting; absent without a limit.", "frontend")
	frontendRateLimit        = gauge("frontend_session_rate_limit", "Connections in a second at which the frontend stops accepting; absent without a limit.", "frontend")
	frontendIn               = counter("frontend_in_bytes_total", "Bytes from clients to servers, of connections that have ended.", "frontend")
	frontendOut              = counter("frontend_out_bytes_total", "Bytes from servers to clients, of connections that have ended.", "frontend")
	frontendEnded            = counter("frontend_ended_total", "Connections that have ended, by the end and the two letters in the log.", "frontend", "end", "termination")
	frontendRefused          = counter("frontend_refused_total", "Connections refused, by the kind of rule and its number, or by another reason.", "frontend", "reason", "rule")
	frontendHellos           = counter("frontend_hellos_total", "Connections that have ended, by the outcome of waiting for a ClientHello.", "frontend", "outcome")
	frontendHelloBytes       = histogram("frontend_hello_bytes", "Length of complete ClientHellos.", "frontend")
	frontendHelloWait        = histogram("frontend_hello_wait_seconds", "Time from accept until the outcome of waiting for a ClientHello.", "frontend")
	frontendSessionTime      = histogram("frontend_session_seconds", "Time from accept to the end of connections.", "frontend")
	frontendUnfinished       = gauge("frontend_unfinished_hello_bytes", "Bytes of incomplete ClientHellos that are kept.", "frontend")
)

func sendFrontends(out output, s *snapshot) {
	for name, m := range s.frontends {
		send(out, frontendConnections, m.Connections, name)
		send(out, frontendConnectionsTotal, m.Accepted, name)
		send(out, frontendSessions, m.Sessions, name)
		send(out, frontendConnectionsMax, m.Highest, name)
		sendLimit(out, frontendConnectionsLimit, m.MaxConn, name)
		sendLimit(out, frontendRateLimit, m.SessionRate, name)
		send(out, frontendIn, m.In, name)
		send(out, frontendOut, m.Out, name)
		send(out, frontendUnfinished, m.UnfinishedHellos, name)
		sendHistogram(out, frontendHelloBytes, &tally.Bytes, &m.HelloBytes, name)
		sendHistogram(out, frontendHelloWait, &tally.Seconds, &m.HelloWait, name)
		sendHistogram(out, frontendSessionTime, &tally.Seconds, &m.Duration, name)
		sendOutcomes(out, name, m)
		sendEnds(out, name, m)
		sendRefusals(out, name, m)
	}
}

// sendOutcomes sends those that have occurred.
func sendOutcomes(out output, name string, m *frontend.Metrics) {
	for outcome, n := range m.Outcomes {
		label := "none"
		if outcome <= int(clienthello.ClientLeft) {
			label = clienthello.Outcome(outcome).String()
		}
		if n > 0 {
			send(out, frontendHellos, n, name, label)
		}
	}
}

// sendEnds sends those that have occurred. Several ends have the same name and letters.
func sendEnds(out output, name string, m *frontend.Metrics) {
	type key struct{ end, letters string }
	sums := make(map[key]int64)
	for i, n := range m.Ended {
		end := tcplog.End(i)
		sums[key{end.String(), end.Letters()}] += n
	}
	for k, n := range sums {
		if n > 0 {
			send(out, frontendEnded, n, name, k.end, k.letters)
		}
	}
}

// refusingEnds are ends of connections that no rule has refused, by which they count as refused.
var refusingEnds = []tcplog.End{tcplog.HeaderMissing, tcplog.HeaderInvalid, tcplog.HeaderNotAllowed}

// sendRefusals sends those that have occurred.
func sendRefusals(out output, name string, m *frontend.Metrics) {
	for why, n := range m.Refused {
		rule := ""
		if why.Rule != 0 {
			rule = strconv.Itoa(why.Rule)
		}
		send(out, frontendRefused, n, name, why.Reason, rule)
	}
	for why, n := range m.OverLimit {
		send(out, frontendRefused, n, name, why, "")
	}
	for _, end := range refusingEnds {
		if n := m.Ended[end]; n > 0 {
			send(out, frontendRefused, n, name, end.String(), "")
		}
	}
}
