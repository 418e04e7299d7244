// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// ending says how a connection ends. A stage returns nil if the connection goes on, else the
// ending. Other facts for the log, such as the backend and the server, are recorded by the
// stages as they learn them.
type ending struct {
	end tcplog.End
	by  relay.Side
	err error // the cause, if there is more to log

	verb         Verb // how to end the client's connection, or Next; never UseBackend
	alert        byte // sent by Reject to a client that spoke TLS; 0: none
	clientClosed bool // the client's connection is closed already

	unserved bool // no server was available: the action of on no_server applies

	id      uint64                            // of the connection
	at      time.Time                         // when it has ended
	refusal Refusal                           // if something of the frontend has refused it
	traffic *tally.Split[pool.BackendTraffic] // of its backend; nil: it had none
}

// internalFailure returns the ending of a connection that failed before its backend was known.
func internalFailure(err error) *ending {
	return &ending{end: tcplog.InspectionFailed, by: relay.Proxy, err: err, alert: alertInternalError}
}

// evictionEnding returns the ending of a connection that the pool has evicted, or nil if it has
// not.
func evictionEnding(why pool.EvictReason) *ending {
	switch why {
	case pool.NotEvicted:
		return nil
	case pool.EvictMarkedDown:
		return &ending{end: tcplog.ServerDown, by: relay.Proxy}
	case pool.EvictBackupSpare:
		return &ending{end: tcplog.BackupSpare, by: relay.Proxy}
	case pool.EvictServerRemoved:
		return &ending{end: tcplog.ServerRemoved, by: relay.Proxy}
	}
	return nil
}

// sessionEnding returns the ending of a session and records its byte counts.
func sessionEnding(r relay.Result, record *tcplog.Record) ending {
	record.In, record.Out = r.In, r.Out
	e := ending{end: tcplog.EndOf(r), by: r.By, err: r.Err}
	if r.Reason != "" {
		e.err = errors.New(r.Reason)
	}
	return e
}

// conclude writes the ending into the record, counts it and logs it. Every connection passes here
// exactly once, after it has released everything that it held. Code that counts or logs all
// connections belongs here.
func (e *ending) conclude(r *tcplog.Record, server *pool.Server, began time.Time, log *tcplog.Log, ends *endCounts) {
	r.End, r.EndedBy, r.Error = e.end, e.by, ""
	if e.err != nil {
		r.Error = e.err.Error()
	}
	if server != nil {
		r.SrvConn = server.Sessions()
	}
	r.ActConn = int64(liveConns.count())
	e.at = time.Now()
	r.Duration = e.at.Sub(began)
	e.count(r, server, ends)
	switch e.end {
	case tcplog.PassedOn: // it goes on elsewhere
	case tcplog.OverLimit: // many share a line
	default:
		log.Write(r)
	}
}

// errShutdown is the reason logged for connections that the end of the process cuts.
var errShutdown = errors.New("the process ends")

// end ends a connection that has not become a session.
func (c *connection) end(e *ending) {
	c.ended = true
	defer liveConns.remove(c)
	defer c.leaveFrontend()
	server := c.claim.close()
	if c.f.Log != nil {
		c.noteEnd()
	}
	c.capture(e)
	read := c.bytesRead()
	next := c.nextConn(e)
	last := c.finalAlert(e)
	c.forget()
	traffic := c.leaveBackend()
	c.tracked.release(max(c.record.In, read), c.record.Out)
	c.tracked = nil
	c.record.FEConn = c.f.conns.Load()
	switch {
	case c.wasKilled() && e.end != tcplog.Failed:
		e = &ending{end: c.endIfKilled, by: relay.Proxy, err: c.goneErr(), clientClosed: true}
	case next != nil:
		e = c.passOn(next)
	}
	c.closeClient(e, last)
	e.id, e.traffic = c.id, traffic
	e.conclude(&c.record, server, c.accepted, c.f.log, c.f.ends)
}

// recovered ends a connection whose goroutine has panicked. It must be deferred.
func (c *connection) recovered() {
	p := recover()
	if p == nil {
		return
	}
	c.f.logPanic(p, debug.Stack())
	if c.ended {
		c.forget()
	} else {
		c.end(&ending{end: tcplog.Failed, by: relay.Proxy, err: fmt.Errorf("panic: %v", p)})
	}
}

func (f *Frontend) logPanic(value any, stack []byte) {
	f.Logger.Error("panic", zap.Any("value", value), zap.ByteString("stack", stack))
}

// finalAlert returns the fatal TLS alert to send before the client's connection is closed, if
// Reject has one and the client spoke TLS.
func (c *connection) finalAlert(e *ending) []byte {
	if e.verb != Reject || e.alert == 0 || c.hello == nil || !c.hello.SpokeTLS() {
		return nil
	}
	return []byte{21, 3, 1, 0, 2, 2, e.alert} // the version that crypto/tls sends first
}

// closeClient ends the client's connection as the ending demands.
func (c *connection) closeClient(e *ending, last []byte) {
	switch {
	case e.clientClosed:
	case e.verb == Reset: // takes effect with the close
		relay.Abort(c.Conn)
	case e.verb == Drop:
		relay.Silence(c.Conn)
	case c.goneErr() == nil:
		relay.CloseWriteAndDrain(c.Conn, last)
	}
}

// TLS alert descriptions (RFC 8446 6.2, RFC 6066 3).
const (
	alertAccessDenied     = 49
	alertDecodeError      = 50
	alertInternalError    = 80
	alertUnrecognizedName = 112
)

// alerts holds the alerts that Reject sends to clients that spoke TLS. Others get none, and
// neither do clients whose hello did not come in time.
var alerts = [reasonCount]byte{
	NoMatch:   alertUnrecognizedName,
	NoServer:  alertInternalError,
	Malformed: alertDecodeError,
	TooLarge:  alertDecodeError,
}
