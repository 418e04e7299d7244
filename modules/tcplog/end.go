// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// End is how a connection ended.
type End uint8

// The ends, with HAProxy's termination letters.
const (
	Complete         End = iota // -- both directions were closed in order
	ClientReset                 // CD the client's connection broke
	ServerReset                 // SD the server's connection broke
	ClientTimeout               // cD the client was silent for timeouts.client
	ServerTimeout               // sD the server was silent for timeouts.server
	Killed                      // KD ended from outside
	Failed                      // ID an error of the proxy's own while relaying
	ClientLeft                  // CR the client left before its hello was whole
	Refused                     // PR refused by what was (or was not) said
	InspectionFailed            // IR an error of the proxy's own before a backend was chosen
	ConnectFailed               // SC the last server tried could not be reached
	ConnectTimeout              // sC the last server tried did not answer in time
	NoAddress                   // SC what the client says gives the server no address
	NoServer                    // SC the backend has no usable server
	NoResources                 // RC the proxy lacks descriptors, ports or memory to connect

	NoBackend          // SC no rule takes it and there is no default backend
	ClientTimeoutHello // cR the client was silent for timeout_client while rules waited for it
	QueueTimeout       // sQ no server had room for timeouts.queue
	QueueFull          // SQ maxqueue connections wait already for the only server that suits
	ClientLeftQueue    // CQ the client closed its direction in the queue, with abortonclose
	ClientLeftConnect  // CC the client closed its direction while its server was connected to, with abortonclose
	ServerDown         // DC the server went down or into maintenance, with shutdown_sessions
	BackupSpare        // UC a server came back, with shutdown_backup_sessions, and this was a backup
	KilledHello        // KR ended from outside before its hello was whole
	KilledQueue        // KQ ended from outside in the queue for a server
	KilledConnect      // KC ended from outside before its server was connected
	ServerRemoved      // KD the configuration has its server no more, for removed_server_timeout
	Unresolved         // SC the DNS does not say where the last server tried is
	ResponseRefused    // PD refused by what the server has said
)

var ends = [...]struct{ letters, name string }{
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
}

// String is the end's name in the log.
func (e End) String() string { return ends[e].name }

// Letters are HAProxy's two termination letters: who ended it, in which phase.
func (e End) Letters() string { return ends[e].letters }

// level is that of the line: error where the proxy itself failed or ran short of
// something, else info.
func (e End) level() zapcore.Level {
	switch e {
	case Failed, InspectionFailed, NoResources:
		return zapcore.ErrorLevel
	default:
		return zapcore.InfoLevel
	}
}

// EndOf is the end that a relay's result stands for.
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
