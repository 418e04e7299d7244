// SPDX-License-Identifier: Apache-2.0

// Package lbtop is a live view of a load balancer in a terminal: its state each second, in six
// views, and the keys to end sessions. It needs no more than 80 columns and 24 lines. It knows the
// load balancer by a Source only.
package lbtop

import (
	"context"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
)

// Source is a running load balancer.
type Source interface {
	// Load returns its state, with what a view shows.
	Load(ctx context.Context, v View) (State, error)
	// Kill ends a session.
	Kill(ctx context.Context, id uint64) error
}

// State is the state of a load balancer at some time. What the view does not show may be missing.
type State struct {
	At        time.Time
	Overview  lbadmin.Overview
	Frontends map[string]lbadmin.Frontend
	Backends  lbadmin.Backends
	Sessions  lbadmin.Sessions
	Names     lbadmin.Names
	Events    []events.Event
}

// View is one of the views.
type View int

// The views, in the order of their keys.
const (
	Overview View = iota
	Frontends
	Servers
	Sessions
	Names
	Events
	viewCount
)

var viewNames = [viewCount]string{"Overview", "Frontends", "Servers", "Sessions", "Names", "Events"}

// refresh is the time between two states.
const refresh = time.Second

// framesPerSecond limits the changes of the screen. More would cost CPU time without a use.
const framesPerSecond = 10

// Run shows the view until the user quits or ctx ends.
func Run(ctx context.Context, s Source, in io.Reader, out io.Writer) error {
	program := tea.NewProgram(newModel(ctx, s), tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithFPS(framesPerSecond))
	_, err := program.Run()
	return err
}
