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
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// ending is how a connection ends. A station returns one where the connection goes no
// further; nil: it goes on. What else is logged of the connection, such as the backend
// and the server, stations note in the record as they learn of it.
type ending struct {
	end tcplog.End
	by  relay.Side
	err error // what lies behind it; nil: there is no more to say

	verb         Verb // what is done with the client; never UseBackend
	alert        byte // what Reject says where the client spoke TLS; 0: nothing
	clientClosed bool // the client's connection is closed: there is nothing to be said or done

	unserved bool // no server was to be had: what on says of no_server is to be done
}

// internalFailure returns the ending of a connection of which nobody knows what is to become.
func internalFailure(err error) *ending {
	return &ending{end: tcplog.InspectionFailed, by: relay.Proxy, err: err, alert: alertInternalError}
}

// evictionEnding returns the ending of a connection that the pool has evicted; nil if it has not.
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

// sessionEnding returns the ending of a session, and notes in its record what was passed on.
func sessionEnding(r relay.Result, record *tcplog.Record) ending {
	record.In, record.Out = r.In, r.Out
	e := ending{end: tcplog.EndOf(r), by: r.By, err: r.Err}
	if r.Reason != "" {
		e.err = errors.New(r.Reason)
	}
	return e
}

// conclude is the one place that says in a record how a connection has ended, and that
// all connections pass, each once, when they are over and have given back what they had.
// What counts or writes connections belongs here.
func (e *ending) conclude(r *tcplog.Record, server *pool.Server, began time.Time, log *tcplog.Log) {
	r.End, r.EndedBy, r.Error = e.end, e.by, ""
	if e.err != nil {
		r.Error = e.err.Error()
	}
	if server != nil {
		r.SrvConn = server.Sessions()
	}
	r.ActConn = int64(liveConns.count())
	r.Duration = time.Since(began)
	log.Write(r)
}

// errShutdown is why connections are cut at the end of the process.
var errShutdown = errors.New("the process ends")

// end ends a connection that has not become a session.
func (c *connection) end(e *ending) {
	c.ended = true
	defer liveConns.remove(c)
	defer c.f.conns.Add(-1)
	server := c.claim.close()
	last := c.finalAlert(e)
	c.forget()
	c.leaveBackend()
	c.record.FEConn = c.f.conns.Load()
	if c.wasKilled() && e.end != tcplog.Failed {
		e = &ending{end: c.endIfKilled, by: relay.Proxy, err: errShutdown, clientClosed: true}
	}
	c.closeClient(e, last)
	e.conclude(&c.record, server, c.accepted, c.f.log)
}

// recovered ends a connection that has panicked.
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

// finalAlert returns what is said to the client before its connection is closed: a fatal TLS
// alert, where Reject has one and the client spoke TLS.
func (c *connection) finalAlert(e *ending) []byte {
	if e.verb != Reject || e.alert == 0 || c.hello == nil || !c.hello.SpokeTLS() {
		return nil
	}
	return []byte{21, 3, 1, 0, 2, 2, e.alert} // the version is that of crypto/tls before one is agreed on
}

// closeClient does with the client what is to be done at the end.
func (c *connection) closeClient(e *ending, last []byte) {
	switch {
	case e.clientClosed:
	case e.verb == Reset: // once it is closed
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

// alerts are what reject says to a client that spoke TLS; to others, and where
// the hello did not come in time, it says nothing.
var alerts = [reasonCount]byte{
	NoMatch:   alertUnrecognizedName,
	NoServer:  alertInternalError,
	Malformed: alertDecodeError,
	TooLarge:  alertDecodeError,
}
