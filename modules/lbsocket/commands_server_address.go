// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// checkCommands start and stop the checks of servers.
var checkCommands = []command{
	{words: "enable health", help: "enable health checks", level: Admin, run: withServer(setChecks(true))},
	{words: "disable health", help: "disable health checks", level: Admin, run: withServer(setChecks(false))},
	{words: "enable agent", help: "enable agent checks", level: Admin, run: withServer(setAgentChecks(true))},
	{words: "disable agent", help: "disable agent checks", level: Admin, run: withServer(setAgentChecks(false))},
}

// setChecks returns the function of a command. A server without checks can stop them, as in
// HAProxy.
func setChecks(on bool) func(*request, *target) error {
	return func(_ *request, t *target) error {
		if t.ServerConfig.Check != nil {
			return t.change(control.ServerChange{Checks: &on})
		}
		if on {
			return message("Health check was not configured on this server, cannot enable.")
		}
		return nil
	}
}

func setAgentChecks(on bool) func(*request, *target) error {
	return func(_ *request, t *target) error {
		if t.ServerConfig.Agent != nil {
			return t.change(control.ServerChange{AgentChecks: &on})
		}
		if on {
			return message("Agent was not configured on this server, cannot enable.")
		}
		return nil
	}
}

// setAddress sets the address and the port of a server: set server WEB/S1 addr 192.0.2.1 port 443.
func setAddress(r *request, t *target) error {
	if t.word(0) == "" {
		return message("set server <b>/<s> addr requires an address and optionally a port.")
	}
	ip, err := netip.ParseAddr(t.word(0))
	if err != nil {
		return message("Invalid addr '" + t.word(0) + "' by 'stats socket command'")
	}
	at := endpointOf(t.Address)
	now := at.address
	if now == "-" {
		now = at.name
	}
	var c control.ServerChange
	told := []string{"no need to change the addr"}
	if ip.String() != now {
		c.Address = ip.String()
		told[0] = "IP changed from '" + now + "' to '" + ip.String() + "'"
	}
	if t.word(1) == "port" {
		told = append(told, newPort(&c, at.port, t.word(2)))
	}
	if c.Address != "" || c.Port != nil {
		if err := t.change(c); err != nil {
			return err
		}
	}
	r.say(severityInfo, strings.Join(told, ", ")+" by 'stats socket command'")
	return nil
}

// newPort adds a port to a change unless it is the current one, and returns HAProxy's words for
// that.
func newPort(c *control.ServerChange, now, text string) string {
	port, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return "problem converting port '" + text + "' to an int"
	case strings.ContainsAny(text[:1], "+-"):
		return "can't change <port> to port map because it is incompatible with current health check port configuration (use 'port' statement from the 'server' directive."
	case strconv.Itoa(port) == now:
		return "no need to change the port"
	}
	c.Port = &port
	return "port changed from '" + now + "' to '" + text + "'"
}

// Errors of HAProxy without a newline.
const (
	errNoCheck   = bare("health checks are not enabled on this server")
	errNoAgent   = bare("agent checks are not enabled on this server")
	errNotNumber = bare("provided port is not an integer")
)

// setCheckAddress sets where checks connect to.
func setCheckAddress(_ *request, t *target) error {
	if t.word(0) == "" {
		return message("set server <b>/<s> check-addr requires an address and optionally a port.")
	}
	if t.ServerConfig.Check == nil {
		return errNoCheck
	}
	c := control.ServerChange{CheckAddress: t.word(0)}
	if _, err := netip.ParseAddr(t.word(0)); err != nil {
		return bare("invalid addr '" + t.word(0) + "'")
	}
	if t.word(1) == "port" {
		port, err := strconv.Atoi(t.word(2))
		if err != nil {
			return errNotNumber
		}
		c.CheckPort = &port
	}
	return t.change(c)
}

func setCheckPort(_ *request, t *target) error {
	if t.word(0) == "" {
		return message("set server <b>/<s> check-port requires a port.")
	}
	if t.ServerConfig.Check == nil {
		return errNoCheck
	}
	port, err := strconv.Atoi(t.word(0))
	if err != nil {
		return errNotNumber
	}
	return t.change(control.ServerChange{CheckPort: &port})
}

func setAgentAddress(_ *request, t *target) error {
	if t.word(0) == "" {
		return message("set server <b>/<s> agent-addr requires an address and optionally a port.")
	}
	if t.ServerConfig.Agent == nil {
		return errNoAgent
	}
	if _, err := netip.ParseAddr(t.word(0)); err != nil {
		return bare("invalid addr '" + t.word(0) + "'")
	}
	c := control.ServerChange{AgentAddress: t.word(0)}
	if t.word(1) == "port" {
		port, err := strconv.Atoi(t.word(2))
		if err != nil {
			return errNotNumber
		}
		c.AgentPort = &port
	}
	return t.change(c)
}

func setAgentPort(_ *request, t *target) error {
	if t.word(0) == "" {
		return message("set server <b>/<s> agent-port requires a port.")
	}
	if t.ServerConfig.Agent == nil {
		return errNoAgent
	}
	port, err := strconv.Atoi(t.word(0))
	if err != nil {
		return errNotNumber
	}
	return t.change(control.ServerChange{AgentPort: &port})
}

func setAgentSend(_ *request, t *target) error {
	if t.ServerConfig.Agent == nil {
		return message("agent checks are not enabled on this server.")
	}
	text := t.word(0)
	return t.change(control.ServerChange{AgentSend: &text})
}
