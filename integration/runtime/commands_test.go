// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"fmt"
	"strings"
	"testing"
)

const commandsConfig = `
global
    stats socket "${socket}" level admin
    stats socket "${socket}u" level user
    stats timeout 1m
    maxconn 500
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout check 1s
listen web
    bind "${web}"
    maxconn 100
    server s1 "${s1}" check inter 10m rise 2 fall 3 maxconn 10
    server s2 "${s1}" weight 20
    server s3 "${s1}" track web/s1
`

// The answers to these commands are equal, one after the other.
func TestCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t, commandsConfig, map[string]string{"s1": doubling(t)}, "web")
	for p := range r.both {
		until(t, p.name+": s1 checked", func() bool {
			rows, _, err := parseCSV(p.ask(t, "show stat"))
			return err == nil && rows["web/s1"]["check_status"] == "L4OK"
		})
	}
	for _, lines := range [][]string{
		protocolLines, weightLines, stateLines, addressLines, dynamicLines, limitLines, backendLines, frontendLines,
	} {
		r.agree(t, lines...)
	}
	for _, line := range adminLines {
		r.agree(t, "operator;"+line, "user;"+line)
	}
}

var protocolLines = []string{
	"show cli level", "operator;show cli level;user;show cli level;operator", "show cli level;quit;show cli level", "prompt;show cli level;quit",
	"set timeout cli", "set timeout cli x", "set timeout cli 0", "set timeout foo 3", "set timeout cli 1m", "show env NO_SUCH_VARIABLE",
	"set severity-output x", "set severity-output number;set timeout cli x", "set severity-output string;set timeout cli x",
}

var weightLines = []string{
	"get weight web/s2", "get weight web/nope", "get weight nope/s1", "get weight web", "get weight", "set weight web/s2", "set weight web/s2 5",
	"get weight web/s2", "set weight web/s2 x", "set weight web/s2 300", "set weight web/s2 -3", "set weight web/s2 -3%", "set weight web/s2 50%",
	"get weight web/s2", "set weight web/s2 500%", "get weight web/s2", "set server web/s2 weight 7", "get weight web/s2", "set server web/s2 weight",
	"set server web/#2 weight 20", "get weight web/#2", "set server 9/2 weight 3",
}

var stateLines = []string{
	"set server", "set server web/s2", "set server web/s2 nope", "set server web/nope state ready", "set server nope/s2 state ready",
	"set server web/s2 state", "set server web/s2 state nope", "set server web/s2 state drain", statuses,
	"set server web/s2 state maint", statuses, "set server web/s2 state ready", statuses,
	"set server web/s2 health", "set server web/s2 health nope", "set server web/s3 health up", "set server web/s1 health down", statuses,
	"set server web/s1 health up", statuses, "set server web/s1 agent up", "set server web/s1 fqdn", "set server web/s1 fqdn a.example",
	"set server web/s1 ssl on", "disable server web/s1", statuses, "disable server web/s1", "enable server web/s1", "enable server", "enable server web/nope",
}

var addressLines = []string{
	"set server web/s2 addr", "set server web/s2 addr 127.0.0.2", "set server web/s2 addr 127.0.0.2", "set server web/s2 addr 127.0.0.2 port 7100",
	"set server web/s2 addr 127.0.0.2 port 7100", "set server web/s2 addr 127.0.0.3 port 7101", "set server web/s2 addr 127.0.0.3 port x",
	"set server web/s2 addr 127.0.0.3 prt 7102", "set server web/s2 addr a.example", "set server web/s2 addr 127.0.0.1 port 7100", statuses,
	"set server web/s1 check-port 7100", "set server web/s1 check-port x", "set server web/s1 check-port", "set server web/s1 check-addr 127.0.0.2",
	"set server web/s1 check-addr 127.0.0.1 port 7100", "set server web/s1 check-addr", "set server web/s1 check-addr x", "set server web/s2 check-port 17",
	"set server web/s2 check-addr 127.0.0.1", "set server web/s1 agent-addr 127.0.0.1", "set server web/s1 agent-port 33", "set server web/s1 agent-send",
	"set server web/s1 agent-send x", "enable agent web/s1", "disable agent web/s1", "enable health web/s2", "disable health web/s2",
	"disable health web/s1", "enable health web/s1", "enable health", "enable health web/nope",
}

var dynamicLines = []string{
	"add server", "add server web/s2 127.0.0.1:1", "add server web/s4", "add server nope/s4 127.0.0.1:1",
	"add server web/s4 127.0.0.1:7103 weight 5 maxconn 3", "add server web/s4 127.0.0.1:1", statuses, "enable server web/s4", statuses, "del server web/s4",
	"disable server web/s4", "del server web/s4", "del server web/s4", "del server", "del server nope/s4",
	"add server web/s5 127.0.0.1:7104 backup weight", "show stat web 4 5 no-maint", "del server web/s5", statuses,
	"clear counters", "clear counters all", "clear counters x",
}

// statuses shows the states of all servers.
const statuses = "show stat web 4 -1"

var frontendLines = []string{
	"disable frontend", "disable frontend nope", "disable frontend web", "show stat web 1 -1", "disable frontend web", "enable frontend web",
	"show stat web 1 -1", "enable frontend web", "set maxconn frontend", "set maxconn frontend nope 5", "set maxconn frontend web",
	"set maxconn frontend web 50", "show stat web 1 -1", "shutdown frontend", "shutdown frontend nope",
	"shutdown frontend web", "shutdown frontend web", "enable frontend web", "disable frontend web",
}

var limitLines = []string{
	"set maxconn server", "set maxconn server web/s1", "set maxconn server web/s1 x", "set maxconn server web/s1 5", statuses,
	"set maxconn global", "set maxconn global 50", "set rate-limit", "set rate-limit connections", "set rate-limit connections global",
	"set rate-limit connections nope 5", "set rate-limit connections global 5", "set rate-limit sessions global 6", "set rate-limit ssl-sessions global 7",
	"set rate-limit connections global 0", "set rate-limit sessions global 0",
}

var backendLines = []string{"show backend", "show servers state nope", "show servers conn nope"}

// adminLines may not be given at lower levels.
var adminLines = []string{
	"clear counters all", "add server web/s9 127.0.0.1:1", "del server web/s9", "set weight web/s1 3", "set server web/s1 state ready", "enable server web/s1", "disable server web/s1", "set maxconn server web/s1 3",
	"set maxconn global 3", "set maxconn frontend web 3", "set rate-limit sessions global 3", "enable health web/s1", "disable agent web/s1", "disable frontend web", "enable frontend web", "shutdown frontend web",
}

// agree sends lines to both programs, one after the other, and compares the answers.
func (r *rig) agree(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		want, got := r.haproxy.ask(t, line), r.ours.ask(t, line)
		if strings.HasPrefix(line, "show stat ") && strings.Count(want, "\n") > 2 {
			for _, difference := range compareStat(want, got) {
				t.Errorf("%s: %s", line, difference)
			}
			continue
		}
		if got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", line, got, want)
		}
	}
}

// stateDiffers are the fields of show servers state that may differ, and why.
var stateDiffers = map[string]string{
	"be_id": "sections are numbered in the order of their names", "srv_time_since_last_change": "a time",
	"srv_check_health of s3": "it tracks s1, and has no health of its own",
}

// The fields of show servers state are equal.
func TestShowServersState(t *testing.T) {
	t.Parallel()
	r := newRig(t, commandsConfig, map[string]string{"s1": doubling(t)}, "web")
	for p := range r.both {
		until(t, p.name+": s1 checked", func() bool {
			rows, _, err := parseCSV(p.ask(t, "show stat"))
			return err == nil && rows["web/s1"]["check_status"] == "L4OK"
		})
	}
	for _, change := range []string{
		"show version", "set server web/s2 state drain", "set server web/s1 state maint", "set server web/s1 state ready", "set server web/s2 weight 3", "set server web/s1 health down",
	} {
		for p := range r.both {
			p.ask(t, change)
		}
		for _, line := range []string{"show servers state", "show servers state web"} {
			for _, difference := range compareFields(r.haproxy.ask(t, line), r.ours.ask(t, line), stateDiffers) {
				t.Errorf("after %s: %s: %s", change, line, difference)
			}
		}
	}
}

// compareFields compares lists of lines whose fields a line beginning with # names.
func compareFields(want, got string, differs map[string]string) (differences []string) {
	wanted, found := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(wanted) != len(found) {
		return []string{fmt.Sprintf("%d lines, want %d: %s", len(found), len(wanted), got)}
	}
	var names []string
	for i, line := range wanted {
		if strings.HasPrefix(line, "# ") {
			names = strings.Fields(line)[1:]
		}
		w, g := strings.Fields(line), strings.Fields(found[i])
		for n := range max(len(w), len(g)) {
			switch {
			case n >= len(w) || n >= len(g):
				differences = append(differences, fmt.Sprintf("%q, want %q", found[i], line))
			case w[n] != g[n] && (n >= len(names) || differs[names[n]]+differs[names[n]+" of "+w[3]] == ""):
				differences = append(differences, fmt.Sprintf("%s of %s: got %s, want %s", names[n], w[3], g[n], w[n]))
			}
		}
	}
	return differences
}
