// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// external is the module of the checker that runs a program.
const external = "external"

// externalProgram is what "external-check" says in a section.
type externalProgram struct{ command, path string }

// externalPermission is what "external-check" says in global.
type externalPermission struct{ given, preserveEnv bool }

// permitExternal reads "external-check [preserve-env]" of global.
func permitExternal(t *translation, _ *proxy, s statement) {
	t.external.given = true
	t.external.preserveEnv = t.external.preserveEnv || len(s.args) > 0
}

func permitArgs(args []string) error {
	if len(args) > 0 && args[0] != "preserve-env" {
		return fmt.Errorf("only supports 'preserve-env' but got '%s'", args[0])
	}
	return atMost(1)(args)
}

// externalArgs are "command PATH" or "path PATH".
func externalArgs(args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("expects 'command' or 'path': missing argument after 'external-check'")
	case args[0] != "command" && args[0] != "path":
		return fmt.Errorf("only supports 'command' and 'path'. but got '%s'", args[0])
	case len(args) == 1:
		return fmt.Errorf("expects an argument: missing argument after '%s'", args[0])
	}
	return atMost(2)(args)
}

func externalCheck(t *translation, p *proxy, s statement) {
	e := &p.check.program
	switch value := s.args[1]; {
	case s.args[0] == "path":
		e.path = value
	case !filepath.IsAbs(value):
		t.errorf(s.Pos, "'external-check command' : '%s' is no absolute path: expected one in %s", value, p)
	default:
		e.command = value
	}
}

// externalComplete says what an external check lacks.
func (t *translation) externalComplete(p *proxy) {
	if p.check.module != external || p.refused {
		return
	}
	pos := p.check.at
	if !t.external.given {
		t.errorf(pos, "'option external-check' unable to find required 'global.external-check' in %s", p)
	}
	if p.check.program.command == "" {
		t.errorf(pos, "'option external-check' unable to find required 'external-check command' in %s", p)
	}
}

// externalChecker runs the program for a server. HAProxy numbers servers from 1 on.
func (t *translation) externalChecker(p *proxy, n *server) json.RawMessage {
	e := &p.check.program
	c := checks.External{Command: e.command, Listener: p.firstListener(), InheritEnvironment: t.external.preserveEnv, Environment: map[string]string{
		"HAPROXY_SERVER_ID":      strconv.Itoa(cmp.Or(n.id, 1+slices.Index(p.servers, n))),
		"HAPROXY_SERVER_MAXCONN": strconv.Itoa(n.maxconn),
		"HAPROXY_SERVER_PROTO":   cmp.Or(p.mode, "tcp"),
		"HAPROXY_SERVER_SSL":     "0",
	}}
	if e.path != "" {
		c.Environment["PATH"] = e.path
	}
	return caddyconfig.JSONModuleObject(c, "module", external, nil)
}

// firstListener is what a program is told of where the proxy listens.
func (p *proxy) firstListener() string {
	if len(p.binds) == 0 {
		return ""
	}
	switch b := &p.binds[0]; {
	case b.Family.IsUnix():
		return b.Path
	case b.Family == haproxyfile.IPv6:
		return net.JoinHostPort(cmp.Or(b.Host, "::"), strconv.Itoa(b.Port))
	case b.HasPort:
		return net.JoinHostPort(cmp.Or(b.Host, "0.0.0.0"), strconv.Itoa(b.Port))
	}
	return ""
}
