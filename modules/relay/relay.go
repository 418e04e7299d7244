// SPDX-License-Identifier: Apache-2.0

// Package relay moves bytes between a client and a server, both ways, until
// that ends, and says how it ended. Each direction closes on its own: what one
// side still has to say after the other has finished is delivered. A session
// can be watched while it runs and ended from outside.
//
// On Linux an engine runs the sessions of sockets: one goroutine for each of
// GOMAXPROCS holds them in an epoll set, so that an idle session is two
// descriptors and one small record, without a goroutine, a buffer or a timer of
// its own. What is little is read and written through one buffer for all; what
// is much is spliced through pipes that are taken while bytes are in flight.
// A session may begin with its client alone (Arrive): a shard then reads what the
// client sends and connects to a server, as a Handler decides.
// Connections of other kinds (TLS, another handler's), and those of other
// systems, are copied through buffers, by two goroutines, with the same
// behaviour. The package knows no Caddy, no TLS and no load balancing.
package relay

import (
	"errors"
	"net"
	"slices"
	"syscall"
	"time"
)

// Side names who did something.
type Side uint8

// The sides.
const (
	Client Side = iota
	Server
	Proxy // the proxy itself, or whoever called End
)

// both are the sides that have a connection.
var both = [...]Side{Client, Server}

func (s Side) String() string {
	return [...]string{"client", "server", "proxy"}[s]
}

// Cause is why a session ended.
type Cause uint8

// The causes.
const (
	Closed  Cause = iota // both directions were closed in order; By closed first
	Reset                // the connection to By broke: RST or another error
	Timeout              // By neither sent nor took anything for its timeout
	Ended                // End was called
	Failed               // an error of the proxy's own
)

func (c Cause) String() string {
	return [...]string{"closed", "reset", "timeout", "ended", "failed"}[c]
}

// Result is how a session ended.
type Result struct {
	By     Side
	Cause  Cause
	Reason string // what End was given
	Err    error  // the error behind Reset and Failed
	In     int64  // bytes from the client that the server's socket took
	Out    int64  // bytes from the server that the client's socket took

	// Answered says that the server has sent something, also where that never reached the
	// client.
	Answered bool

	// What a reset of the session's own has thrown away before it was delivered is
	// not counted.
}

// Counters are what a session has moved so far.
type Counters struct {
	In, Out int64         // bytes, as in Result
	Idle    time.Duration // since one of the two last sent or took something
}

// Owner is told what becomes of a session. Its methods must not wait for the
// session.
type Owner interface {
	// Answered is called once, when the server has sent something. Other sessions
	// wait for it: it must be quick.
	Answered()
	// Ended is called once, when both connections are closed. Sessions of the engine
	// are ended one after the other by few goroutines, in order; while one of the calls
	// takes long, those that come meanwhile are made beside it.
	Ended(Result)
}

// Options of a session. The zero value means no timeouts. Sessions share them:
// they must not change.
type Options struct {
	// ClientTimeout is how long the client may neither send nor take anything.
	// Then its direction is closed as if it had finished; the server's goes on
	// until that ends too. It is HAProxy's timeout client.
	ClientTimeout time.Duration
	// ServerTimeout is the same for the server: HAProxy's timeout server.
	ServerTimeout time.Duration
	// Tunnel, if it is not zero, takes the place of both; below zero there is
	// none. It is HAProxy's timeout tunnel.
	Tunnel time.Duration
	// ClientFin, if it is not zero, takes the place of the client's timeout once
	// one of the two sides has finished, and counts from then; below zero there
	// is none. It is HAProxy's timeout client-fin.
	ClientFin time.Duration
	// ServerFin is the same for the server: HAProxy's timeout server-fin.
	ServerFin time.Duration
}

// keepAliveFrom is from what timeout on somebody who is silent should be asked by the
// kernel whether he is still there; before that is worth it, his time is over.
const keepAliveFrom = 5 * time.Minute

// NeedsKeepAlive reports whether a server may be silent for so long that KeepAlive is of
// use, as it is where tunnels through firewalls stay idle.
func (o *Options) NeedsKeepAlive() bool {
	for _, finished := range []bool{false, true} {
		if limit := o.limit(Server, finished); limit == 0 || limit > keepAliveFrom {
			return true
		}
	}
	return false
}

// DialOptions say how to connect.
type DialOptions struct {
	Timeout   time.Duration   // 0: none but the system's
	KeepAlive bool            // have the kernel look whether a silent server is still there
	Client    net.Conn        // whose connection that will be, or nil
	Cancel    <-chan struct{} // closed: there is no need any more; Dial fails with net.ErrClosed
	// Slow, if not nil, is called once where the connection is not made within a
	// moment. It is not called on systems other than Linux.
	Slow func()
}

// IsShortage reports whether an error of a connect speaks of what this system lacks
// (descriptors, ports, memory), and so says nothing of the server.
func IsShortage(err error) bool {
	return slices.ContainsFunc(shortages, func(s error) bool { return errors.Is(err, s) })
}

var shortages = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL}

// limit is how long a side may be silent, at the beginning or once one of the two
// has finished; 0: for ever.
func (o *Options) limit(side Side, finished bool) time.Duration {
	limit, fin := o.ClientTimeout, o.ClientFin
	if side == Server {
		limit, fin = o.ServerTimeout, o.ServerFin
	}
	if o.Tunnel != 0 {
		limit = o.Tunnel
	}
	if finished && fin != 0 {
		limit = fin
	}
	return max(0, limit)
}

const (
	// readAfterBreak is how long a side that takes no more may still be read from, as long
	// as the other one takes what is read: what it sent before it broke is delivered.
	readAfterBreak = time.Second
	// lingerTimeout is how long a side without a timeout may take nothing of the last
	// bytes that there are for it.
	lingerTimeout = time.Minute
	// slowConnect is how long a connect may take before it is slow.
	slowConnect = 100 * time.Millisecond
	// sameMoment is how close two times are that are over at the same time.
	sameMoment = 20 * time.Millisecond
)
