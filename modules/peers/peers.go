// SPDX-License-Identifier: Apache-2.0

// Package peers exchanges the entries of stick tables with other processes by HAProxy's peers
// protocol, version 2.1 or 2.0. A Group is a peers section: the tables that it shares, and the
// peers that it connects to and that connect to it. Each change of an entry goes to all peers, and
// replaces what they have, so of two nodes that change one entry at the same time the later one
// wins. A process that starts asks a peer for all entries. A peer can neither take memory nor
// delay others: the sizes of messages and the numbers of connections, of tables and of servers'
// names are bounded, and for a peer that reads slowly a mark is kept for each entry that changed.
package peers

import (
	"context"
	"net"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// Config describes a section.
type Config struct {
	Local  string // the name of this process among the peers
	Peers  []Peer // the others
	Tables []Table
}

// Peer is another process.
type Peer struct {
	Name    string
	Address string // host and port, for messages and to notice changes
	// Dial connects to the peer.
	Dial func(context.Context) (net.Conn, error)
}

// Table is a table that is shared.
type Table struct {
	Name  string // as peers know it
	Table *tables.Table
	// ReceiveOnly makes the table learn conn_cur, too, which is otherwise each process's own. It is
	// HAProxy's recv-only.
	ReceiveOnly bool
}

// HAProxy's times.
const (
	heartbeatInterval = 3 * time.Second  // of messages, if there are no others
	silenceTimeout    = 10 * time.Second // after which a silent peer is gone
	handshakeTimeout  = 5 * time.Second
	writeTimeout      = 10 * time.Second
	resyncTimeout     = 5 * time.Second // without a peer that could teach
	reconnectDelay    = 5 * time.Second
)

// Bounds of what a peer can make this process keep.
const (
	maxMessage     = 16_384 // bytes, as in HAProxy
	maxLine        = 512    // bytes of a line of the handshake
	dictionarySize = 128    // names of servers in each direction, as in HAProxy
	maxUnacked     = 10_000 // updates of a table that the peer has not acknowledged
	maxAccepted    = 64     // connections that have not introduced themselves
)

// Classes of messages.
const (
	classControl = 0
	classError   = 1
	classTable   = 10
)

// Types of control messages.
const (
	resyncRequest  = 0
	resyncFinished = 1
	resyncPartial  = 2
	resyncConfirm  = 3
	heartbeat      = 4
)

// Types of error messages.
const (
	errorProtocol = 0
	errorSize     = 1
)

// Types of messages about tables. Those from hasLength on have a length.
const (
	hasLength            = 0x80
	updateWithID         = 0x80
	updateNext           = 0x81 // its ID is the one after the last
	definition           = 0x82
	switchTable          = 0x83
	acknowledgement      = 0x84
	timedUpdateWithID    = 0x85 // with the time until the entry expires
	timedUpdateNext      = 0x86
	statusOK             = 200
	statusTryAgain       = 300
	statusProtocol       = 501
	statusVersion        = 502
	statusLocalName      = 503 // the peer that is asked has another name
	statusRemoteName     = 504 // the peer that asks is not configured
	minorVersion         = 1
	downgradedVersion    = 0
	protocolName         = "HAProxyS"
	stringTerminatorSize = 1
)
