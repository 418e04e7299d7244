// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"errors"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// serverCommands change servers.
var serverCommands = []command{
	{words: "get weight", args: "<bk>/<srv>", help: "report a server's current weight", run: withServer(getWeight)},
	{words: "set weight", args: "<bk>/<srv>  (DEPRECATED)", help: "change a server's weight (use 'set server' instead)", level: Admin, run: withServer(setWeight)},
	{words: "set maxconn server", args: "<bk>/<srv>", help: "change a server's maxconn setting", level: Admin, run: withServer(setServerMaxConn)},
	{words: "set server", args: "<bk>/<srv> [opts]", help: "change a server's state, weight, address or ssl", level: Admin, run: withServer(setServer)},
	{words: "enable server", args: "(DEPRECATED)", help: "enable a disabled server (use 'set server' instead)", level: Admin, run: withServer(setAdmin(pool.Ready))},
	{words: "disable server", args: "(DEPRECATED)", help: "disable a server for maintenance (use 'set server' instead)", level: Admin, run: withServer(setAdmin(pool.Maint))},
}

// target is the server that a command names, and the words after the name.
type target struct {
	backend string
	*pool.ServerStatus
	rest []string
}

// word returns a word after the server's name, or "".
func (t *target) word(i int) string {
	if i < len(t.rest) {
		return t.rest[i]
	}
	return ""
}

// withServer returns the function of a command whose first argument is BACKEND/SERVER.
func withServer(run func(*request, *target) error) func(*request) error {
	return func(r *request) error {
		t, err := findServer(r.arg(0))
		if err != nil {
			return err
		}
		t.rest = r.args[1:]
		return run(r, t)
	}
}

// findServer finds a server by BACKEND/SERVER, or BACKEND/#NUMBER.
func findServer(name string) (*target, error) {
	backend, server, ok := strings.Cut(name, "/")
	if !ok {
		return nil, message("Require 'backend/server'.")
	}
	b, err := control.BackendOf(backend)
	if err != nil {
		return nil, errNoBackend
	}
	for i := range b.Servers {
		s := &b.Servers[i]
		if s.Name == server || server == "#"+strconv.Itoa(numberOf(b.Servers, i)) {
			return &target{backend: backend, ServerStatus: s}, nil
		}
	}
	return nil, errNoServer
}

// numberOf returns HAProxy's number of a server.
func numberOf(servers []pool.ServerStatus, i int) int {
	if id := servers[i].ID; id > 0 {
		return id
	}
	return i + 1
}

// change changes the server.
func (t *target) change(c control.ServerChange) error {
	_, err := control.ChangeServer(control.BySocket, t.backend, t.Name, c)
	switch {
	case errors.Is(err, pool.ErrNoBackend):
		return errNoBackend
	case errors.Is(err, pool.ErrNoSuchServer):
		return errNoServer
	}
	return err
}

func getWeight(r *request, t *target) error {
	r.printf("%d (initial %d)\n", t.Weight, t.ServerConfig.Weight)
	return nil
}

func setWeight(_ *request, t *target) error {
	text := t.word(0)
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(number)
	switch {
	case text == "":
		return message("Require <weight> or <weight%>.")
	case err != nil:
		return bare("Empty weight string empty or preceded by garbage")
	case n < 0 && percent:
		return message("Relative weight must be positive.")
	case !percent && (n < 0 || n > pool.MaxWeight):
		return message("Absolute weight can only be between 0 and 256 inclusive.")
	}
	return t.change(control.ServerChange{Weight: text})
}

func setServerMaxConn(_ *request, t *target) error {
	if t.word(0) == "" {
		return message("Require <maxconn>.")
	}
	n, err := strconv.Atoi(t.word(0))
	if err != nil {
		return bare("maxconn string empty or preceded by garbage")
	}
	n = max(n, 0)
	return t.change(control.ServerChange{MaxConn: &n})
}

func setAdmin(to pool.Admin) func(*request, *target) error {
	return func(_ *request, t *target) error { return t.change(control.ServerChange{Admin: &to}) }
}

// setters are the values of set server, by their names.
var setters = map[string]func(*request, *target) error{
	"weight": setWeight,
	"state":  setState,
	"health": setHealth,
	"agent":  setAgent,
	"fqdn":   setFQDN,
	"ssl":    setTLS,

	"addr":       setAddress,
	"check-addr": setCheckAddress,
	"check-port": setCheckPort,
	"agent-addr": setAgentAddress,
	"agent-port": setAgentPort,
	"agent-send": setAgentSend,
}

// setServer sets a value of a server: set server WEB/S1 state drain.
func setServer(r *request, t *target) error {
	set := setters[t.word(0)]
	if set == nil {
		return message("usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight")
	}
	t.rest = t.rest[1:]
	return set(r, t)
}

func setState(r *request, t *target) error {
	to, ok := map[string]pool.Admin{"ready": pool.Ready, "drain": pool.Drain, "maint": pool.Maint}[t.word(0)]
	if !ok {
		return message("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
	}
	return setAdmin(to)(r, t)
}

func setHealth(_ *request, t *target) error {
	if t.Track != (pool.Ref{}) {
		return message("cannot change health on a tracking server.")
	}
	to, ok := map[string]pool.Health{"up": pool.HealthUp, "stopping": pool.HealthStopping, "down": pool.HealthDown}[t.word(0)]
	if !ok {
		return message("'set server <srv> health' expects 'up', 'stopping', or 'down'.")
	}
	return t.change(control.ServerChange{Health: &to})
}

func setAgent(_ *request, t *target) error {
	if t.ServerConfig.Agent == nil {
		return message("agent checks are not enabled on this server.")
	}
	to, ok := map[string]pool.Health{"up": pool.HealthUp, "down": pool.HealthDown}[t.word(0)]
	if !ok {
		return message("'set server <srv> agent' expects 'up' or 'down'.")
	}
	return t.change(control.ServerChange{Agent: &to})
}

// setFQDN fails as in HAProxy without a resolver for the server: host names are looked up for each
// connection here, and belong to the address.
func setFQDN(_ *request, t *target) error {
	if t.word(0) == "" {
		return message("set server <b>/<s> fqdn requires a FQDN.")
	}
	return message("set server <b>/<s> fqdn failed because no resolution is configured.")
}

func setTLS(*request, *target) error {
	return message("'set server <srv> ssl' cannot be set.  default-server should define ssl settings")
}
