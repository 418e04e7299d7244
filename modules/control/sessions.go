// SPDX-License-Identifier: Apache-2.0

package control

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
)

// Session is a connection of the process at some moment, from accept to its end.
type Session = frontend.Live

// SessionFilter says which connections are meant: those that match all fields that are set.
type SessionFilter = frontend.LiveFilter

// Sessions returns the connections that f matches, the oldest first but no more than limit (0:
// all), and the number of all that it matches.
func Sessions(f SessionFilter, limit int) (list []Session, total int) {
	return frontend.AllLive(f, limit)
}

// SessionOf returns the connection with an ID.
func SessionOf(id uint64) (Session, error) {
	if s, ok := frontend.LiveOf(id); ok {
		return s, nil
	}
	return Session{}, errNoSession(id)
}

// EndSession ends the connection with an ID. Its log line has the termination code K.
func EndSession(by Origin, id uint64) error {
	if !frontend.EndLiveOf(id) {
		return errNoSession(id)
	}
	reportEnded(by, events.Event{Text: fmt.Sprintf("session %d ended by the operator", id)})
	return nil
}

// reportEnded logs and remembers that sessions were ended.
func reportEnded(by Origin, e events.Event) {
	e.Kind, e.By = events.SessionsEnded, string(by)
	events.Process.Add(e)
	caddy.Log().Named("passthrough").Info(e.Text, zap.String("by", e.By), zap.String("frontend", e.Frontend), zap.String("backend", e.Backend), zap.String("server", e.Server))
}

func errNoSession(id uint64) error { return unknown("session %d: no such session", id) }

// EndSessions ends the connections that f matches, as EndSession does, and returns their number. f
// must have a condition: an empty one would end all connections of the process.
func EndSessions(by Origin, f SessionFilter) (n int, err error) {
	switch {
	case f == SessionFilter{}:
		return 0, invalid("sessions to end: expected a condition, such as a server")
	case f.Backend != "" && f.Server != "":
		_, err = ServerOf(f.Backend, f.Server)
	case f.Backend != "":
		_, err = BackendOf(f.Backend)
	}
	if err != nil {
		return 0, err
	}
	n = frontend.EndLive(f)
	if n > 0 {
		reportEnded(by, events.Event{Text: fmt.Sprintf("sessions ended by the operator: %d", n), Frontend: f.Frontend, Backend: f.Backend, Server: f.Server})
	}
	return n, nil
}
