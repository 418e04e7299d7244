// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"maps"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

var ofListener = []string{"frontend", "listener"}

var (
	listenerUp               = gauge("listener_up", "1 if the listener is open, 0 if only its connections are left.", ofListener...)
	listenerConnections      = gauge("listener_connections", "Open connections of the listener.", ofListener...)
	listenerConnectionsTotal = counter("listener_connections_total", "Connections that the listener has accepted.", ofListener...)

	tableEntries = gauge("table_entries", "Entries of the stick table.", "table")
	tableSize    = gauge("table_size", "Entries that the stick table can have.", "table")

	shareState   = gauge("table_share_state", "1 for the state of what shares the stick table with other nodes, else 0.", "table", "store", "state")
	shareNodes   = gauge("table_share_nodes", "Other nodes that share the stick table.", "table")
	sharePending = gauge("table_share_pending", "Entries with changes that other nodes do not have yet.", "table")
	shareOutages = counter("table_share_outages_total", "Times that the store of the stick table became unreachable.", "table")
	shareFetches = counter("table_share_fetches_total", "Keys that the store was asked for because the stick table lacked them, by the result.", "table", "result")
	shareWrites  = counter("table_share_writes_total", "Entries that were written to the store.", "table", "result")
	shareLearned = counter("table_share_learned_total", "Entries of other nodes that arrived.", "table", "result")
	shareSeconds = histogram("table_share_fetch_seconds", "Time that connections waited for the store of the stick table.", "table")

	dnsLookups = counter("dns_lookups_total", "DNS lookups that have ended, each of one IP family of a name.", "resolver", "result")
	dnsNames   = gauge("dns_names", "Names whose addresses are kept.", "resolver")
	dnsRunning = gauge("dns_lookups_running", "DNS lookups that have not ended.", "resolver")

	logLines      = counter("log_lines_total", "Lines of connections that were written to loggers.")
	logDropped    = counter("log_lines_dropped_total", "Connections without a line, since the target of the log did not take it.")
	syslogSent    = counter("syslog_messages_total", "Messages sent to the target.", "address")
	syslogDropped = counter("syslog_dropped_total", "Messages that the target did not take.", "address")
	syslogCut     = counter("syslog_cut_total", "Messages that were longer than the target takes.", "address")

	relayParked   = gauge("relay_parked_connections", "Connections that wait for their client, or for the connection to the server, without a goroutine.")
	relaySessions = gauge("relay_sessions", "Sessions by how their bytes move: by the engine, or copied by goroutines.", "mode")
	relayPipes    = gauge("relay_pipes", "Pipes that bytes are spliced through.")
	relayPipesMax = gauge("relay_pipes_limit", "Pipes that there may be.")
	relaySpliced  = counter("relay_spliced_bytes_total", "Bytes that have been spliced.")

	ja4Connections = counter("ja4_connections_total", "Hellos by their JA4 fingerprint, if the option ja4 is set. Only the most frequent ones are shown; the others are \"other\".", "ja4")
	sniConnections = counter("sni_connections_total", "Connections that have ended, by the name that the client asked for. Only the most frequent names are shown; the others are \"other\".", "name")
)

func sendListeners(out output, s *snapshot) {
	for _, l := range s.listeners {
		sendIf(out, listenerUp, l.Open, l.Frontend, l.Name)
		send(out, listenerConnections, l.Connections, l.Frontend, l.Name)
		send(out, listenerConnectionsTotal, l.Accepted, l.Frontend, l.Name)
	}
}

func sendRelay(out output, _ *snapshot) {
	s := relay.ReadStats()
	send(out, relayParked, s.Arriving)
	send(out, relaySessions, s.Engine, "engine")
	send(out, relaySessions, s.Copied, "copied")
	send(out, relayPipes, s.Pipes)
	send(out, relayPipesMax, s.MaxPipes)
	send(out, relaySpliced, s.Spliced)
}

func sendLogs(out output, _ *snapshot) {
	written, dropped := tcplog.Stats()
	send(out, logLines, written)
	send(out, logDropped, dropped)
	for address, s := range syslog.AllStats() {
		send(out, syslogSent, s.Sent, address)
		send(out, syslogDropped, s.Dropped, address)
		send(out, syslogCut, s.Cut, address)
	}
}

// resolvers are those of the process, by the label.
var resolvers = map[string]*resolve.Resolver{"servers": resolve.Servers, "clients": resolve.Clients}

// sendTables sends the numbers of stick tables, and those of the DNS, whose names are a table too.
func sendTables(out output, _ *snapshot) {
	tables := balancer.StickTables()
	for _, name := range tables.Names() {
		if t := tables.Table(name); t != nil {
			send(out, tableEntries, t.Len(), name)
			send(out, tableSize, t.Config().Size, name)
			sendShare(out, name, tables.Share(name))
		}
	}
	named := resolve.AllNamed()
	maps.Copy(named, resolvers)
	for name, r := range named {
		s := r.Stats()
		send(out, dnsLookups, s.Found, name, "ok")
		send(out, dnsLookups, s.NotFound, name, "not_found")
		send(out, dnsLookups, s.Failed, name, "failed")
		send(out, dnsNames, s.Names, name)
		send(out, dnsRunning, s.Running, name)
	}
}

// sendShare sends the numbers of what shares a stick table, which may be nil.
func sendShare(out output, table string, share stick.Share) {
	if share == nil {
		return
	}
	s := share.Status()
	for _, state := range stick.ShareStates {
		sendIf(out, shareState, state == s.State, table, s.Store, state)
	}
	send(out, shareNodes, s.Nodes, table)
	send(out, sharePending, s.Pending, table)
	send(out, shareOutages, s.Outages, table)
	for m, counts := range map[*metric]map[string]uint64{shareFetches: s.Fetches, shareWrites: s.Writes, shareLearned: s.Learned} {
		for result, n := range counts {
			send(out, m, n, table, result)
		}
	}
	sendHistogram(out, shareSeconds, &tally.Seconds, &s.FetchSeconds, table)
}

// otherNames is the label of the names that are counted together.
const otherNames = "other"

func sendNames(out output, _ *snapshot) {
	sendMostFrequent(out, sniConnections, &frontend.ServerNames)
	sendMostFrequent(out, ja4Connections, &frontend.Fingerprints)
}

func sendMostFrequent(out output, m *metric, names *tally.Names) {
	counts, other := names.All()
	for name, n := range counts {
		if name == otherNames { // a client may ask for it
			other += n
			continue
		}
		send(out, m, n, name)
	}
	if len(counts) > 0 {
		send(out, m, other, otherNames)
	}
}
