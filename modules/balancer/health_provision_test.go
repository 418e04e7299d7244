// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// TestCheckTargets tests the address and the timeouts of checks.
func TestCheckTargets(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	tcp := func(address string, timeout time.Duration) pool.Target {
		return pool.Target{Network: "tcp", Address: address, Timeout: timeout}
	}
	for name, c := range map[string]struct {
		address, check, timeouts string
		want                     pool.Target
	}{
		"the server's":       {"10.0.0.1:443", `{}`, `{}`, tcp("10.0.0.1:443", 2*s)},
		"another port":       {"10.0.0.1:443", `{"port": 80}`, `{}`, tcp("10.0.0.1:80", 2*s)},
		"another host":       {"10.0.0.1:443", `{"address": "web.test"}`, `{}`, tcp("web.test:443", 2*s)},
		"an IPv6 host":       {"10.0.0.1:443", `{"address": "::1"}`, `{}`, tcp("[::1]:443", 2*s)},
		"host and port":      {"10.0.0.1:443", `{"address": "[::1]:80"}`, `{}`, tcp("[::1]:80", 2*s)},
		"port over address":  {"10.0.0.1:443", `{"address": "[::1]:80", "port": 81}`, `{}`, tcp("[::1]:81", 2*s)},
		"IPv6":               {"[2001:db8::1]:443", `{"port": 80}`, `{}`, tcp("[2001:db8::1]:80", 2*s)},
		"an abstract socket": {"abns/web", `{}`, `{}`, pool.Target{Network: "unix", Address: "@web" + strings.Repeat("\x00", 104), Timeout: 2 * s}},
		"a socket":           {"unix//run/web.sock", `{}`, `{}`, pool.Target{Network: "unix", Address: "/run/web.sock", Timeout: 2 * s}},
		"beside a socket":    {"unix//run/web.sock", `{"address": "10.0.0.1:80"}`, `{}`, tcp("10.0.0.1:80", 2*s)},
		"interval":           {"10.0.0.1:443", `{"interval": "3s"}`, `{}`, tcp("10.0.0.1:443", 3*s)},
		"timeout":            {"10.0.0.1:443", `{"interval": "3s", "timeout": "1s"}`, `{"check": "2s"}`, tcp("10.0.0.1:443", s)},
		"timeouts.check":     {"10.0.0.1:443", `{"interval": "3s"}`, `{"check": "9s", "connect": "1s"}`, pool.Target{Network: "tcp", Address: "10.0.0.1:443", ConnectTimeout: s, Timeout: 9 * s}},
		"a short interval":   {"10.0.0.1:443", `{"interval": "500ms"}`, `{"check": "9s"}`, pool.Target{Network: "tcp", Address: "10.0.0.1:443", ConnectTimeout: 500 * ms, Timeout: 9 * s}},
		"of one family":      {"tcp4/web.test:443", `{"port": 80}`, `{}`, pool.Target{Network: "tcp4", Address: "web.test:80", Timeout: 2 * s}},
		"of another":         {"tcp4/web.test:443", `{"address": "tcp6/check.test"}`, `{}`, pool.Target{Network: "tcp6", Address: "check.test:443", Timeout: 2 * s}},
		"another of neither": {"tcp4/web.test:443", `{"address": "check.test:80"}`, `{}`, tcp("check.test:80", 2*s)},
		"no connect timeout": {"10.0.0.1:443", `{}`, `{"check": "9s", "connect": -1}`, pool.Target{Network: "tcp", Address: "10.0.0.1:443", ConnectTimeout: 2 * s, Timeout: 9 * s}},
		"source and header":  {"10.0.0.1:443", `{"source": "10.0.0.9", "send_proxy": "v2"}`, `{}`, pool.Target{Network: "tcp", Address: "10.0.0.1:443", Timeout: 2 * s, Source: netip.MustParseAddr("10.0.0.9"), SendProxy: 2}},
	} {
		app := provisioned(t, fmt.Sprintf(`{"web": {"servers": [{"name": "s1", "address": %q}], "check": %s, "timeouts": %s}}`, c.address, c.check, c.timeouts))
		got := app.Backends["web"].Pool().Servers()[0].Check.Target
		if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		cleanUp(t, app)
	}
}

// The IP version that is preferred for a server's name applies to its checks and its agent, too.
func TestCheckTargetsKeepIPVersion(t *testing.T) {
	app := provisioned(t, `{"web": {"check": {}, "agent": {"port": 9}, "servers": [
		{"name": "four", "address": "tcp4/web.test:443", "resolve_prefer": "ipv6"},
		{"name": "six", "address": "web.test:443", "agent": {"port": 9, "address": "tcp6/agent.test"}}]}}`)
	defer cleanUp(t, app)
	servers := app.Backends["web"].Pool().Servers()
	for i, want := range []string{
		"tcp4 web.test:443 ipv6, tcp4 web.test:9 ipv6, ipv6",
		"tcp web.test:443 , tcp6 agent.test:9 , ",
	} {
		check, agent := servers[i].Check.Target, servers[i].Agent.Target
		got := fmt.Sprint(check.Network, " ", check.Address, " ", check.ResolvePrefer, ", ", agent.Network, " ", agent.Address, " ", agent.ResolvePrefer, ", ", servers[i].ResolvePrefer)
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The server's own check takes precedence over the backend's.
func TestHealthConfigOfServer(t *testing.T) {
	app := provisioned(t, `{"web": {
		"check": {"rise": 4},
		"agent": {"port": 9},
		"servers": [
			{"name": "backends", "address": "10.0.0.1:1"},
			{"name": "own", "address": "10.0.0.1:2", "check": {"rise": 7, "interval": "9s", "fast_interval": "1s", "down_interval": "3s", "fall": 8, "spread": 5}, "agent": {"port": 10, "address": "::1", "interval": "5s"}},
			{"name": "none", "address": "10.0.0.1:3", "no_check": true},
			{"name": "tracks", "address": "10.0.0.1:4", "track": "own"},
			{"name": "all", "address": "10.0.0.1:5", "init_state": "fully_down", "observe": "first_byte", "error_limit": 3, "on_error": "sudden_death", "on_marked_down": "shutdown_sessions", "on_marked_up": "shutdown_backup_sessions"}]}}`)
	defer cleanUp(t, app)
	var got []string
	for _, s := range app.Backends["web"].Pool().Servers() {
		line := s.Name
		if c := s.Check; c != nil {
			line += fmt.Sprint(" check ", c.Interval, c.FastInterval, c.DownInterval, c.Rise, c.Fall, c.Spread)
		}
		if a := s.Agent; a != nil {
			line += fmt.Sprint(" agent ", a.Target.Address, " ", a.Interval)
		}
		if s.Track != (pool.Ref{}) {
			line += fmt.Sprint(" track ", s.Track)
		}
		got = append(got, line+fmt.Sprint(" ", s.Init, s.Observe, s.ErrorLimit, s.OnError, " ", s.EvictOnDown, "/", s.EvictBackupsOnUp))
	}
	want := []string{
		"backends check 2s 0s 0s 4 3 0 agent 10.0.0.1:9 2s 0 0 10 0 false/false",
		"own check 9s 1s 3s 7 8 5 agent [::1]:10 5s 0 0 10 0 false/false",
		"none agent 10.0.0.1:9 2s 0 0 10 0 false/false",
		"tracks track web/own 0 0 10 0 false/false",
		"all check 2s 0s 0s 4 3 0 agent 10.0.0.1:9 2s 3 2 3 2 true/true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Errors in checks, agents and tracking are reported.
func TestInvalidHealthOptions(t *testing.T) {
	const s1 = `{"name": "s1", "address": "10.0.0.1:443", "check": {}}`
	web := func(servers string) string { return `{"web": {"servers": [` + servers + `]}}` }
	for config, want := range map[string]string{
		`{"web": {"check": {"checker": []}, "servers": []}}`:                                                           `backend "web": check: checker: expected an object such as {"module": "tcp"}`,
		`{"web": {"check": {"checker": {}}, "servers": []}}`:                                                           `backend "web": check: checker: it has no module: expected an object such as {"module": "tcp"}`,
		`{"web": {"check": {"checker": {"module": "tpc"}}, "servers": []}}`:                                            `backend "web": check: checker: unknown checker "tpc"; did you mean "tcp"?`,
		`{"web": {"check": {"checker": {"module": "agent"}}, "servers": []}}`:                                          `unknown checker "agent"`,
		`{"web": {"check": {"checker": {"module": "tcp", "x": 1}}, "servers": []}}`:                                    `loading checker "tcp"`,
		web(`{"name": "s1", "address": "10.0.0.1:443", "check": {"checker": {"module": "x"}}}`):                        `backend "web": server 1 "s1": check: checker: unknown checker "x"`,
		web(`{"name": "s1", "address": "{l4.client_hello.sni}:443", "check": {}}`):                                     `server 1 "s1": it has a check, and address "{l4.client_hello.sni}:443" depends on each connection: expected an address in check, or no_check`,
		web(`{"name": "s1", "address": "{l4.client_hello.sni}:443", "agent": {"port": 1}}`):                            `it has an agent, and address "{l4.client_hello.sni}:443" has no fixed host: expected an address in agent`,
		web(`{"name": "s1", "address": "unix//run/a", "agent": {"port": 1}}`):                                          `it has an agent, and address "unix//run/a"`,
		web(s1 + `, {"name": "s2", "address": "10.0.0.2:443", "track": "s3"}`):                                         `backend "web": server 2 "s2": track s3: backend "web" has no server "s3"; did you mean "s1"?`,
		web(s1 + `, {"name": "s2", "address": "10.0.0.2:443", "track": "wbe/s1"}`):                                     `track wbe/s1: backend "wbe" is not defined; did you mean "web"?`,
		web(`{"name": "s1", "address": "10.0.0.1:443"}, {"name": "s2", "address": "10.0.0.2:443", "track": "s1"}`):     `track s1: server web/s1 has neither check nor agent`,
		web(`{"name": "s1", "address": "a:1", "track": "s2"}, {"name": "s2", "address": "a:1", "track": "web/s1"}`):    `track s2: tracking is circular`,
		`{"web": {"servers": [{"name": "s1", "address": "a:1", "track": "s1"}]}}`:                                      `track s1: tracking is circular`,
		`{"web": {"check": {}, "servers": [{"name": "s1", "address": "a:1", "no_check": true, "observe": "layer4"}]}}`: `it has observe layer4 and no check`,
	} {
		app := load(t, config)
		if err := app.Provision(newContext(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", config, err, want)
		}
		cleanUp(t, app)
	}
	good := provisioned(t, `{"a": {"servers": [`+s1+`]}, "b": {"check": {}, "servers": [{"name": "t", "address": "a:1", "track": "a/s1"}, {"name": "u", "address": "a:1", "track": "c/v"}]},
		"c": {"servers": [{"name": "v", "address": "a:1", "track": "b/t"}, {"name": "w", "address": "{l4.vars.x}:1", "no_check": true}], "check": {}}}`)
	cleanUp(t, good)
}

// other is a checker of another plugin.
type other struct{}

func (other) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "passthrough.checks.other", New: func() caddy.Module { return new(other) }}
}

func (other) Check(context.Context, pool.Target) pool.Result {
	return pool.Result{Code: pool.Layer7Status, Info: "no"}
}

// A checker is a module, and runs once its configuration runs.
func TestCheckerOfAnotherPlugin(t *testing.T) {
	caddy.RegisterModule(other{})
	b, err := parseBackend("server s1 10.0.0.1:443\ncheck other {\ninterval 10ms\n}")
	if err != nil {
		t.Fatal(err)
	}
	if string(b.Check.CheckerRaw) != `{"module":"other"}` {
		t.Errorf("%s", b.Check.CheckerRaw)
	}
	app := &App{Backends: map[string]*Backend{"checked": b}}
	if err := app.Provision(newContext(t)); err != nil {
		t.Fatal(err)
	}
	defer cleanUp(t, app)
	if _, ok := registry.Backend("checked"); ok {
		t.Error("it serves before the configuration runs")
	}
	app.serve()
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if status, ok := registry.Backend("checked"); ok && status.Servers[0].Down {
			if got := status.Servers[0].Check; got.Code != pool.Layer7Status || got.Info != "no" {
				t.Errorf("%+v", got)
			}
			return
		}
		if time.Now().After(over) {
			t.Fatal("it is not checked")
		}
	}
}

// Each transition is one log line. Checks are logged with the option log, or if they return a
// warning.
func TestEventsAreLogged(t *testing.T) {
	b := &Backend{name: "web", Check: &Check{Log: true}, Servers: []*Server{{Name: "s1"}, {Name: "s2", HealthOptions: HealthOptions{NoCheck: true}}}}
	core, logged := observer.New(zapcore.DebugLevel)
	log := b.logEvents(zap.New(core))
	failed := pool.Result{Code: pool.Layer4Connection, Info: "connection refused"}
	for _, e := range []pool.Event{
		{Backend: "web", Server: "s1", Kind: pool.CheckChanged, Result: failed, Took: time.Millisecond, Counter: 2, Of: 3, Active: 2},
		{Backend: "web", Server: "s2", Kind: pool.CheckChanged, Result: failed},
		{Backend: "web", Server: "s2", Kind: pool.CheckChanged, Result: pool.Result{Code: pool.Layer6OK, Warning: "soon over"}, Counter: 3, Of: 3},
		{Backend: "web", Server: "s1", Kind: pool.ServerDown, Result: failed, Took: time.Millisecond, Down: true, Of: 2, Active: 1, Backups: 1, Sessions: 3, Requeued: 2, Queued: 1, Backup: true},
		{Backend: "web", Server: "s2", Kind: pool.ServerUp, Result: pool.Result{Code: pool.CodeTracked}, Via: pool.Ref{Backend: "a", Server: "b"}, Counter: 1, Of: 1},
		{Backend: "web", Kind: pool.NoUsableServer},
	} {
		log(e)
	}
	var got []string
	for _, line := range logged.All() {
		got = append(got, fmt.Sprint(line.Level, " ", line.Message, " ", line.ContextMap()))
	}
	const rest = " active_servers:0 backend:web backup:false backup_servers:0"
	want := []string{
		"info check map[active_servers:2 backend:web backup:false backup_servers:0 check_duration:1ms code:L4CON counter:2/3 health:up info:connection refused queued:0 reason:layer 4 connection problem requeued:0 server:s1 sessions:0]",
		"warn check map[" + rest[1:] + " code:L6OK counter:3/3 health:up queued:0 reason:layer 6 check passed requeued:0 server:s2 sessions:0 warning:soon over]",
		"warn server is down map[active_servers:1 backend:web backup:true backup_servers:1 check_duration:1ms code:L4CON counter:0/2 health:down info:connection refused queued:1 reason:layer 4 connection problem requeued:2 server:s1 sessions:3]",
		"info server is up map[" + rest[1:] + " code:TRACK counter:1/1 health:up queued:0 reason:follows the tracked server requeued:0 server:s2 sessions:0 via:a/b]",
		"error backend has no usable server map[backend:web]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
