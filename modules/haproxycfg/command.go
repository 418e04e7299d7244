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
		Usage: "-f FILE|DIR... [--json [--pretty]] [--verbose]",
		Short: "Checks HAProxy configurations, and translates them",
		Long: `
Reads the files as one configuration, as haproxy -c does, and says what is wrong
with it: errors and warnings go to stderr, with file and line. A directory
stands for its *.cfg files in order of name. The configuration is not run.

The exit code is 0 if it can be run, 1 if there are errors, and 2 if nothing
would be listened on.

With --json what it comes to in Caddy's JSON goes to stdout: caddy run reads one
file only, and this is how several become one.`,
		CobraFunc: func(cmd *cobra.Command) {
			var c checkCommand
			cmd.Flags().StringArrayVarP(&c.paths, "file", "f", nil, "A file or a directory; may be given several times")
			cmd.Flags().BoolVar(&c.json, "json", false, "Print the configuration in Caddy's JSON")
			cmd.Flags().BoolVar(&c.pretty, "pretty", false, "Print it with indentation")
			cmd.Flags().BoolVarP(&c.verbose, "verbose", "V", false, "Say so if the configuration is valid")
			cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) {
				return c.run(cmd.Flags().Args(), os.Stdout, os.Stderr)
			})
		},
	})
}

// What haproxy -c exits with.
const (
	exitValid      = caddy.ExitCodeSuccess
	exitErrors     = 1
	exitNoListener = 2
)

// checkCommand is caddy haproxy-check.
type checkCommand struct {
	paths                 []string
	json, pretty, verbose bool
}

func (c *checkCommand) run(more []string, out, messages io.Writer) (int, error) {
	sources, err := readSources(append(c.paths, more...))
	if err != nil {
		return exitErrors, err
	}
	r := Translate(sources, Options{})
	for _, p := range r.Problems {
		_, _ = fmt.Fprintf(messages, "%-9s %v\n", "["+p.Severity.String()+"]", p)
	}
	switch {
	case r.Failed:
		return exitErrors, errors.New("errors found in the configuration")
	case r.Binds == 0:
		_, _ = fmt.Fprintln(messages, "[ALERT]   the configuration has no error, but nothing would be listened on: expected a bind line")
		return exitNoListener, nil
	}
	if c.json {
		c.print(out, r.JSON)
	} else if c.verbose {
		_, _ = fmt.Fprintln(out, "Configuration file is valid")
	}
	return exitValid, nil
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

// readSources reads files, and of directories the *.cfg files.
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

// configFiles are those that HAProxy takes of a directory.
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
