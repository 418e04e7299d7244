// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// Stage is the progress of a connection.
type Stage uint8

// The stages of connections that are shown.
const (
	AtHeader  Stage = iota // waits for a PROXY header
	AtHello                // waits for the client's first bytes, or rules do
	AtQueue                // waits for a server
	AtConnect              // to its server
	AtSession              // bytes pass both ways
	AtClose                // waits for its last bytes to be delivered
)

var stages = [...]string{AtHeader: "header", AtHello: "hello", AtQueue: "queue", AtConnect: "connect", AtSession: "session", AtClose: "close"}

// String returns the name of the stage.
func (s Stage) String() string { return stages[s] }

// MarshalText returns the name of the stage.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Live is a connection of the process at some moment.
type Live struct {
	// ID is unique in the process. Connections are numbered as they come.
	ID       uint64
	Stage    Stage
	Frontend string
	Listener string // empty if the connection came by a route of layer4
	Backend  string // empty before one is chosen
	Server   string // empty before the first attempt to connect
	Address  string // the server's

	// Client and Local are the ends of the client's connection: those in a PROXY header, if one names
	// them.
	Client, Local tcplog.Addr

	Name string // that the client asks for; empty before its hello is complete

	Started time.Time
	// Idle is the time since bytes have last passed.
	Idle time.Duration
	// In and Out are the bytes from the client and to the client so far. Those that are not in relay's
	// sessions have none.
	In, Out int64

	packed string // the record of a session, until unpack
}

// ErrEnded is the reason logged for connections that EndLive has ended.
var ErrEnded = errors.New("ended by the operator")

// shown is a copy of what others may see of a connection that a goroutine serves. Its own fields
// belong to that goroutine.
type shown struct {
	mu sync.Mutex
	Live
}

// reach notes how the connection ends if it is killed from now on, which says how far it is.
func (c *connection) reach(ifKilled tcplog.End) {
	c.endIfKilled = ifKilled
	c.publish()
}

// publish shows others the present state of a connection that a goroutine serves.
func (c *connection) publish() {
	if c.gone == nil { // a shard serves it: see shardConn.look
		return
	}
	c.shown.mu.Lock()
	c.describe(&c.shown.Live)
	c.shown.mu.Unlock()
}

// describe sets the fields that the connection knows. Its owner must not run meanwhile.
func (c *connection) describe(l *Live) {
	r := &c.record
	l.ID, l.Stage, l.Started = c.id, c.stage(), c.accepted
	l.Frontend, l.Backend, l.Server, l.Address = r.Frontend, r.Backend, r.Server, r.Address
	l.Client, l.Local, l.Name = r.Client, r.Local, r.ServerName
	if c.entry != nil {
		l.Listener = c.entry.Listener.name()
	}
}

// stage returns how far the connection is.
func (c *connection) stage() Stage {
	switch c.endIfKilled {
	case tcplog.Killed:
		return AtSession
	case tcplog.KilledConnect:
		return AtConnect
	case tcplog.KilledQueue:
		return AtQueue
	default:
		if c.header.awaits() {
			return AtHeader
		}
		return AtHello
	}
}

// name returns the name of the listener, or nothing if l is nil.
func (l *Listener) name() string {
	if l == nil {
		return ""
	}
	if info := l.info.Load(); info != nil {
		return info.Name
	}
	return ""
}
