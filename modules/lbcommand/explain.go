// SPDX-License-Identifier: Apache-2.0

package lbcommand

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// explainCommand makes the command explain.
func (c *commands) explainCommand() *cobra.Command {
	var p control.Probe
	var file string
	cmd := c.command("explain [NAME]", "Says where a connection would go, and why, without making one", 0, 1, func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			p.Name = args[0]
		}
		if file != "" {
			text, err := helloOf(file, cmd.InOrStdin())
			if err != nil {
				return err
			}
			p.Hello = text
		}
		return c.explain(cmd, p)
	})
	flags := cmd.Flags()
	flags.StringVar(&p.Frontend, "frontend", "", "The frontend (default: all)")
	flags.StringVar(&file, "hello", "", "A file with what the client sends: bytes, hexadecimal, a hex dump or base64; -: standard input")
	flags.StringVar(&p.Source, "source", "", "The client's address")
	flags.StringVar(&p.Destination, "destination", "", "The address that the client connects to (default: that of the listener)")
	return cmd
}

// helloOf returns the text of a hello in a file. Bytes are written in base64.
func helloOf(file string, stdin io.Reader) (string, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // the user names it
		if err != nil {
			return "", usage("%v", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, control.MaxProbeHello+1))
	if err != nil {
		return "", err
	}
	if isText(b) {
		return string(b), nil
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// isText reports whether bytes are lines of ASCII.
func isText(b []byte) bool {
	return !strings.ContainsFunc(string(b), func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r > '~' })
}

func (c *commands) explain(cmd *cobra.Command, p control.Probe) error {
	text, err := c.endpoint.ask(cmd.Context(), http.MethodPost, "/passthrough/explain", p)
	if err != nil {
		return err
	}
	if c.json {
		_, err := c.out.Write(text)
		return err
	}
	var all []control.Explanation
	if err := json.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.endpoint.address, err)
	}
	for i := range all {
		if err := c.printExplanation(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// stepColours are the colours of results.
var stepColours = map[string]texttable.Colour{"matches": texttable.Green, "unknown": texttable.Yellow, "failed": texttable.Red}

func (c *commands) printExplanation(x *control.Explanation) error {
	s := texttable.NewScreen(c.out)
	if _, err := fmt.Fprintf(s, "frontend %s: %s\n%s\n", x.Frontend, x.Summary, helloText(&x.Hello)); err != nil {
		return err
	}
	t := texttable.Table{Columns: []texttable.Column{{Title: "RULES"}, {Title: "NO", Right: true}, {Title: "RULE"}, {Title: "RESULT"}, {Title: "WHY"}}}
	for _, step := range x.Steps {
		number := ""
		if step.Number > 0 {
			number = fmt.Sprint(step.Number)
		}
		t.Add(step.List, number, strings.TrimSpace(step.Rule+" "+step.When), texttable.Painted(strings.ReplaceAll(step.Result, "_", " "), stepColours[step.Result]), strings.Join(step.Why, "; "))
	}
	if err := t.Write(s); err != nil {
		return err
	}
	return c.printNotes(s, x)
}

func (c *commands) printNotes(s io.Writer, x *control.Explanation) error {
	lines := x.Notes
	if x.Server == "" && len(x.Candidates) > 0 {
		lines = append(lines, fmt.Sprintf("usable servers of %s: %s", x.Backend, strings.Join(x.Candidates, " ")))
	}
	if x.State != "open" {
		lines = append(lines, "the frontend is "+x.State)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(s, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(s)
	return err
}

// helloText returns what a client sends in one line.
func helloText(h *control.Hello) string {
	if h.Version == "" {
		return strings.TrimSpace(fmt.Sprintf("%d bytes: %s %s", h.Size, h.Outcome, h.Error))
	}
	name := h.Name
	if name == "" {
		name = "(no name)"
	}
	return fmt.Sprintf("ClientHello of %d bytes for %s, TLS %s, alpn %s, ja4 %s", h.Size, name, h.Version, strings.Join(h.ALPN, " "), h.JA4)
}
