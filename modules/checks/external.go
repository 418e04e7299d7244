// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func init() {
	caddy.RegisterModule(new(External))
}

// External runs a program and passes if it exits with status 0. It is HAProxy's option
// external-check. The program runs as the user of the proxy, without a shell, in its own process
// group, which is killed when the check times out. A configuration with it can make the proxy run
// anything that this user may run.
//
// The arguments are HAProxy's: the address and port of the listener, or NOT_USED, and those of the
// server. HAPROXY_PROXY_ADDR, HAPROXY_PROXY_PORT, HAPROXY_SERVER_ADDR and HAPROXY_SERVER_PORT hold
// the same, and HAPROXY_PROXY_NAME, HAPROXY_SERVER_NAME and HAPROXY_SERVER_CURCONN describe the
// server.
type External struct {
	// Command is the absolute path of the program.
	Command string `json:"command"`

	// Listener is the value of the first two arguments: HOST:PORT, or the path of a socket.
	Listener string `json:"listener,omitempty"`

	// Environment is added to the environment of the program, beside the addresses.
	Environment map[string]string `json:"environment,omitempty"`

	// InheritEnvironment adds the environment of the proxy. It is HAProxy's preserve-env.
	InheritEnvironment bool `json:"inherit_environment,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*External) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.checks.external",
		New: func() caddy.Module { return new(External) },
	}
}

// Provision validates the options. The program need not exist yet.
func (c *External) Provision(caddy.Context) error {
	if !filepath.IsAbs(c.Command) {
		return fmt.Errorf("command %q: expected an absolute path", c.Command)
	}
	for name, value := range c.Environment {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			return fmt.Errorf("environment: %q: expected a name without = and a value without zero bytes", name)
		}
	}
	return nil
}

// outputGrace limits the wait for the output of a program that has exited while a process that it
// started still holds the output open.
const outputGrace = 100 * time.Millisecond

// Check returns PROCOK, PROCERR with the exit status, or PROCTOUT. Info has the first line of the
// program's output.
func (c *External) Check(ctx context.Context, t pool.Target) pool.Result {
	if ctx.Err() != nil {
		return processLayer.classify(ctx, ctx.Err()).Result
	}
	within, cancel := context.WithCancel(ctx)
	if t.Timeout > 0 {
		within, cancel = context.WithTimeout(ctx, t.Timeout)
	}
	defer cancel()
	host, port, err := resolveTarget(within, t)
	if err != nil {
		return processLayer.classify(ctx, err).Result
	}
	proxyHost, proxyPort := hostAndPort(c.Listener)
	command := exec.CommandContext(within, c.Command, orNotUsed(proxyHost), orNotUsed(proxyPort), orNotUsed(host), orNotUsed(port)) //nolint:gosec // it is what the operator asks for
	command.Env = append(c.environment(t.Subject), "HAPROXY_PROXY_ADDR="+proxyHost, "HAPROXY_PROXY_PORT="+proxyPort, "HAPROXY_SERVER_ADDR="+host, "HAPROXY_SERVER_PORT="+port)
	said := new(firstOutput)
	command.Stdout, command.Stderr = said, said
	command.WaitDelay = outputGrace
	killWithGroup(command)
	err = command.Run()
	switch state := command.ProcessState; {
	case errors.Is(ctx.Err(), context.Canceled):
		return processLayer.classify(ctx, err).Result
	case state == nil:
		return notStarted(ctx, c.Command, err).Result
	case state.Success():
		return pool.Result{Code: pool.ProcessOK, Info: said.line()}
	case within.Err() != nil:
		return pool.Result{Code: pool.ProcessTimeout, Info: said.line()}
	case said.line() == "":
		return processLayer.failf("%v", state).Result
	default:
		return processLayer.failf("%v: %s", state, said.line()).Result
	}
}

// notStarted returns the failure for a program that could not be started. If the proxy may not
// start more processes, that says nothing about the server, so the code is SOCKERR.
func notStarted(ctx context.Context, path string, err error) *failure {
	if errors.Is(err, syscall.EAGAIN) {
		return &failure{pool.Result{Code: pool.SocketError, Info: "cannot start another process: " + shortReason(err)}}
	}
	bad := processLayer.classify(ctx, err)
	bad.Info = "starting " + path + ": " + bad.Info
	return bad
}

// environment returns the environment of the program without the addresses.
func (c *External) environment(about *pool.Subject) (env []string) {
	if c.InheritEnvironment {
		env = os.Environ()
	}
	if about != nil {
		env = append(env, "HAPROXY_PROXY_NAME="+about.Backend, "HAPROXY_SERVER_NAME="+about.Server)
		env = append(env, fmt.Sprintf("HAPROXY_SERVER_CURCONN=%d", about.Snapshot().Sessions))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Environment)) {
		env = append(env, name+"="+c.Environment[name])
	}
	return env
}

// resolveTarget returns the address and the port of a server; for a name, its first address.
func resolveTarget(ctx context.Context, t pool.Target) (host, port string, err error) {
	if t.Network == "unix" {
		return t.Address, "", nil
	}
	if host, port, err = net.SplitHostPort(t.Address); err != nil {
		return "", "", err
	}
	deadline, _ := ctx.Deadline()
	name := resolve.NewName(t.Network, host, t.ResolvePrefer).Near(t.ResolveNet)
	answer, err := resolve.Named(t.Resolver).Lookup(name, timeLeft(deadline), ctx.Done())
	if err != nil {
		return "", "", err
	}
	return answer.Addresses[0].String(), port, nil
}

func hostAndPort(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil { // a socket, or nothing
		return address, ""
	}
	return host, port
}

// orNotUsed returns s, or HAProxy's placeholder for an empty argument.
func orNotUsed(s string) string {
	if s == "" {
		return "NOT_USED"
	}
	return s
}

// firstOutput keeps the first bytes written to it and discards the rest.
type firstOutput struct{ text []byte }

func (b *firstOutput) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), maxLogged+1-len(b.text))]...)
	return len(p), nil
}

// line returns the first line of the output.
func (b *firstOutput) line() string {
	first, _, _ := bytes.Cut(bytes.TrimLeft(b.text, "\r\n"), []byte{'\n'})
	return printable(strings.TrimSpace(string(first)))
}

// processLayer holds the codes for failures of a program.
var processLayer = layer{pool.ProcessTimeout, pool.ProcessError}

// CheckOptions returns the options of the checker's block. Syntax:
//
//	check external {
//		command <path>
//		listener <host>:<port>|<path>
//		environment <name> <value>
//		inherit_environment
//	}
func (c *External) CheckOptions() options.Table {
	return options.Table{
		"command":             options.Text(&c.Command),
		"listener":            options.Text(&c.Listener),
		"environment":         options.Repeatable(c.parseEnvironment),
		"inherit_environment": options.Flag(&c.InheritEnvironment),
	}
}

func (c *External) parseEnvironment(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.Args(&name, &value) {
		return d.Err("expected environment NAME VALUE")
	}
	if _, given := c.Environment[name]; given {
		return d.Errf("environment %s is given twice", name)
	}
	if c.Environment == nil {
		c.Environment = make(map[string]string)
	}
	c.Environment[name] = value
	return nil
}

// Interface guards
var (
	_ caddy.Module      = (*External)(nil)
	_ caddy.Provisioner = (*External)(nil)
	_ pool.Checker      = (*External)(nil)
)
