// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// eventKinds are the kinds of a pool's transitions in the events of the process.
var eventKinds = map[pool.EventKind]events.Kind{
	pool.ServerDown:        events.ServerDown,
	pool.ServerUp:          events.ServerUp,
	pool.MaintStarted:      events.MaintStarted,
	pool.MaintEnded:        events.MaintEnded,
	pool.DrainStarted:      events.DrainStarted,
	pool.DrainEnded:        events.DrainEnded,
	pool.NoUsableServer:    events.BackendDown,
	pool.UsableServerAgain: events.BackendUp,
}

// remember adds a transition to the events of the process.
func (s *stateLine) remember() {
	kind, ok := eventKinds[s.Kind]
	if !ok {
		return
	}
	_, text := s.HAProxyLine()
	if text == "" {
		text = "backend " + s.Backend + " has a usable server again."
	}
	events.Process.Add(events.Event{Kind: kind, Text: text, Backend: s.Backend, Server: s.Server})
}

// rememberLoad adds the start of this configuration, in place of another or nil, to the events of
// the process, and which frontends it has opened and closed.
func (a *App) rememberLoad(before *App) {
	servers := 0
	for _, b := range a.Backends {
		servers += len(b.Servers)
	}
	events.Process.Add(events.Event{Kind: events.ConfigLoaded, Text: fmt.Sprintf("configuration loaded: frontends %d, backends %d, servers %d", len(a.frontends), len(a.Backends), servers)})
	var old map[string]string
	if before != nil {
		old = before.frontends
	}
	for _, name := range slices.Sorted(maps.Keys(a.frontends)) {
		if _, known := old[name]; !known {
			events.Process.Add(events.Event{Kind: events.FrontendOpen, Text: "frontend " + name + " opened", Frontend: name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, known := a.frontends[name]; !known {
			events.Process.Add(events.Event{Kind: events.FrontendClose, Text: "frontend " + name + " closed", Frontend: name})
		}
	}
}

// rememberStop adds the end of the process to its events.
func rememberStop() {
	if caddy.Exiting() {
		events.Process.Add(events.Event{Kind: events.Stopping, Text: "the process stops"})
	}
}
