// SPDX-License-Identifier: Apache-2.0

// Package relay moves bytes between a client and a server, in both directions, until the session
// ends, and reports how it ended. Each direction closes on its own: bytes that one side still sends
// after the other has finished are delivered. A session can be watched while it runs and ended from
// outside.
//
// On Linux an engine runs the sessions of sockets: one goroutine for each of GOMAXPROCS, a shard,
// keeps them in an epoll set. An idle session costs two descriptors and one small record, without a
// goroutine, a buffer or a timer of its own. Reads under 16 KiB go through one buffer that all
// sessions of a shard share; larger transfers are spliced through pipes, which a session holds only
// while bytes are in flight. A session may begin with its client alone (Arrive): a shard then reads
// what the client sends and connects to a server, as a Handler decides.
//
// Other connections (TLS, another handler's), and all connections on other systems, are copied
// through buffers by two goroutines, with the same behaviour.
//
// The package knows nothing of Caddy, TLS or load balancing.
package relay

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Side names the cause of an end: one of the two peers, or the proxy.
type Side uint8

// The sides.
const (
	Client Side = iota
	Server
	Proxy // the proxy itself, or the caller of End
)

// both lists the sides that have a connection.
var both = [...]Side{Client, Server}

func (s Side) String() string {
	return [...]string{"client", "server", "proxy"}[s]
}

// Cause is the reason of a session's end.
type Cause uint8

// The causes.
const (
	Closed  Cause = iota // both directions were closed in order; By closed first
	Reset                // the connection to By broke: RST or another error
	Timeout              // By neither sent nor accepted anything for its timeout
	Ended                // End was called
	Failed               // an error of the proxy itself
)

func (c Cause) String() string {
	return [...]string{"closed", "reset", "timeout", "ended", "failed"}[c]
}

// Result reports how a session ended. Its counts leave out bytes that were lost before delivery
// because the session itself reset a connection.
type Result struct {
	By     Side
	Cause  Cause
	Reason string // the argument of End
	Err    error  // the error behind Reset and Failed
	In     int64  // bytes from the client that the server's socket accepted
	Out    int64  // bytes from the server that the client's socket accepted

	// Answered reports whether the server has sent anything, even if it never reached the client.
	Answered bool
}

// Counters are the bytes that a session has moved so far, and its idle time.
type Counters struct {
	In, Out int64         // bytes, as in Result
	Idle    time.Duration // since either side last sent or accepted something
}

// Owner is notified of what becomes of a session. Its methods must not wait for the session.
type Owner interface {
	// Answered is called once, when the server has sent something. It must return quickly: other
	// sessions wait for it.
	Answered()
	// Ended is called once, when both connections are closed. A few goroutines make these calls for
	// all sessions of the engine, one after the other, in order. While one call takes long, those that
	// follow are made in goroutines of their own.
	Ended(Result)
}

// AnswerReader is an Owner that looks at the first bytes of the server.
type AnswerReader interface {
	// AnsweredWith is called in place of Answered, with the bytes that the first read has returned. It
	// must not keep or change them.
	AnsweredWith(first []byte)
}

// answered tells an owner that the server has sent its first bytes.
func answered(o Owner, first []byte) {
	if r, ok := o.(AnswerReader); ok {
		r.AnsweredWith(first)
		return
	}
	o.Answered()
}

// Options are the timeouts of a session. The zero value has none. Sessions share Options: they must
// not change.
type Options struct {
	// ClientTimeout bounds the time that the client neither sends nor accepts anything. When it
	// passes, the client's direction is closed as if it had finished; the server's goes on until that
	// ends too. It is HAProxy's timeout client.
	ClientTimeout time.Duration
	// ServerTimeout is the same for the server: HAProxy's timeout server.
	ServerTimeout time.Duration
	// Tunnel, if not zero, replaces both; below zero, there is no timeout. It is HAProxy's timeout
	// tunnel.
	Tunnel time.Duration
	// ClientFin, if not zero, replaces the client's timeout once either side has finished, and counts
	// from then; below zero, there is no timeout. It is HAProxy's timeout client-fin.
	ClientFin time.Duration
	// ServerFin is the same for the server: HAProxy's timeout server-fin.
	ServerFin time.Duration
	// ClientNoLinger closes the client's connection at the end of the session at once and by RST,
	// unless it has been sent a FIN before: what the client has not received by then may be lost. It
	// is HAProxy's option nolinger in a frontend.
	ClientNoLinger bool
	// ServerNoLinger ends the session when the client finishes, and closes the server's connection by
	// RST then, unless the server has finished before. It is HAProxy's option nolinger in a backend.
	ServerNoLinger bool
}

// noLinger reports whether a side's connection is closed by RST. finished reports whether that side
// has finished.
func (o *Options) noLinger(side Side, finished bool) bool {
	return side == Client && o.ClientNoLinger || side == Server && o.ServerNoLinger && !finished
}

// keepAliveFrom is the shortest timeout for which the kernel should probe a silent server: with a
// shorter one the session ends before keepalive could tell anything.
const keepAliveFrom = 5 * time.Minute

// NeedsKeepAlive reports whether a server's timeout is long enough for DialOptions.KeepAlive to be
// worth it, as for tunnels through firewalls that stay idle.
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
	Timeout   time.Duration   // 0: only the system's
	KeepAlive bool            // the kernel probes a silent server
	Client    net.Conn        // the client that the connection is for, or nil
	Cancel    <-chan struct{} // closed to give up: Dial fails with net.ErrClosed
	// Slow, if not nil, is called once if connecting takes longer than a moment. Only Linux calls it.
	Slow func()
	// Socket, if not nil, has further options of the socket.
	Socket *SocketOptions
	// ClientAddr is the address of the client, for Socket.Transparent.
	ClientAddr netip.AddrPort
}

// IsShortage reports whether a connect failed because this system lacks something (descriptors,
// ports, memory, an address to connect from), which says nothing about the server.
func IsShortage(err error) bool {
	if _, own := errors.AsType[*SocketError](err); own {
		return true
	}
	return slices.ContainsFunc(shortages, func(s error) bool { return errors.Is(err, s) })
}

var shortages = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL}

// limit returns how long a side may be silent, at the beginning or once either side has finished;
// 0: without limit.
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
	// readAfterBreak is the time that a side is still read from after writing to it failed, as long as
	// the other side accepts the bytes: those that it sent before it broke are delivered.
	readAfterBreak = time.Second
	// lingerTimeout is the longest that a side without a timeout may accept none of its last bytes.
	lingerTimeout = time.Minute
	// slowConnect is the time after which a connect counts as slow.
	slowConnect = 100 * time.Millisecond
	// sameMoment is the largest difference of two deadlines that count as passing together.
	sameMoment = 20 * time.Millisecond
)
