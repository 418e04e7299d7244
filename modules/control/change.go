// SPDX-License-Identifier: Apache-2.0

package control

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/events"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Origin says where a change at run time comes from.
type Origin string

// The origins.
const (
	ByAdmin Origin = "admin endpoint"
	// BySocket is the origin in HAProxy's words: "IP changed from … by 'stats socket command'".
	BySocket Origin = "stats socket command"
	ByPage   Origin = "status page"
)

// RuntimeChange is a value that was changed at run time: of a server, a backend, a frontend, or of
// the process, if all names are empty; or the entries of a file of patterns or a map, or of a stick
// table.
type RuntimeChange struct {
	By                              Origin
	Backend, Server, Frontend, File string
	Table                           string
	pool.Changed
}

// report logs and remembers a change.
func report(c RuntimeChange) {
	events.Process.Add(events.Event{Kind: events.Changed, Text: c.text(), By: string(c.By), Frontend: c.Frontend, Backend: c.Backend, Server: c.Server})
	fields := []zap.Field{zap.String("by", string(c.By))}
	for _, name := range [...]struct{ key, value string }{{"frontend", c.Frontend}, {"backend", c.Backend}, {"server", c.Server}, {"file", c.File}, {"table", c.Table}} {
		if name.value != "" {
			fields = append(fields, zap.String(name.key, name.value))
		}
	}
	fields = append(fields, zap.String("value", c.Key), zap.String("from", c.From), zap.String("to", c.To))
	caddy.Log().Named("passthrough").Info("changed at run time", fields...)
}

// text describes the change for people.
func (c RuntimeChange) text() string {
	what := "the process"
	switch {
	case c.File != "":
		return fmt.Sprintf("%s %s: %s", c.Key, c.File, c.To)
	case c.Table != "":
		return fmt.Sprintf("stick table %s: %s %s", c.Table, c.Key, c.To)
	case c.Frontend != "":
		what = "frontend " + c.Frontend
	case c.Server != "":
		what = "server " + c.Backend + "/" + c.Server
	case c.Backend != "":
		what = "backend " + c.Backend
	}
	switch c.Key {
	case "added":
		return fmt.Sprintf("%s was added, at %s", what, c.To)
	case "removed":
		return what + " was removed"
	case "counters":
		return "counters were reset: " + c.From
	}
	return fmt.Sprintf("%s: %s changed from %q to %q", what, c.Key, c.From, c.To)
}
