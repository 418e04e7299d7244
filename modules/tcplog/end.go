// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// End says how a connection ended.
type End uint8

// The ends, with HAProxy's termination letters.
const (
	Complete         End = iota // -- both directions were closed in order
	ClientReset                 // CD the client's connection was reset
	ServerReset                 // SD the server's connection was reset
	ClientTimeout               // cD the client was silent for timeouts.client
	ServerTimeout               // sD the server was silent for timeouts.server
	Killed                      // KD ended from outside
	Failed                      // ID an error of the proxy's own while relaying
	ClientLeft                  // CR the client left before its hello was whole
	Refused                     // PR refused by a rule, or by the outcome of the inspection
	InspectionFailed            // IR an error of the proxy's own before a backend was chosen
	ConnectFailed               // SC the last server tried could not be reached
	ConnectTimeout              // sC the last server tried did not answer in time
	NoAddress                   // SC the client's data give no valid address of the server
	NoServer                    // SC the backend has no usable server
	NoResources                 // RC the proxy lacks descriptors, ports or memory to connect

	NoBackend          // SC no rule matches and there is no default backend
	ClientTimeoutHello // cR the client was silent for timeout_client while rules waited for it
	QueueTimeout       // sQ no server had room for timeouts.queue
	QueueFull          // SQ maxqueue connections wait for the only possible server
	ClientLeftQueue    // CQ the client left while queued, with abortonclose
	ClientLeftConnect  // CC the client left during the connect, with abortonclose
	ServerDown         // DC the server went down or into maintenance, with shutdown_sessions
	BackupSpare        // UC on a backup when a server came back, with shutdown_backup_sessions
	KilledHello        // KR ended from outside before its hello was complete
	KilledQueue        // KQ ended from outside while queued
	KilledConnect      // KC ended from outside before its server was connected
	ServerRemoved      // KD its server was removed, and removed_server_timeout is over
	Unresolved         // SC the DNS lookup of the last server tried failed
	ResponseRefused    // PD refused by a rule for the server's response

	HeaderMissing    // PR no PROXY header came from a source that must send one
	HeaderInvalid    // PR the PROXY header was invalid
	HeaderNotAllowed // PR a PROXY header came from a source that accept_proxy does not name
	HeaderTimeout    // cR the PROXY header was not complete in time

	PassedOn // -- it left the frontend for an http server or the next handler; not logged

	OverLimit // PR refused by limit, which writes a line for many of them; not logged

	EndCount // their number
)

var ends = [EndCount]struct{ letters, name string }{
	Complete:         {"--", "complete"},
	ClientReset:      {"CD", "client_reset"},
	ServerReset:      {"SD", "server_reset"},
	ClientTimeout:    {"cD", "client_timeout"},
	ServerTimeout:    {"sD", "server_timeout"},
	Killed:           {"KD", "killed"},
	Failed:           {"ID", "internal_error"},
	ClientLeft:       {"CR", "client_left"},
	Refused:          {"PR", "refused"},
	InspectionFailed: {"IR", "internal_error"},
	ConnectFailed:    {"SC", "connect_failed"},
	ConnectTimeout:   {"sC", "connect_timeout"},
	NoAddress:        {"SC", "no_address"},
	NoServer:         {"SC", "no_server"},
	NoResources:      {"RC", "no_resources"},

	NoBackend:          {"SC", "no_backend"},
	ClientTimeoutHello: {"cR", "client_timeout"},
	QueueTimeout:       {"sQ", "queue_timeout"},
	QueueFull:          {"SQ", "queue_full"},
	ClientLeftQueue:    {"CQ", "client_left"},
	ClientLeftConnect:  {"CC", "client_left"},
	ServerDown:         {"DC", "server_down"},
	BackupSpare:        {"UC", "backup_spare"},
	KilledHello:        {"KR", "killed"},
	KilledQueue:        {"KQ", "killed"},
	KilledConnect:      {"KC", "killed"},
	ServerRemoved:      {"KD", "server_removed"},
	Unresolved:         {"SC", "dns_failed"},
	ResponseRefused:    {"PD", "refused"},

	HeaderMissing:    {"PR", "proxy_header_missing"},
	HeaderInvalid:    {"PR", "proxy_header_invalid"},
	HeaderNotAllowed: {"PR", "proxy_header_not_allowed"},
	HeaderTimeout:    {"cR", "proxy_header_timeout"},

	PassedOn: {"--", "passed_on"},

	OverLimit: {"PR", "over_limit"},
}

// Meaning says in a few words how the connection ended.
func (e End) Meaning() string { return meanings[e] }

// String returns the end's name in the log.
func (e End) String() string { return ends[e].name }

// Letters returns HAProxy's two termination letters: the side that ended the connection, and the
// phase.
func (e End) Letters() string { return ends[e].letters }

// IsFailure reports whether the connection was refused, or failed because of the server or the
// proxy. The ends of sessions that a client or an operator wanted, or that were idle, are no
// failures.
func (e End) IsFailure() bool {
	switch e {
	case ServerReset, Failed, Refused, InspectionFailed, ConnectFailed, ConnectTimeout, NoAddress, NoServer, NoResources, NoBackend,
		QueueTimeout, QueueFull, ServerDown, Unresolved, ResponseRefused, HeaderMissing, HeaderInvalid, HeaderNotAllowed, HeaderTimeout, OverLimit:
		return true
	default:
		return false
	}
}

// severity returns the severity of the log line: err if the proxy failed or ran short of something,
// else info.
func (e End) severity() Severity {
	switch e {
	case Failed, InspectionFailed, NoResources:
		return Err
	default:
		return Info
	}
}

// EndOf returns the End for a relay's result.
func EndOf(r relay.Result) End {
	client := r.By == relay.Client
	switch r.Cause {
	case relay.Reset:
		if client {
			return ClientReset
		}
		return ServerReset
	case relay.Timeout:
		if client {
			return ClientTimeout
		}
		return ServerTimeout
	case relay.Ended:
		return Killed
	case relay.Failed:
		return Failed
	case relay.Closed:
		return Complete
	}
	return Failed
}
