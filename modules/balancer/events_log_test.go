// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// TestRememberedTransitions looks for a server's transitions among the events of the process.
func TestRememberedTransitions(t *testing.T) {
	b := &Backend{name: "remembered"}
	notify := b.logEvents(zap.NewNop())
	for _, e := range []pool.Event{
		{Kind: pool.ServerDown, Server: "s1", Down: true, Admin: pool.Drain},
		{Kind: pool.NoUsableServer},
		{Kind: pool.CheckChanged, Server: "s1"},
		{Kind: pool.UsableServerAgain},
		{Kind: pool.MaintStarted, Server: "s1"},
	} {
		e.Backend = b.name
		notify(e)
	}
	var got []string
	for _, e := range events.Process.After(0, 0) {
		if e.Backend == b.name {
			got = append(got, string(e.Kind)+" "+e.Server+": "+e.Text)
		}
	}
	want := []string{
		"server_down s1: Server remembered/s1 is DOWN",
		"backend_down : backend remembered has no server available!",
		"backend_up : backend remembered has a usable server again.",
		"maint_started s1: Server remembered/s1 is going DOWN for maintenance",
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRememberedLoads looks for the frontends that a configuration opens and closes.
func TestRememberedLoads(t *testing.T) {
	first := &App{frontends: map[string]string{"a": "", "b": ""}, Backends: map[string]*Backend{"web": {Servers: make([]*Server, 2)}}}
	second := &App{frontends: map[string]string{"b": "", "c": ""}}
	last := events.Process.Last()
	first.rememberLoad(nil)
	second.rememberLoad(first)
	var got []string
	for _, e := range events.Process.After(last, 0) {
		got = append(got, string(e.Kind)+" "+e.Frontend+": "+e.Text)
	}
	want := []string{
		"config_loaded : configuration loaded: frontends 2, backends 1, servers 2",
		"frontend_opened a: frontend a opened", "frontend_opened b: frontend b opened",
		"config_loaded : configuration loaded: frontends 2, backends 0, servers 0",
		"frontend_opened c: frontend c opened", "frontend_closed a: frontend a closed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
