// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// change changes server s1 of a backend.
func change(t *testing.T, backend string, c pool.Change) []pool.Changed {
	t.Helper()
	c.By = "test"
	changed, err := registry.Change(backend, "s1", c)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return changed
}

// reach says where connections, checks and the agent of server s1 go.
func reach(a *App, backend string) string {
	s := a.Backends[backend].pool.Server("s1")
	text := s.Address
	if s.Check != nil {
		text += " check " + s.Check.Target.Address
	}
	if s.Agent != nil {
		text += " agent " + s.Agent.Target.Address + " " + s.Agent.Send
	}
	return text
}

func checkReach(t *testing.T, a *App, backend, want string) {
	t.Helper()
	if got := reach(a, backend); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// overridden lists the overrides of a backend.
func overridden(backend string) (all []string) {
	for _, o := range registry.Overrides() {
		if o.Backend == backend {
			all = append(all, fmt.Sprintf("%s %s: %s (%s) by %s", o.Server, o.Key, o.Value, o.Configured, o.By))
		}
	}
	return all
}

// reloadable returns a configuration with one server.
func reloadable(name, address, check string) string {
	return `{"` + name + `": {"servers": [{"name": "s1", "address": "` + address + `", "check": {` + check + `}, "agent": {"port": 10, "send": "hi"}}]}}`
}

// Addresses that are set at run time apply to connections, checks and agents, and outlive reloads
// until the configured ones change.
func TestChangeAddresses(t *testing.T) {
	name := unused("addresses")
	first := provisioned(t, reloadable(name, "10.0.0.1:443", ""))
	lease := acquire(t, first, name, "s1")
	checkReach(t, first, name, "10.0.0.1:443 check 10.0.0.1:443 agent 10.0.0.1:10 hi")
	for _, tt := range []struct {
		change pool.Change
		want   string
	}{
		{pool.Change{Address: "10.0.0.2"}, "10.0.0.2:443 check 10.0.0.2:443 agent 10.0.0.2:10 hi"},
		{pool.Change{Port: new(444)}, "10.0.0.2:444 check 10.0.0.2:444 agent 10.0.0.2:10 hi"},
		{pool.Change{Address: "::3", Port: new(445)}, "[::3]:445 check [::3]:445 agent [::3]:10 hi"},
		{pool.Change{Address: "10.0.0.4:446"}, "10.0.0.4:446 check 10.0.0.4:446 agent 10.0.0.4:10 hi"},
		{pool.Change{CheckPort: new(80)}, "10.0.0.4:446 check 10.0.0.4:80 agent 10.0.0.4:10 hi"},
		{pool.Change{CheckAddress: "10.0.0.5"}, "10.0.0.4:446 check 10.0.0.5:80 agent 10.0.0.4:10 hi"},
		{pool.Change{AgentAddress: "10.0.0.6", AgentPort: new(11), AgentSend: new("ho")}, "10.0.0.4:446 check 10.0.0.5:80 agent 10.0.0.6:11 ho"},
	} {
		if len(change(t, name, tt.change)) == 0 {
			t.Errorf("%+v: nothing has changed", tt.change)
		}
		checkReach(t, first, name, tt.want)
	}
	if lease.Server.Address != "10.0.0.1:443" {
		t.Errorf("the session is at %s", lease.Server.Address)
	}
	lease.Release(pool.Served)
	later := acquire(t, first, name, "s1")
	if later.Server.Address != "10.0.0.4:446" {
		t.Errorf("a later session is at %s", later.Server.Address)
	}
	later.Release(pool.Served)
	want := []string{
		"s1 address: 10.0.0.4:446 (10.0.0.1:443) by test", "s1 check_address: 10.0.0.5 () by test", "s1 check_port: 80 () by test",
		"s1 agent_address: 10.0.0.6 () by test", "s1 agent_port: 11 () by test", "s1 agent_send: ho (hi) by test",
	}
	if got := overridden(name); !slices.Equal(got, want) {
		t.Errorf("overrides:\n got %q\nwant %q", got, want)
	}

	second := provisioned(t, reloadable(name, "10.0.0.1:443", ""))
	second.Backends[name].pool.Activate()
	cleanUp(t, first)
	checkReach(t, second, name, "10.0.0.4:446 check 10.0.0.5:80 agent 10.0.0.6:11 ho")

	third := provisioned(t, reloadable(name, "10.0.0.1:443", `"port": 99`))
	third.Backends[name].pool.Activate()
	cleanUp(t, second)
	checkReach(t, third, name, "10.0.0.4:446 check 10.0.0.4:99 agent 10.0.0.6:11 ho")
	if changed, err := registry.DropOverride(pool.Ref{Backend: name, Server: "s1"}, "address"); err != nil || len(changed) != 1 {
		t.Errorf("%v, %v", changed, err)
	}
	checkReach(t, third, name, "10.0.0.1:443 check 10.0.0.1:99 agent 10.0.0.6:11 ho")
	if changed, err := registry.DropOverride(pool.Ref{Backend: name, Server: "s1"}, ""); err != nil || len(changed) != 3 || overridden(name) != nil {
		t.Errorf("%v, %v, left: %v", changed, err, overridden(name))
	}
	checkReach(t, third, name, "10.0.0.1:443 check 10.0.0.1:99 agent 10.0.0.1:10 hi")

	change(t, name, pool.Change{Address: "10.0.0.7", Weight: "5", Admin: new(pool.Drain)})
	fourth := provisioned(t, reloadable(name, "10.0.0.8:443", ""))
	fourth.Backends[name].pool.Activate()
	cleanUp(t, third)
	checkReach(t, fourth, name, "10.0.0.8:443 check 10.0.0.8:443 agent 10.0.0.8:10 hi")
	if got, want := overridden(name), []string{"s1 admin: drain (ready) by test", "s1 weight: 5 (1) by test"}; !slices.Equal(got, want) {
		t.Errorf("overrides %q, want %q", got, want)
	}
	cleanUp(t, fourth)
}

// Addresses that are set at run time are validated as configured ones.
func TestInvalidAddresses(t *testing.T) {
	name := unused("invalid")
	a := provisioned(t, `{"`+name+`": {"check": {}, "servers": [{"name": "s1", "address": "10.0.0.1:443"}, {"name": "s2", "address": "10.0.0.2:443", "no_check": true}]}}`)
	defer cleanUp(t, a)
	a.Backends[name].pool.Activate()
	for _, tt := range []struct {
		server string
		change pool.Change
		want   string
	}{
		{"s1", pool.Change{Address: "10.0.0.300.1:x"}, "expected a port from 1 to 65535"},
		{"s1", pool.Change{Port: new(0)}, "expected a port from 1 to 65535"},
		{"s1", pool.Change{Port: new(65536)}, "expected a port from 1 to 65535"},
		{"s1", pool.Change{Address: "{l4.tls.server_name}"}, "expected one that does not depend on the client"},
		{"s1", pool.Change{CheckPort: new(70000)}, "port"},
		{"s1", pool.Change{CheckAddress: "a b"}, "address"},
		{"s1", pool.Change{AgentPort: new(1)}, pool.ErrNoAgent.Error()},
		{"s1", pool.Change{AgentChecks: new(false)}, pool.ErrNoAgent.Error()},
		{"s2", pool.Change{CheckPort: new(1)}, pool.ErrNoCheck.Error()},
		{"s2", pool.Change{Checks: new(true)}, pool.ErrNoCheck.Error()},
	} {
		if changed, err := registry.Change(name, tt.server, tt.change); err == nil || changed != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %+v: %v, %v, want %s", tt.server, tt.change, changed, err, tt.want)
		}
	}
	if got := overridden(name); got != nil {
		t.Errorf("overrides: %q", got)
	}
	if _, err := registry.DropOverride(pool.Ref{Backend: name, Server: "s3"}, ""); !errors.Is(err, pool.ErrNoSuchServer) {
		t.Error(err)
	}
}
