// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "haproxy-check",
		Usage: "[-c] -f FILE|DIR... [-C DIR] [-V|-q] [--json [--pretty]] [--skip-http [--caddyfile]] [--] [FILE|DIR...]",
		Short: "Checks HAProxy configurations, and translates them",
		Long: `
Reads the files as one configuration, as haproxy -c does, and prints errors and
warnings to stderr, with file and line. A directory stands for its *.cfg files in
order of name. The configuration is not run, but its translation is validated, as
by caddy validate.

The exit code is 0 if it can be run, 1 if there are errors, and 2 if it would
listen on no address.

--skip-http leaves out sections of mode http and binds with ssl. A warning names
each of them, with the lines of a Caddyfile that would serve it; --caddyfile prints
all these lines to stdout. HAPROXY_SKIP_HTTP=1 in the environment and a line
"# caddy: skip-http" in the file do the same, for caddy run too.

--json prints the translation in Caddy's JSON to stdout. Use it to turn several
files into one, since caddy run reads a single file.

The options of haproxy -c are accepted, so that a command that is in use works
with this name in place of haproxy's. Those that do not change a check have no
effect.`,
		CobraFunc: func(cmd *cobra.Command) {
			var c checkCommand
			c.flags(cmd)
			cmd.RunE = func(cmd *cobra.Command, more []string) error {
				cmd.SilenceErrors = true // run has printed everything
				code := c.run(more, os.Stdout, os.Stderr)
				if code == exitErrors {
					return errInvalid
				}
				return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, more)
			}
		},
	})
}

// Exit codes, as of haproxy -c.
const (
	exitValid      = caddy.ExitCodeSuccess
	exitErrors     = 1
	exitNoListener = 2
)

var errInvalid = errors.New("errors found in the configuration")

// checkCommand is the command caddy haproxy-check.
type checkCommand struct {
	paths                        []string
	dir                          string
	json, pretty, verbose, quiet bool
	skipHTTP, caddyfile          bool
}

// flags declares the command's flags, and those of haproxy that do not change a check.
func (c *checkCommand) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&c.paths, "file", "f", nil, "A file or a directory; may be given several times")
	f.StringVarP(&c.dir, "directory", "C", "", "Change to this directory before loading files")
	f.BoolVar(&c.json, "json", false, "Print the configuration in Caddy's JSON")
	f.BoolVar(&c.pretty, "pretty", false, "Print it with indentation")
	f.BoolVar(&c.skipHTTP, "skip-http", false, "Leave out sections of mode http and binds with ssl")
	f.BoolVar(&c.caddyfile, "caddyfile", false, "Print a Caddyfile that would serve the parts left out")
	f.BoolVarP(&c.verbose, "verbose", "V", false, "Print a line if the configuration is valid")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "Print nothing, and only set the exit code")
	f.BoolP("check", "c", false, "Only check: this command does nothing else")
	for name, letter := range map[string]string{"daemon": "D", "master-worker": "W", "systemd": "s"} {
		f.BoolP(name, letter, false, "")
		_ = f.MarkHidden(name) // the flag exists
	}
	for name, letter := range map[string]string{"debug": "d", "local-peer": "L", "maxconn": "n", "proxy-maxconn": "N", "memory": "m", "pidfile": "p", "master-socket": "S", "old-socket": "x"} {
		f.StringArrayP(name, letter, nil, "")
		_ = f.MarkHidden(name)
	}
}

// run checks the configuration and returns the exit code.
func (c *checkCommand) run(more []string, out, messages io.Writer) int {
	if c.quiet && !c.verbose {
		messages = io.Discard
	}
	say := func(severity haproxyfile.Severity, message any) {
		_, _ = fmt.Fprintf(messages, "%-9s %v\n", "["+severity.String()+"]", message)
	}
	sources, err := c.sources(more)
	if err != nil {
		say(haproxyfile.Error, err)
		return exitErrors
	}
	r := Translate(sources, Options{SkipHTTP: c.skipHTTP, Validate: validateJSON})
	for _, p := range r.Problems {
		if p.File == "" {
			say(p.Severity, p.Message)
			continue
		}
		say(p.Severity, p)
	}
	if c.caddyfile && !r.Failed {
		_, _ = io.WriteString(out, r.Caddyfile)
	}
	switch {
	case r.Failed:
		say(haproxyfile.Error, "errors found in the configuration")
		return exitErrors
	case r.Binds == 0:
		say(haproxyfile.Error, "the configuration is valid but listens on no address: expected a bind line")
		return exitNoListener
	}
	if c.json {
		c.print(out, r.JSON)
	} else if c.verbose {
		_, _ = fmt.Fprintln(out, "Configuration file is valid")
	}
	return exitValid
}

// sources reads the files named by the options and by the arguments after them.
func (c *checkCommand) sources(more []string) ([]haproxyfile.Source, error) {
	if c.dir != "" {
		if err := os.Chdir(c.dir); err != nil {
			return nil, fmt.Errorf("-C: %w", err)
		}
	}
	return readSources(append(c.paths, more...))
}

func (c *checkCommand) print(out io.Writer, config []byte) {
	if c.pretty {
		var b bytes.Buffer
		if json.Indent(&b, config, "", "\t") == nil {
			config = b.Bytes()
		}
	}
	_, _ = fmt.Fprintf(out, "%s\n", config)
}

// readSources reads files. A directory stands for its *.cfg files.
func readSources(paths []string) (sources []haproxyfile.Source, err error) {
	if len(paths) == 0 {
		return nil, fmt.Errorf("no configuration: expected -f FILE")
	}
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if files, err = configFiles(path); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			text, err := os.ReadFile(file) //nolint:gosec // whoever runs the command names it
			if err != nil {
				return nil, err
			}
			sources = append(sources, haproxyfile.Source{Name: file, Text: text})
		}
	}
	return sources, nil
}

// configFiles returns the files that HAProxy would read from a directory.
func configFiles(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".cfg") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}
