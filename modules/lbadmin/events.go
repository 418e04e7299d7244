// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
)

// listEvents lists the events of the process, or follows them.
func listEvents(r *request) (any, error) {
	query := r.URL.Query()
	since, err := eventNumber(query)
	if err != nil {
		return nil, err
	}
	limit, err := number(query, "limit", 0)
	if err != nil {
		return nil, err
	}
	switch follow := query.Get("follow"); follow {
	case "1", "true":
		return followEvents(r, since), nil
	case "", "0", "false":
	default:
		return nil, invalid("follow %q: expected 1 or 0", follow)
	}
	return append([]control.Event{}, control.Events(since, limit)...), nil
}

func eventNumber(query url.Values) (uint64, error) {
	text := query.Get("since")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, invalid("since %q: expected the number of an event", text)
	}
	return n, nil
}

// followEvents writes events as they happen, one in a line, until the client leaves. It ends after
// a reload too: that replaces the admin endpoint, whose end would wait for it.
func followEvents(r *request, since uint64) stream {
	return func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "application/x-ndjson")
		answer, before := http.NewResponseController(w), control.LastEvent()
		_ = answer.SetReadDeadline(time.Time{}) // the server's is for requests
		if err := answer.Flush(); err != nil {
			return err
		}
		for e := range control.FollowEvents(r.Context(), since) {
			if json.NewEncoder(w).Encode(e) != nil || answer.Flush() != nil {
				return nil // the client is gone
			}
			if e.Number > before && (e.Kind == events.ConfigLoaded || e.Kind == events.Stopping) {
				return nil
			}
		}
		return nil
	}
}

// CapturedError is the last faulty message of a frontend's clients, or of a backend's servers.
type CapturedError struct {
	At time.Time `json:"at"`
	// Number counts the faulty messages of the process, from 0.
	Number   uint64 `json:"number"`
	Frontend string `json:"frontend"`
	// Backend and Server are omitted if the message is a client's.
	Backend string `json:"backend,omitempty"`
	Server  string `json:"server,omitempty"`
	// Session is the number of the connection.
	Session uint64 `json:"session"`
	Client  string `json:"client"`
	// Reason names the fault, Position is the number of bytes without fault before it.
	Reason   string `json:"reason"`
	Position int    `json:"position"`
	// Bytes are the first bytes of the message, in base64; Size is the number of all that had come.
	Bytes []byte `json:"bytes"`
	Size  int    `json:"size"`
}

// Errors are the last faulty messages.
type Errors struct {
	Errors []CapturedError `json:"errors"`
	// Total is the number of all faulty messages.
	Total uint64 `json:"total"`
}

func newErrors() Errors {
	list, total := control.Errors()
	out := Errors{make([]CapturedError, 0, len(list)), total}
	for _, e := range list {
		out.Errors = append(out.Errors, CapturedError{
			e.At, e.Event, e.Frontend, e.Backend, e.Server, e.ID, e.Client.String(), e.Reason, e.Position, e.Bytes, e.Size,
		})
	}
	return out
}

func clearErrors(*request) (any, error) {
	control.ClearErrors()
	return newErrors(), nil
}
