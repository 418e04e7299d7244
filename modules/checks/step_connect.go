// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// ConnectStep opens a connection. It is HAProxy's tcp-check connect.
type ConnectStep struct {
	// Address is HOST or HOST:PORT. The prefix tcp4/ or tcp6/ limits a name to IPv4 or IPv6 addresses.
	// Default: the check's address.
	Address string `json:"address,omitempty"`

	// Port replaces the port of the address.
	Port int `json:"port,omitempty"`

	// PortValue is an expression for the port, such as var(check.port). If it has no value, it is
	// ignored.
	PortValue string `json:"port_value,omitempty"`

	// TLS enables TLS. Default: off.
	TLS *TLS `json:"tls,omitempty"`

	// SendProxy is the version of the PROXY protocol header to send first, 1 or 2. Default: the
	// check's send_proxy.
	SendProxy int `json:"send_proxy,omitempty"`

	// Linger closes the connection in order. Default: it ends with a reset.
	Linger bool `json:"linger,omitempty"`

	port *sample.Expression
}

func (c *ConnectStep) provision(http bool) (err error) {
	if c.Port < 0 || c.Port > 1<<16-1 {
		return fmt.Errorf("connect: port %d: expected a port from 1 to 65535", c.Port)
	}
	if c.SendProxy < 0 || c.SendProxy > 2 {
		return fmt.Errorf("connect: send_proxy %d: expected 1 or 2", c.SendProxy)
	}
	if _, address := resolve.CutNetwork(c.Address); strings.ContainsAny(address, " \t/") {
		return fmt.Errorf("connect: address %q: expected HOST or HOST:PORT", c.Address)
	}
	if c.PortValue != "" {
		if c.Port != 0 {
			return errors.New("connect: port and port_value are mutually exclusive")
		}
		if c.port, err = expressionLoader().Expression(c.PortValue); err != nil {
			return fmt.Errorf("connect: port_value %q: %w", c.PortValue, err)
		}
	}
	provision := provisionTLS
	if http {
		provision = provisionHTTPS
	}
	if err := provision(c.TLS); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// target returns the target that the step connects to if the check's target is t.
func (c *ConnectStep) target(t pool.Target, in *sample.Input) pool.Target {
	if c.SendProxy != 0 {
		t.SendProxy = c.SendProxy
	}
	to := c.ownPort(in)
	if c.Address == "" && (to == 0 || t.Network == "unix") {
		return t
	}
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		host, port = t.Address, ""
	}
	if c.Address != "" {
		t.Network, host = resolve.CutNetwork(c.Address)
		if h, p, err := net.SplitHostPort(host); err == nil {
			host, port = h, p
		}
	}
	if to != 0 {
		port = strconv.Itoa(to)
	}
	t.Address = net.JoinHostPort(strings.Trim(host, "[]"), port)
	return t
}

// ownPort returns the port that the step gives, else 0.
func (c *ConnectStep) ownPort(in *sample.Input) int {
	if c.port == nil {
		return c.Port
	}
	v, verdict := c.port.Eval(in)
	if verdict != sample.Pass {
		return c.Port
	}
	port, _ := strconv.Atoi(v.String()) // 0 on error: not a port
	return port
}

// String returns the step as messages name it.
func (c *ConnectStep) String() string {
	what := "connect"
	if c.Address != "" {
		what += " address " + c.Address
	}
	if c.Port != 0 {
		what += " port " + strconv.Itoa(c.Port)
	}
	if c.PortValue != "" {
		what += " port_value " + c.PortValue
	}
	return what
}

// parseConnect parses the words of a connect step. tls comes last and may have a block.
func (s *Step) parseConnect(d *caddyfile.Dispenser) error {
	s.Connect = new(ConnectStep)
	c, version := s.Connect, ""
	table := options.Table{
		"address": options.Text(&c.Address), "port": options.Int(&c.Port, 1, 1<<16-1), "port_value": options.Text(&c.PortValue),
		"comment": options.Text(&s.Comment), "linger": options.Flag(&c.Linger),
		"send_proxy": options.OneOf(&version, []string{"v1", "v2"}),
		"tls":        tlsOption(&c.TLS),
	}
	if err := table.ParseLine(d); err != nil {
		return err
	}
	c.SendProxy, _ = strconv.Atoi(strings.TrimPrefix(version, "v")) // 0 without send_proxy
	return nil
}
