// SPDX-License-Identifier: Apache-2.0

//go:build unix

package checks

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// program writes a shell script with the given lines and returns its path.
func program(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "check")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func externalCheck(t *testing.T, c External) *External {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return provisioned(t, "external", string(text)).(*External)
}

func TestExternal(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		code  pool.Code
		info  string
	}{
		"passes":         {"exit 0", pool.ProcessOK, ""},
		"says something": {"echo fine; echo more", pool.ProcessOK, "fine"},
		"fails":          {"exit 3", pool.ProcessError, "exit status 3"},
		"says why":       {"echo; echo 'it is a \033[1mreplica' >&2; exit 1", pool.ProcessError, "exit status 1: it is a ?[1mreplica"},
		"is killed":      {"kill -9 $$", pool.ProcessError, "signal: killed"},
		"says too much":  {"yes | head -c 200000; exit 1", pool.ProcessError, "exit status 1: y"},
		"reads nothing":  {"read x; exit 0", pool.ProcessOK, ""},
		"leaves a child": {"sleep 60 & exit 0", pool.ProcessOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			expectResult(t, checked(externalCheck(t, External{Command: program(t, test.lines)}), to("127.0.0.1:443")), test.code, test.info)
			if took := time.Since(began); took > ample/2 {
				t.Errorf("took %v", took)
			}
		})
	}
	expectResult(t, checked(externalCheck(t, External{Command: "/nowhere/check"}), to("127.0.0.1:443")), pool.ProcessError, "starting /nowhere/check: no such file or directory")
}

// On a timeout or cancellation, the program and all processes that it started are killed.
func TestExternalKillsProcessGroup(t *testing.T) {
	t.Parallel()
	alive := filepath.Join(t.TempDir(), "alive")
	path := program(t, "echo waiting; (while :; do date >> "+alive+"; sleep 0.05; done) & wait")
	grows := func() bool {
		before, _ := os.Stat(alive)
		time.Sleep(soon)
		after, err := os.Stat(alive)
		return err == nil && before != nil && after.Size() > before.Size()
	}
	expectCheck(t, externalCheck(t, External{Command: path}), "127.0.0.1:443", pool.ProcessTimeout, "waiting")
	if grows() {
		t.Error("what the program has started runs on")
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(5*soon, cancel)
	expectResult(t, externalCheck(t, External{Command: path}).Check(ctx, to("127.0.0.1:443")), pool.CodeNotChecked, "canceled")
	if grows() {
		t.Error("what the program has started runs on")
	}
	expectResult(t, externalCheck(t, External{Command: path}).Check(ctx, to("127.0.0.1:443")), pool.CodeNotChecked, "canceled")
}

func TestExternalArgumentsAndEnvironment(t *testing.T) {
	t.Setenv("OF_THE_PROXY", "x")
	about := &pool.Subject{Backend: "web", Server: "s1", Snapshot: func() pool.Snapshot { return pool.Snapshot{Sessions: 7} }}
	path := program(t, `echo "$1,$2,$3,$4;$HAPROXY_PROXY_ADDR,$HAPROXY_PROXY_PORT,$HAPROXY_SERVER_ADDR,$HAPROXY_SERVER_PORT,$HAPROXY_PROXY_NAME,$HAPROXY_SERVER_NAME,$HAPROXY_SERVER_CURCONN,$MINE,$OF_THE_PROXY"`)
	useDNS(t, &fakeDNS{four: local, ttl: time.Hour})
	for _, test := range map[string]struct {
		c      External
		target pool.Target
		want   string
	}{
		"an address": {External{}, to("127.0.0.9:443"), "NOT_USED,NOT_USED,127.0.0.9,443;,,127.0.0.9,443,,,,,"},
		"IPv6":       {External{Listener: "[::]:8443"}, to("[::1]:443"), "::,8443,::1,443;::,8443,::1,443,,,,,"},
		"a name":     {External{Listener: "0.0.0.0:8443"}, to("web.test:443"), "0.0.0.0,8443,127.0.0.1,443;0.0.0.0,8443,127.0.0.1,443,,,,,"},
		"a socket":   {External{Listener: "/run/web"}, pool.Target{Network: "unix", Address: "/run/s1", Timeout: ample}, "/run/web,NOT_USED,/run/s1,NOT_USED;/run/web,,/run/s1,,,,,,"},
		"who it is":  {External{}, pool.Target{Network: "tcp", Address: "127.0.0.9:443", Timeout: ample, Subject: about}, "NOT_USED,NOT_USED,127.0.0.9,443;,,127.0.0.9,443,web,s1,7,,"},
		"more":       {External{Environment: map[string]string{"MINE": "y", "HAPROXY_SERVER_ADDR": "no"}, InheritEnvironment: true}, to("127.0.0.9:443"), "NOT_USED,NOT_USED,127.0.0.9,443;,,127.0.0.9,443,,,,y,x"},
	} {
		test.c.Command = path
		expectResult(t, checked(externalCheck(t, test.c), test.target), pool.ProcessOK, test.want)
	}
}

func TestExternalOfName(t *testing.T) {
	c := externalCheck(t, External{Command: "/bin/true"})
	useDNS(t, &fakeDNS{err: servfail})
	expectResult(t, checked(c, to("web.test:1")), pool.DNSError, "resolving web.test: server misbehaving (DNS); asked 192.0.2.53:53")
	resolve.Servers = &resolve.Resolver{Source: &fakeDNS{err: nxdomain}}
	expectResult(t, checked(c, to("web.test:1")), pool.ProcessError, "resolving web.test: no such host (DNS)")
}

func TestExternalMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{}`:                  `command "": expected an absolute path`,
		`{"command": "true"}`: `command "true": expected an absolute path`,
		`{"command": "/bin/true", "environment": {"A=B": "c"}}`: `environment: "A=B": expected a name without =`,
	} {
		_, err := load("external", config)
		contains(t, err, want)
	}
	got, err := fromCaddyfile("external", "command /bin/check\nlistener :443\nenvironment A b\nenvironment C \"d e\"\ninherit_environment")
	if want := `{"command":"/bin/check","listener":":443","environment":{"A":"b","C":"d e"},"inherit_environment":true}`; err != nil || got != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
	for block, want := range map[string]string{
		"environment A":                    "expected environment NAME VALUE",
		"environment A b c":                `unexpected "c"`,
		"environment A b\nenvironment A c": "environment A is given twice",
		"command":                          `"command" needs an argument`,
	} {
		_, err := fromCaddyfile("external", block)
		contains(t, err, want)
	}
}
