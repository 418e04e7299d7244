// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Defaults of a backend's timeouts.
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultIdleTimeout    = time.Minute
)

// Never is a timeout that never expires. In a Caddyfile it is the word off.
const Never caddy.Duration = -1

// Timeouts are the timeouts of a backend's connections. -1 disables one.
type Timeouts struct {
	// Connect limits the connect to a server. Default: 5s. It is HAProxy's timeout connect.
	Connect caddy.Duration `json:"connect,omitempty"`

	// Queue limits the wait for a server with a free slot. Default: connect. It is HAProxy's timeout
	// queue.
	Queue caddy.Duration `json:"queue,omitempty"`

	// Check limits the part of a check after the connect; the connect may take connect, or the check's
	// interval if that is shorter. Default: the whole check may take its interval. It is HAProxy's
	// timeout check.
	Check caddy.Duration `json:"check,omitempty"`

	// Client is the idle timeout of the client: its direction is closed after that time without data.
	// The session ends when the server's direction is closed, too. Default: 1m. It is HAProxy's
	// timeout client.
	Client caddy.Duration `json:"client,omitempty"`

	// Server is the idle timeout of the server. Default: 1m. It is HAProxy's timeout server.
	Server caddy.Duration `json:"server,omitempty"`

	// ClientFin replaces client and tunnel for the client once one side has closed its direction.
	// Default: not set. It is HAProxy's timeout client-fin.
	ClientFin caddy.Duration `json:"client_fin,omitempty"`

	// ServerFin is the same for the server. It is HAProxy's timeout server-fin.
	ServerFin caddy.Duration `json:"server_fin,omitempty"`

	// Tunnel replaces client and server once the server is connected. Default: not set. It is
	// HAProxy's timeout tunnel.
	Tunnel caddy.Duration `json:"tunnel,omitempty"`
}

// timeout is one of Timeouts, with its name.
type timeout struct {
	name string
	d    *caddy.Duration
}

func (t *Timeouts) all() []timeout {
	return []timeout{
		{"connect", &t.Connect},
		{"queue", &t.Queue},
		{"check", &t.Check},
		{"client", &t.Client},
		{"server", &t.Server},
		{"client_fin", &t.ClientFin},
		{"server_fin", &t.ServerFin},
		{"tunnel", &t.Tunnel},
	}
}

func (t *Timeouts) validate() error {
	for _, t := range t.all() {
		if err := ValidateTimeout("timeouts."+t.name, *t.d); err != nil {
			return err
		}
	}
	return nil
}

func (t *Timeouts) setDefaults() {
	if t.Connect == 0 {
		t.Connect = caddy.Duration(DefaultConnectTimeout)
	}
	if t.Queue == 0 {
		t.Queue = t.Connect
	}
	if t.Client == 0 {
		t.Client = caddy.Duration(DefaultIdleTimeout)
	}
	if t.Server == 0 {
		t.Server = caddy.Duration(DefaultIdleTimeout)
	}
}

// options returns the options of the block timeouts.
func (t *Timeouts) options() options.Table {
	table := make(options.Table)
	for _, t := range t.all() {
		table[t.name] = TimeoutOption(t.d)
	}
	return table
}

// ValidateTimeout validates a timeout, which may be Never.
func ValidateTimeout(name string, d caddy.Duration) error {
	switch {
	case d == Never:
		return nil
	case d < 0:
		return fmt.Errorf("%s %v: expected a duration greater than zero, or -1 for never", name, time.Duration(d))
	}
	return options.ValidateDuration(name, d)
}

// TimeoutOption returns an option that takes a duration greater than zero, or the word off.
func TimeoutOption(p *caddy.Duration) options.Option {
	return options.Once(func(d *caddyfile.Dispenser) error {
		name := d.Val()
		word, err := options.Arg(d)
		if err != nil {
			return err
		}
		if word == "off" {
			*p = Never
			return nil
		}
		v, err := caddy.ParseDuration(word)
		if err != nil {
			return d.Errf("%s: %q is not a duration: expected a number with a unit, such as 500ms, 5s or 1m, or off", name, word)
		}
		if v <= 0 {
			return d.Errf("%s: %v: expected a duration greater than zero, or off", name, v)
		}
		if err := options.ValidateDuration(name, caddy.Duration(v)); err != nil {
			return d.WrapErr(err)
		}
		*p = caddy.Duration(v)
		return nil
	})
}
