// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// HealthOptions is how a server's health is found out, and what follows from it. The
// words are HAProxy's, with underscores.
type HealthOptions struct {
	// Check replaces the backend's.
	Check *Check `json:"check,omitempty"`

	// NoCheck has the server not be checked, though the others are. It is HAProxy's
	// no-check.
	NoCheck bool `json:"no_check,omitempty"`

	// Agent replaces the backend's.
	Agent *Agent `json:"agent,omitempty"`

	// Track is the server whose health this one has, too: BACKEND/SERVER, or
	// SERVER of the same backend. A server that tracks has no check of its own.
	Track string `json:"track,omitempty"`

	// InitState is what the server begins with, and begins with again after
	// maintenance: none or up (the first failed check takes it down), fully_up (fall
	// failed checks do), down (the first check that passes brings it up), or fully_down
	// (rise checks do). Default: none.
	InitState string `json:"init_state,omitempty"`

	// OnMarkedDown is what happens when the server goes down or into maintenance:
	// shutdown_sessions ends its sessions. Default: they go on.
	OnMarkedDown string `json:"on_marked_down,omitempty"`

	// OnMarkedUp is what happens when it comes back: shutdown_backup_sessions
	// ends those of the backups. Default: they go on.
	OnMarkedUp string `json:"on_marked_up,omitempty"`

	// Observe says what of the clients' traffic is watched: layer4, whether
	// connects succeed, or first_byte, which is not HAProxy's: whether servers send
	// anything before they break the connection, too. It needs a check: errors take
	// a server down, and only checks bring it up. Default: nothing.
	Observe string `json:"observe,omitempty"`

	// ErrorLimit is how many errors in a row are followed by on_error. Default: 10.
	ErrorLimit int `json:"error_limit,omitempty"`

	// OnError is what follows then: fastinter (the next check comes after
	// fast_interval), fail_check (and they count as a failed check), sudden_death (and
	// the next failed check takes the server down) or mark_down (it is down at
	// once). Default: fail_check.
	OnError string `json:"on_error,omitempty"`
}

// Check is how a server is checked.
type Check struct {
	// CheckerRaw is what is done: an object with the checker's name in module
	// (tcp, ssl_hello, tls, http or tcp_script) and its options. Default: tcp.
	CheckerRaw json.RawMessage `json:"checker,omitempty" caddy:"namespace=passthrough.checks inline_key=module"`

	// Interval is the time between the beginnings of two checks. Default: 2s. It is
	// HAProxy's inter.
	Interval caddy.Duration `json:"interval,omitempty"`

	// FastInterval is the same while the state is changing. Default: interval.
	// It is HAProxy's fastinter.
	FastInterval caddy.Duration `json:"fast_interval,omitempty"`

	// DownInterval is the same while the server is down. Default: interval. It
	// is HAProxy's downinter.
	DownInterval caddy.Duration `json:"down_interval,omitempty"`

	// Rise is how many checks in a row bring the server up. Default: 2.
	Rise int `json:"rise,omitempty"`

	// Fall is how many failed checks in a row take it down. Default: 3.
	Fall int `json:"fall,omitempty"`

	// Timeout is how long a check may take; timeouts.check of the backend does not
	// count then. Default: interval.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Spread is by how much of the interval a check may come earlier or later, by
	// chance, in percent, 0 to 50. Default: 0: checks are spread evenly, and keep
	// their distance. It is HAProxy's spread-checks.
	Spread int `json:"spread,omitempty"`

	// Address is where the check connects to, HOST or HOST:PORT. Default: the
	// server's.
	Address string `json:"address,omitempty"`

	// Port is where the check connects to. Default: the address's.
	Port int `json:"port,omitempty"`

	// Source is the IP address that the check connects from. Default: the system
	// chooses.
	Source string `json:"source,omitempty"`

	// SendProxy has the check begin with a header of the PROXY protocol: v1 or v2.
	// It is HAProxy's check-send-proxy.
	SendProxy string `json:"send_proxy,omitempty"`

	// Log has a line logged for each check that goes otherwise than the one before
	// or moves the server nearer to another state. Otherwise there are lines for
	// changes of state alone. It is HAProxy's option log-health-checks.
	Log bool `json:"log,omitempty"`

	checker pool.Checker
}

// Passive takes a server out for a while when clients' connects to it fail, without any
// check. When that time is over the server is up again, and the next connect decides:
// one that fails takes it out again at once. The last usable server of a backend is
// never taken out. It is nginx's max_fails and fail_timeout.
type Passive struct {
	// Fails is how many failed connects within the window take a server out.
	// Default: 3.
	Fails int `json:"fails,omitempty"`

	// Window is the time within which they are counted. Default: 10s.
	Window caddy.Duration `json:"window,omitempty"`

	// Eject is how long the server gets no connections then. Default: 10s.
	Eject caddy.Duration `json:"eject,omitempty"`
}

// Agent is a program that says how its server is: each time that it is connected to
// it writes one line of words, HAProxy's agent-check.
type Agent struct {
	// Address is the agent's host. Default: the server's.
	Address string `json:"address,omitempty"`

	// Port is the agent's port. Required.
	Port int `json:"port,omitempty"`

	// Interval is the time between two questions, and how long an answer may take.
	// Default: 2s.
	Interval caddy.Duration `json:"interval,omitempty"`

	// Send is what the agent is sent first, as it stands.
	Send string `json:"send,omitempty"`

	agent pool.Agent
}
