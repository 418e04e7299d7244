// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// HealthOptions configures how a server's health is determined, and what a change of it triggers.
// The names are HAProxy's, with underscores.
type HealthOptions struct {
	// Check replaces the backend's check.
	Check *Check `json:"check,omitempty"`

	// NoCheck exempts the server from the backend's check. It is HAProxy's no-check.
	NoCheck bool `json:"no_check,omitempty"`

	// Agent replaces the backend's agent.
	Agent *Agent `json:"agent,omitempty"`

	// Track is another server whose health this one shares: BACKEND/SERVER, or SERVER of the same
	// backend. A tracking server has no check of its own.
	Track string `json:"track,omitempty"`

	// InitState is the state that the server starts in, and restarts in after maintenance: none or up
	// (one failed check takes it down), fully_up (fall failed checks take it down), down (one passed
	// check brings it up), or fully_down (rise passed checks bring it up). Default: none.
	InitState string `json:"init_state,omitempty"`

	// OnMarkedDown is the action when the server goes down or into maintenance: shutdown_sessions ends
	// its sessions. Default: they continue.
	OnMarkedDown string `json:"on_marked_down,omitempty"`

	// OnMarkedUp is the action when the server is up again: shutdown_backup_sessions ends the sessions
	// of the backups. Default: they continue.
	OnMarkedUp string `json:"on_marked_up,omitempty"`

	// Observe selects the client traffic that counts against the server: layer4, failed connects, or
	// first_byte, which HAProxy does not have: also connections that the server breaks before it sends
	// anything. It needs a check: errors take a server down, and only checks bring it up. Default:
	// nothing.
	Observe string `json:"observe,omitempty"`

	// ErrorLimit is the number of consecutive errors that triggers on_error. Default: 10.
	ErrorLimit int `json:"error_limit,omitempty"`

	// OnError is that action: fastinter (the next check comes after fast_interval), fail_check (and a
	// failed check is counted), sudden_death (and the next failed check takes the server down) or
	// mark_down (the server goes down at once). Default: fail_check.
	OnError string `json:"on_error,omitempty"`
}

// Check configures health checks.
type Check struct {
	// CheckerRaw is the kind of check: an object with the checker's name in module (tcp, ssl_hello,
	// tls, http or tcp_script) and its options. Default: tcp.
	CheckerRaw json.RawMessage `json:"checker,omitempty" caddy:"namespace=passthrough.checks inline_key=module"`

	// Interval is the time from the start of one check to the start of the next. Default: 2s. It is
	// HAProxy's inter.
	Interval caddy.Duration `json:"interval,omitempty"`

	// FastInterval is the interval while the state is changing. Default: interval. It is HAProxy's
	// fastinter.
	FastInterval caddy.Duration `json:"fast_interval,omitempty"`

	// DownInterval is the interval while the server is down. Default: interval. It is HAProxy's
	// downinter.
	DownInterval caddy.Duration `json:"down_interval,omitempty"`

	// Rise is the number of consecutive passed checks that bring the server up. Default: 2.
	Rise int `json:"rise,omitempty"`

	// Fall is the number of consecutive failed checks that take it down. Default: 3.
	Fall int `json:"fall,omitempty"`

	// Timeout limits the whole check, and overrides the backend's timeouts.check. Default: interval.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Spread is a random deviation from the interval, earlier or later, in percent, 0 to 50. Default:
	// 0; checks of different servers are spread evenly in any case. It is HAProxy's spread-checks.
	Spread int `json:"spread,omitempty"`

	// Address is the host that the check connects to, HOST or HOST:PORT. Default: the server's.
	Address string `json:"address,omitempty"`

	// Port is the port that the check connects to. Default: that of the address.
	Port int `json:"port,omitempty"`

	// Source is the local IP address to connect from. Default: chosen by the system.
	Source string `json:"source,omitempty"`

	// SendProxy makes the check send a PROXY protocol header first: v1 or v2. It is HAProxy's
	// check-send-proxy.
	SendProxy string `json:"send_proxy,omitempty"`

	// Log logs every check that ends differently than the one before, or that moves the server closer
	// to another state. Otherwise only changes of state are logged. It is HAProxy's option
	// log-health-checks.
	Log bool `json:"log,omitempty"`

	checker pool.Checker
}

// Agent configures the check of an agent: a program that reports its server's state. On each
// connection it writes one line of words, as for HAProxy's agent-check.
type Agent struct {
	// Address is the agent's host. Default: the server's.
	Address string `json:"address,omitempty"`

	// Port is the agent's port. Required.
	Port int `json:"port,omitempty"`

	// Interval is the time between two checks, and the timeout of each. Default: 2s.
	Interval caddy.Duration `json:"interval,omitempty"`

	// Send is sent to the agent first, unchanged.
	Send string `json:"send,omitempty"`

	agent pool.Agent
}
