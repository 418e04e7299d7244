// SPDX-License-Identifier: Apache-2.0

package lbtop

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lbadmin"
)

var update = flag.Bool("update", false, "write the screens of testdata")

var at = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// fixed is a source with a fixed state.
type fixed struct {
	state  State
	err    error
	killed []uint64
}

func (f *fixed) Load(context.Context, View) (State, error) { return f.state, f.err }

func (f *fixed) Kill(_ context.Context, id uint64) error {
	f.killed = append(f.killed, id)
	return nil
}

func fixedState() State {
	s := State{At: at}
	s.Overview = lbadmin.Overview{
		Process:   lbadmin.Process{Node: "lb1", Uptime: 98765, Connections: 1234, Overload: "normal"},
		Frontends: lbadmin.FrontendCount{Total: 2, Open: 1}, Backends: lbadmin.BackendCount{Total: 3, Down: 1},
		Servers: lbadmin.ServerCount{Total: 6, Up: 2, Down: 1, Drain: 1, Maint: 1}, Rate: 45, SessionsTotal: 123456, BytesIn: 7e9, BytesOut: 8e11, Queue: 7,
	}
	s.Frontends = map[string]lbadmin.Frontend{
		"tls": {State: "open", Connections: 1200, MaxConn: 10000, Rate: lbadmin.Rate{Now: 45, Max: 200}, SessionsTotal: 120000, BytesIn: 7e9, BytesOut: 8e11, Listeners: make([]lbadmin.Listener, 2)},
		"old": {State: "stopped", Connections: 34, SessionsTotal: 3456},
	}
	server := func(health, admin string, checked bool, sessions int64) lbadmin.Server {
		s := lbadmin.Server{Health: health, Admin: admin, Checked: checked, Sessions: sessions, Since: at.Add(-3 * time.Hour), Weight: 1, Address: "10.0.0.1:443", Rate: lbadmin.Rate{Now: 9}}
		if checked {
			s.LastCheck = &lbadmin.Check{Code: "L6OK"}
		}
		return s
	}
	s.Backends = lbadmin.Backends{
		"web": {
			Servers:       map[string]lbadmin.Server{"s1": server("up", "ready", true, 500), "s2": server("down", "ready", true, 0), "s3": server("up", "drain", true, 12)},
			ActiveServers: 1, Connections: 519, Queue: 7, Rate: lbadmin.Rate{Now: 40},
		},
		"mail": {Servers: map[string]lbadmin.Server{"m1": server("up", "ready", false, 3), "m2": server("up", "maint", false, 0)}, ActiveServers: 1, Connections: 3},
		"down": {Servers: map[string]lbadmin.Server{"d1": server("down", "ready", true, 0)}, Down: true},
	}
	for i := range 40 {
		s.Sessions.Sessions = append(s.Sessions.Sessions, lbadmin.Session{
			ID: uint64(1000 + i), Stage: "session", Frontend: "tls", Backend: "web", Server: "s1", Client: fmt.Sprintf("192.0.2.%d:50000", i), Age: float64(4000 - 90*i), Idle: float64(i), BytesIn: int64(1500 * i), BytesOut: 99e6, Name: "www.example.com",
		})
	}
	s.Names = lbadmin.Names{Names: []lbadmin.NameCount{{Name: "www.example.com", Count: 100000}, {Name: `bad\x1b[2J`, Count: 3}}, Others: 17}
	s.Events = []events.Event{
		{At: at.Add(-3 * time.Hour), Kind: events.ServerDown, Text: "Server web/s2 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. 1 active and 0 backup servers left."},
		{At: at.Add(-time.Hour), Kind: events.Changed, Text: `server web/s3: admin changed from "ready" to "drain"`, By: "admin endpoint"},
		{At: at.Add(-time.Minute), Kind: events.BackendDown, Text: "backend down has no server available!"},
	}
	return s
}

func newFixed(width, height int) (*model, *fixed) {
	f := &fixed{state: fixedState()}
	m := newModel(context.Background(), f)
	m.coloured = false
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	for i := range 100 {
		f.state.Overview.Rate, f.state.Overview.Process.Connections = i*i%97, 1000+i
		m.Update(loaded{m.view, f.state, nil})
	}
	return m, f
}

// press presses keys, and runs the commands that follow.
func press(m *model, keys ...tea.KeyPressMsg) {
	for _, key := range keys {
		if _, do := m.Update(key); do != nil {
			m.Update(do())
		}
	}
}

func char(c rune) tea.KeyPressMsg { return tea.KeyPressMsg{Code: c, Text: string(c)} }

// TestScreens compares the views with the screens of testdata.
func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		for v, name := range viewNames {
			m, _ := newFixed(size[0], size[1])
			press(m, char(rune('1'+v)), tea.KeyPressMsg{Code: tea.KeyDown})
			got := m.content()
			lines := strings.Split(got, "\n")
			if len(lines) != size[1] {
				t.Errorf("%s: %d lines", name, len(lines))
			}
			for _, line := range lines {
				if n := len([]rune(line)); n > size[0] {
					t.Errorf("%s: %d columns: %q", name, n, line)
				}
			}
			file := filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.txt", strings.ToLower(name), size[0], size[1]))
			for i := range lines {
				lines[i] = strings.TrimRight(lines[i], " ")
			}
			got = strings.Join(lines, "\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s: -want +got\n%s", file, diff)
			}
		}
	}
}

// A session is ended after a confirmation only.
func TestKill(t *testing.T) {
	m, f := newFixed(80, 24)
	press(m, char('k')) // not in this view
	press(m, char('4'), tea.KeyPressMsg{Code: tea.KeyDown}, tea.KeyPressMsg{Code: tea.KeyDown}, char('k'))
	if want := "End session 1002 of 192.0.2.2:50000? y: yes"; !strings.Contains(m.content(), want) {
		t.Errorf("no question:\n%s", m.content())
	}
	press(m, char('n'))
	if len(f.killed) > 0 || strings.Contains(m.content(), "End session") {
		t.Errorf("ended without a confirmation: %v", f.killed)
	}
	press(m, char('k'), char('y'))
	if len(f.killed) != 1 || f.killed[0] != 1002 || !strings.Contains(m.content(), "session 1002 ended") {
		t.Errorf("ended: %v\n%s", f.killed, m.content())
	}
}

// The selection stays in the table, and the table on the screen.
func TestSelection(t *testing.T) {
	m, f := newFixed(80, 24)
	press(m, char('4'), tea.KeyPressMsg{Code: tea.KeyEnd})
	if got := m.content(); !strings.Contains(got, "> 1039") && !strings.Contains(got, ">1039") {
		t.Errorf("the last one is not selected:\n%s", got)
	}
	f.state.Sessions.Sessions = f.state.Sessions.Sessions[:3]
	m.Update(loaded{m.view, f.state, nil})
	if got := m.content(); !strings.Contains(got, ">1002") {
		t.Errorf("the last one is not selected:\n%s", got)
	}
	press(m, tea.KeyPressMsg{Code: tea.KeyPgUp}, tea.KeyPressMsg{Code: tea.KeyUp})
	if m.selected != 0 {
		t.Errorf("selected: %d", m.selected)
	}
	m.Update(tea.WindowSizeMsg{Width: 10, Height: 3})
	if n := strings.Count(m.content(), "\n"); n != 2 {
		t.Errorf("%d lines in a tiny screen", n+1)
	}
	m.Update(tea.WindowSizeMsg{})
	_ = m.View()
}

// An error is shown, the last state stays, and loading goes on.
func TestError(t *testing.T) {
	m, _ := newFixed(80, 24)
	_, next := m.Update(loaded{m.view, State{}, errors.New("cannot reach it\nmore")})
	if got := m.content(); !strings.Contains(got, "cannot reach it") || strings.Contains(got, "more") || !strings.Contains(got, "lb1: running") || next == nil {
		t.Errorf("%s", got)
	}
	press(m, char('p'))
	if _, next := m.Update(tick{}); next == nil || !strings.Contains(m.content(), "1234") && !m.paused {
		t.Error("paused: no further tick")
	}
}
