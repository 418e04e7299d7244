// SPDX-License-Identifier: Apache-2.0

// Package tcplog turns the record of a connection into one structured log line, written when the
// connection has ended, however it ended. The line has the same fields for every connection, so
// that queries need no special cases; a time that was never reached is -1, as in HAProxy's tcplog.
package tcplog

import (
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// maxALPN bounds the protocols in a line: a hello can name 16,000 of them.
const maxALPN = 8

// NotReached is the value of a time that the connection did not get to.
const NotReached time.Duration = -1

// Record holds the facts of one connection for its log line. It belongs to the connection's
// goroutine, refers to nothing of the connection, and may be copied.
type Record struct {
	Frontend string
	Backend  string // empty if none was chosen
	Server   string // empty if none was chosen
	Address  string // the server's

	// Client and Local are the ends of the client's connection: those in a PROXY header, if one names
	// them. Peer is then the address that the header came from; else it is zero.
	Client, Local, Peer Addr

	// Source is the proxy's end of the connection to the server. It is set only if a format has it.
	Source Addr

	// Authority and UniqueID are the TLVs of the PROXY header, or empty.
	Authority, UniqueID string

	Accepted time.Time // when the client was accepted

	Outcome     clienthello.Outcome
	Uninspected bool // nothing was read; the outcome is logged as "none"

	ServerName string    // as compared: lower case, without a trailing dot
	ALPN       Protocols // the first of those that the client offers
	Version    uint16    // highest TLS version offered; 0 without a hello

	HelloWait time.Duration // accept to verdict
	Queue     time.Duration // in queues for a server
	Connect   time.Duration // verdict to connected, including attempts and pauses, without Queue
	Duration  time.Duration // accept to end
	Moved     time.Duration // verdict to the choice of the last server, without Queue, if Redispatched

	// The numbers of connections served from the queue up to and including this one, when it left the
	// queue of a server or of the backend. 0: it was not queued.
	ServerQueue, BackendQueue int

	// HelloSize is the length of the hello in bytes, without headers; 0 without one.
	HelloSize int

	// JA3 and JA4 are the hello's fingerprints, if they are to be logged.
	JA3, JA4 string

	// ServerVersion and ServerAlert are from the first bytes of the server; see ServerTLS.
	ServerVersion, ServerAlert uint8

	In, Out      int64 // bytes from the client, bytes to the client
	Retries      int
	Redispatched bool // a retry went to another server

	// The numbers of connections when this one ended: of the process and of the frontend, both
	// including it; of the backend and of the server, both without it, since it has released its
	// slot. HAProxy's %ac, %fc, %bc and %sc.
	ActConn, FEConn, BEConn, SrvConn int64

	// AtStart is the record as packed when the session began. If it is set, its fields replace those
	// of the Record, except an Address that it leaves empty. Write does not keep it.
	AtStart Packed

	// Number counts the connections of the process whose format has %rt, from 1. 0: it is not counted.
	Number int64

	// Values has the values of the formats' expressions once the server is connected, and EndValues of
	// those that change until the end; see Options.Values.
	Values, EndValues string

	// Listener is the name or the number of the listener of a connection that has failed before
	// anything was known of it, and empty for any other.
	Listener string

	// Severity replaces that of the line, if rules have set it: see SetSeverity.
	Severity Severity

	// Silent says that the client has sent nothing. Of a session, Write knows it.
	Silent bool

	End     End
	EndedBy relay.Side
	Error   string // the cause of the end, if there is more to log
}

// New returns the record of a connection that has been accepted.
func New(frontend string, client, local net.Addr) Record {
	return Record{
		Frontend: frontend, Client: AddrOf(client), Local: AddrOf(local),
		HelloWait: NotReached, Queue: NotReached, Connect: NotReached,
		EndedBy: relay.Proxy,
	}
}

// SetHello sets the fields that are logged of a hello. It copies: h may be reused.
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
