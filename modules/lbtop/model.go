// SPDX-License-Identifier: Apache-2.0

package lbtop

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
)

// model is the state of the program, by Bubble Tea's architecture: Update changes it, View shows
// it.
type model struct {
	ctx           context.Context //nolint:containedctx // of Run, for the commands that Update returns
	source        Source
	width, height int
	coloured      bool

	view     View
	state    State
	err      error
	paused   bool
	rates    history // sessions a second
	conns    history // connections
	selected int     // row of the table
	first    int     // row at the top of the screen
	killing  *lbadmin.Session
	message  string
}

// The messages: a state was loaded, or that of another view; the time for another one has come; a
// session was ended.
type (
	loaded struct {
		view  View
		state State
		err   error
	}
	switched struct {
		view  View
		state State
		err   error
	}
	tick   struct{}
	killed struct {
		id  uint64
		err error
	}
)

func newModel(ctx context.Context, s Source) *model {
	return &model{ctx: ctx, source: s, width: 80, height: 24, coloured: true}
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return m.load() }

// load returns the command that loads the state.
func (m *model) load() tea.Cmd {
	v := m.view
	return func() tea.Msg {
		s, err := m.source.Load(m.ctx, v)
		return loaded{v, s, err}
	}
}

// Update implements tea.Model.
func (m *model) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case loaded:
		m.take(message)
		return m, tea.Tick(refresh, func(time.Time) tea.Msg { return tick{} })
	case switched:
		if message.view == m.view && message.err == nil {
			m.state = message.state
		}
	case tick:
		if m.paused {
			return m, tea.Tick(refresh, func(time.Time) tea.Msg { return tick{} })
		}
		return m, m.load()
	case killed:
		m.message = fmt.Sprintf("session %d ended", message.id)
		if message.err != nil {
			m.message = message.err.Error()
		}
	case tea.KeyPressMsg:
		return m, m.press(message.String())
	}
	return m, nil
}

// take takes a state that was loaded.
func (m *model) take(l loaded) {
	if m.err = l.err; l.err != nil {
		return
	}
	if l.view == m.view {
		m.state = l.state
	}
	m.rates.add(l.state.Overview.Rate)
	m.conns.add(l.state.Overview.Process.Connections)
}

// press handles a key.
func (m *model) press(key string) tea.Cmd {
	if m.killing != nil {
		return m.confirm(key)
	}
	m.message = ""
	switch key {
	case "q", "ctrl+c", "esc":
		return tea.Quit
	case "tab", "right":
		return m.show((m.view + 1) % viewCount)
	case "shift+tab", "left":
		return m.show((m.view + viewCount - 1) % viewCount)
	case "1", "2", "3", "4", "5", "6":
		return m.show(View(key[0] - '1'))
	case "p", "space":
		m.paused = !m.paused
	case "k":
		if m.view == Sessions && m.selected < len(m.state.Sessions.Sessions) {
			m.killing = &m.state.Sessions.Sessions[m.selected]
		}
	default:
		m.move(key)
	}
	return nil
}

// confirm ends the session in question if the key says so.
func (m *model) confirm(key string) tea.Cmd {
	id := m.killing.ID
	m.killing = nil
	if key != "y" {
		return nil
	}
	return func() tea.Msg { return killed{id, m.source.Kill(m.ctx, id)} }
}

// show switches to a view, and loads what it shows. The tick that is pending goes on.
func (m *model) show(v View) tea.Cmd {
	m.view, m.selected, m.first = v, 0, 0
	return func() tea.Msg {
		s, err := m.source.Load(m.ctx, v)
		return switched{v, s, err}
	}
}

// move selects another row.
func (m *model) move(key string) {
	switch key {
	case "up":
		m.selected--
	case "down":
		m.selected++
	case "pgup":
		m.selected -= m.room()
	case "pgdown":
		m.selected += m.room()
	case "home":
		m.selected = 0
	case "end":
		m.selected = m.rows() - 1
	}
	m.selected = max(0, min(m.selected, m.rows()-1))
}
