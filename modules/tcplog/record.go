// SPDX-License-Identifier: Apache-2.0

// Package tcplog turns the record of one connection into one structured log
// line, written when the connection has ended, however it ended. The line has
// the same fields for every connection, so that a query needs no cases; a time
// that was never reached is -1, as in HAProxy's tcplog.
package tcplog

import (
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// maxALPN bounds the protocols in a line: a hello can name 16,000 of them.
const maxALPN = 8

// NotReached stands for a time that the connection did not get to.
const NotReached time.Duration = -1

// Record is what is known of one connection. It belongs to the connection's
// goroutine, refers to nothing of the connection, and can be copied.
type Record struct {
	Frontend string
	Backend  string // empty: none was chosen
	Server   string // empty: none was chosen
	Address  string // the server's

	Client Addr
	Local  Addr // the address that the client connected to

	Accepted time.Time // when the client was accepted

	Outcome     clienthello.Outcome
	Uninspected bool // nothing was read to find an outcome: it is "none"

	ServerName string    // as compared: lower case, without a trailing dot
	ALPN       Protocols // the first of those that the client offers
	Version    uint16    // highest TLS version offered; 0: no hello

	HelloWait time.Duration // accept to verdict
	Queue     time.Duration // in queues for a server
	Connect   time.Duration // verdict to connected, all attempts and pauses in it, but not Queue
	Duration  time.Duration // accept to end

	// How many had been served from the queue up to this connection itself, when
	// it left the queue: of a server, of the backend. 0: it was not in one.
	ServerQueue, BackendQueue int

	In, Out      int64 // bytes from the client, bytes to the client
	Retries      int
	Redispatched bool // a retry went to another server

	// Connections that there were when this one ended: of the process and of the
	// frontend, both with this one; of the backend and of the server, both without
	// it, which has given its place back. HAProxy's %ac, %fc, %bc and %sc.
	ActConn, FEConn, BEConn, SrvConn int64

	// Began is what was packed when the session began. With it, of the fields that are
	// packed only Address counts, where Began has none. Write does not keep it.
	AtStart Packed

	End     End
	EndedBy relay.Side
	Error   string // what lies behind the end, where there is more to say
}

// New begins a record.
func New(frontend string, client, local net.Addr) Record {
	return Record{
		Frontend: frontend, Client: AddrOf(client), Local: AddrOf(local),
		HelloWait: NotReached, Queue: NotReached, Connect: NotReached,
		EndedBy: relay.Proxy,
	}
}

// SetHello takes what is logged of a hello. It copies: h may be reused.
func (r *Record) SetHello(h *clienthello.Hello) {
	var room [512]byte
	name := h.ServerName()
	b, n := append(room[:0], name...), 0
	for protocol := range h.ALPN() {
		if n++; n > maxALPN {
			break
		}
		b = append(append(b, byte(len(protocol))), protocol...)
	}
	copied := string(b)
	r.ServerName, r.ALPN, r.Version = copied[:len(name)], Protocols(copied[len(name):]), h.Version()
}
