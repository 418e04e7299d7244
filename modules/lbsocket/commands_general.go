// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"os"
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statfields"
)

// generalCommands are about the connection, or about the process.
var generalCommands = []command{
	{words: "help", run: help},
	{words: "prompt", run: prompt},
	{words: "quit", run: quit},
	{words: "operator", help: "lower the level of the current CLI session to operator", run: lower(Operator)},
	{words: "user", help: "lower the level of the current CLI session to user", run: lower(User)},
	{words: "set severity-output", args: "[none|number|string]", help: "set presence of severity level in feedback information", run: setSeverityOutput},
	{words: "set timeout", args: "[cli] <delay>", help: "change a timeout setting", run: setTimeout},
	{words: "show cli level", help: "display the level of the current CLI session", run: showLevel},
	{words: "show cli sockets", help: "dump list of cli sockets", level: Operator, run: showSockets},
	{words: "show env", args: "[var]", help: "dump environment variables known to the process", level: Operator, run: showEnv},
	{words: "show version", help: "show version of the current process", run: showVersion},
}

func help(r *request) error {
	r.print(list("The following commands are valid at this level:\n", r.args))
	return nil
}

func prompt(r *request) error {
	r.client.prompt = !r.client.prompt
	return nil
}

func quit(r *request) error {
	r.over = true
	return nil
}

// lower returns the function of a command that gives up rights.
func lower(to Level) func(*request) error {
	return func(r *request) error {
		if err := r.may(to); err != nil {
			return err
		}
		r.level = to
		return nil
	}
}

func showLevel(r *request) error {
	r.print(r.level.String(), "\n")
	return nil
}

func setSeverityOutput(r *request) error {
	i := slices.Index([]string{"none", "number", "string"}, r.arg(0))
	if i < 0 {
		return message("one of 'none', 'number', 'string' is a required argument")
	}
	r.severities = severityOutput(i)
	return nil
}

func setTimeout(r *request) error {
	if r.arg(0) != "cli" {
		return message("'set timeout' only supports 'cli'.")
	}
	if r.arg(1) == "" {
		return message("Expects an integer value.")
	}
	d, err := haproxyfile.ParseTime(r.arg(1), time.Second)
	if err != nil || d <= 0 {
		return message("Invalid timeout value.")
	}
	r.timeout = d
	return nil
}

func showEnv(r *request) error {
	name := r.arg(0)
	if name == "" {
		for _, entry := range os.Environ() {
			r.print(entry, "\n")
		}
		return nil
	}
	value, ok := os.LookupEnv(name)
	if !ok {
		return message("Variable not found")
	}
	r.print(name, "=", value, "\n")
	return nil
}

func showSockets(r *request) error {
	r.print("# socket lvl processes\n")
	for _, s := range openServers() {
		r.printf("%s %s all\n", s.name, s.level)
	}
	return nil
}

func showVersion(r *request) error {
	r.print(statfields.Version(), "\n")
	return nil
}
