// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"net/url"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
)

// Sessions describes the connections of the process.
type Sessions struct {
	// Count is the number of connections, including those that wait for a hello or a server.
	Count int `json:"count"`
	// Stopping reports whether the process is shutting down and waits for them.
	Stopping bool `json:"stopping"`
	// SecondsLeft is the time until they are closed; omitted if the process is not stopping, or waits
	// without a limit.
	SecondsLeft *float64 `json:"seconds_left,omitempty"`
	// Matching is the number of connections that the parameters of the request match, and Sessions
	// the oldest of these. Both are omitted without parameters.
	Matching *int      `json:"matching,omitempty"`
	Sessions []Session `json:"sessions,omitzero"`
}

// Session is the current state of a connection.
type Session struct {
	// ID is unique in the process.
	ID uint64 `json:"id"`
	// Stage says how far the connection is: it waits for a hello, a server or a connect, or is a
	// session.
	Stage    string `json:"stage"`
	Frontend string `json:"frontend"`
	Listener string `json:"listener,omitempty"`
	// Backend and Server are omitted before one is chosen. Address is the server's.
	Backend string `json:"backend,omitempty"`
	Server  string `json:"server,omitempty"`
	Address string `json:"address,omitempty"`
	// Client and Local are the ends of the client's connection: those in a PROXY header, if one names
	// them.
	Client string `json:"client"`
	Local  string `json:"local"`
	// Name is the server name in the hello; bytes that are not printable are \xNN.
	Name    string    `json:"name,omitempty"`
	Started time.Time `json:"started"`
	// Age and Idle are the seconds since accept, and since bytes last passed.
	Age  float64 `json:"age"`
	Idle float64 `json:"idle"`
	// BytesIn and BytesOut are the bytes from the client and to the client so far.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
}

// Ended is the answer to a request to end sessions.
type Ended struct {
	// Ended is their number.
	Ended int `json:"ended"`
}

func newSession(s control.Session) Session {
	return Session{
		ID: s.ID, Stage: s.Stage.String(), Frontend: s.Frontend, Listener: s.Listener, Backend: s.Backend, Server: s.Server, Address: s.Address,
		Client: s.Client.String(), Local: s.Local.String(), Name: printable.Text(s.Name), Started: s.Started,
		Age: time.Since(s.Started).Seconds(), Idle: s.Idle.Seconds(), BytesIn: s.In, BytesOut: s.Out,
	}
}

// sessionParameters select sessions.
var sessionParameters = control.SessionParameters()

// listSessions counts the connections, and lists those that the parameters match.
func listSessions(r *request) (any, error) {
	s := Sessions{Count: lifecycle.Connections()}
	var due time.Time
	if s.Stopping, due = lifecycle.ShuttingDown(); !due.IsZero() {
		s.SecondsLeft = new(max(0, time.Until(due).Seconds()))
	}
	query := r.URL.Query()
	if len(query) == 0 {
		return s, nil
	}
	filter, err := control.ParseSessionFilter(query)
	if err != nil {
		return nil, err
	}
	limit, err := number(query, "limit", 100)
	if err != nil {
		return nil, err
	}
	list, matching := control.Sessions(filter, limit)
	s.Matching, s.Sessions = &matching, make([]Session, 0, len(list))
	for _, one := range list {
		s.Sessions = append(s.Sessions, newSession(one))
	}
	return s, nil
}

func showSession(r *request) (any, error) {
	id, err := sessionID(r)
	if err != nil {
		return nil, err
	}
	s, err := control.SessionOf(id)
	if err != nil {
		return nil, err
	}
	return newSession(s), nil
}

func endSession(r *request) (any, error) {
	id, err := sessionID(r)
	if err != nil {
		return nil, err
	}
	if err := control.EndSession(control.ByAdmin, id); err != nil {
		return nil, err
	}
	return Ended{1}, nil
}

// endSessions ends the sessions that the parameters match. Without any, it does nothing.
func endSessions(r *request) (any, error) {
	if r.URL.Query().Has("limit") {
		return nil, invalid("parameter \"limit\": expected %s", oneOf(sessionParameters))
	}
	filter, err := control.ParseSessionFilter(r.URL.Query())
	if err != nil {
		return nil, err
	}
	if filter == (control.SessionFilter{}) {
		return nil, invalid("sessions to end: expected a parameter: %s", oneOf(sessionParameters))
	}
	n, err := control.EndSessions(control.ByAdmin, filter)
	return Ended{n}, err
}

func sessionID(r *request) (uint64, error) {
	id, err := strconv.ParseUint(r.names[0], 10, 64)
	if err != nil {
		return 0, invalid("session %q: expected the number of a session", r.names[0])
	}
	return id, nil
}

// number parses a parameter; without it, the number is the default.
func number(query url.Values, name string, otherwise int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, invalid("%s %q: expected a whole number, zero or more", name, text)
	}
	return n, nil
}
