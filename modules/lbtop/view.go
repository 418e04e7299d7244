// SPDX-License-Identifier: Apache-2.0

package lbtop

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView(m.content())
	v.AltScreen = true
	v.WindowTitle = "caddy passthrough top"
	return v
}

func (m *model) screen() texttable.Screen {
	return texttable.Screen{Width: m.width, Coloured: m.coloured}
}

// content returns the lines of the screen: two of the head, the view, and the keys.
func (m *model) content() string {
	lines := append(m.head(), m.body()...)
	if most := m.height - 1; len(lines) > most {
		lines = lines[:max(0, most)]
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return strings.Join(append(lines, m.foot()), "\n")
}

// head returns the state in a line, and the names of the views.
func (m *model) head() []string {
	s, p := m.screen(), m.state.Overview.Process
	state := "running"
	if p.Stopping {
		state = "stopping"
	}
	if m.state.At.IsZero() {
		state = "loading"
	}
	top := fmt.Sprintf("%s: %s for %s, %d connections, %d sessions/s, %s", p.Node, state, texttable.Age(time.Duration(p.Uptime)*time.Second),
		p.Connections, m.state.Overview.Rate, p.Overload)
	clock := m.state.At.Format(time.TimeOnly)
	top = s.Pad(top, m.width-len(clock)-1) + " " + clock
	var tabs strings.Builder
	for v, name := range viewNames {
		tab := fmt.Sprintf(" %d %s ", v+1, name)
		if View(v) == m.view {
			tab = s.Paint(tab, texttable.Reverse)
		}
		tabs.WriteString(tab)
	}
	return []string{s.Paint(top, texttable.Bold), tabs.String()}
}

// foot returns the keys, a question or an error.
func (m *model) foot() string {
	s := m.screen()
	switch {
	case m.killing != nil:
		return s.Paint(s.Pad(fmt.Sprintf("End session %d of %s? y: yes, any other key: no", m.killing.ID, m.killing.Client), m.width), texttable.Red)
	case m.err != nil:
		text, _, _ := strings.Cut(m.err.Error(), "\n")
		return s.Paint(s.Pad(text, m.width), texttable.Red)
	case m.message != "":
		return s.Pad(m.message, m.width)
	}
	keys := "1-6, tab: view  up, down: select  p: pause  q: quit"
	if m.view == Sessions {
		keys = "1-6, tab: view  up, down: select  k: end session  p: pause  q: quit"
	}
	if m.paused {
		keys = "paused  " + keys
	}
	return s.Paint(s.Pad(keys, m.width), texttable.Dim)
}

// room returns the number of rows of the table that fit.
func (m *model) room() int { return max(1, m.height-len(m.above())-5) }

// body returns the lines of the view.
func (m *model) body() []string {
	lines := append([]string{""}, m.above()...)
	t := m.table()
	rows := t.Lines(m.tableScreen())
	if len(rows) <= 1 {
		return append(lines, " nothing to show")
	}
	lines = append(lines, " "+rows[0])
	rows = rows[1:]
	m.selected = max(0, min(m.selected, len(rows)-1))
	m.first = max(0, min(m.first, m.selected, len(rows)-m.room()))
	m.first = max(m.first, m.selected-m.room()+1)
	for i := m.first; i < min(len(rows), m.first+m.room()); i++ {
		mark := " "
		if i == m.selected && m.view != Overview {
			mark = ">"
		}
		lines = append(lines, mark+rows[i])
	}
	return lines
}

// rows returns the number of rows of the table.
func (m *model) rows() int { return len(m.table().Lines(m.tableScreen())) - 1 }

// tableScreen returns the screen without the column of the mark.
func (m *model) tableScreen() texttable.Screen {
	s := m.screen()
	s.Width--
	return s
}
