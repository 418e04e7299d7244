// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

const hatopConfig = `
global
    stats socket "${socket}" level admin
    stats timeout 1m
    maxconn 500
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen web
    bind "${web}"
    maxconn 100
    fullconn 50
    server s1 "${s1}" check inter 1s maxconn 10
    server s2 "${s1}" check inter 1s weight 20
    server off "${s1}" disabled
`

// hatopDiffers are the parts of HATop's header that may differ: names and numbers of the process.
var hatopDiffers = regexp.MustCompile(`(?m)^.*(HATop version|Version: |Node: |Pipes: |Procs: |Connections: ).*$`)

// HATop shows the same screen for both programs, and its keys for maintenance and for draining
// by weight, and back, work.
func TestHATop(t *testing.T) {
	t.Parallel()
	hatop := programs.Need(t, "hatop")
	r := newRig(t, hatopConfig, map[string]string{"s1": doubling(t)}, "web")
	screens := make(map[*program]string)
	for p := range r.both {
		if err := p.exchange("web", 10); err != nil {
			t.Fatal(err)
		}
		p.quiet(t)
		until(t, p.name+": servers checked", func() bool { return p.state(t, "s1") == "UP" && p.state(t, "s2") == "UP" })
		term := inTerminal(t, hatop, "-s", p.socket)
		until(t, p.name+": a screen", func() bool {
			return strings.Contains(term.text(), "BACKEND") && strings.Contains(term.text(), "Q=QUIT")
		})
		screens[p] = hatopDiffers.ReplaceAllString(term.text(), "$1")
		term.press(strings.Repeat("\x1bOB", 3)) // down to s2
		term.press("\x1bOx")                    // F10
		until(t, p.name+": s2 in maintenance", func() bool { return p.state(t, "s2") == "MAINT" })
		until(t, p.name+": the screen shows it", func() bool { return regexp.MustCompile(`s2 .*MAINT`).MatchString(term.text()) })
		term.press("\x1bOw") // F9
		until(t, p.name+": s2 back", func() bool { return p.state(t, "s2") == "UP" })
		// HATop drops keys while it waits for the answer to the last one.
		term.pressUntil(t, "\x1bOt", p.name+": s2 of weight 0, after F5 twice", func() bool { return p.cell(t, "s2", "weight") == "0" })
		until(t, p.name+": the screen shows that", func() bool { return regexp.MustCompile(`s2 +0 UP`).MatchString(term.text()) })
		term.pressUntil(t, "\x1bOS", p.name+": s2 of its configured weight, after F4", func() bool { return p.cell(t, "s2", "weight") == "20" })
		term.press("q")
	}
	if diff := cmp.Diff(screens[r.haproxy], screens[r.ours]); diff != "" {
		t.Errorf("-HAProxy +ours\n%s", diff)
	}
}

// state returns the state of a server of web.
func (p *program) state(t *testing.T, server string) string {
	t.Helper()
	return strings.TrimPrefix(p.cell(t, server, "status"), "* ")
}

// cell returns a value of show stat about a server of web.
func (p *program) cell(t *testing.T, server, column string) string {
	t.Helper()
	rows, _, err := parseCSV(p.ask(t, "show stat"))
	if err != nil {
		t.Fatal(err)
	}
	return rows["web/"+server][column]
}
