// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
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

	verb  Verb // what is done with the client; never UseBackend
	alert byte // what Reject says where the client spoke TLS; 0: nothing
	told  bool // the client's connection is closed: there is nothing to be said or done

	unserved bool // no server was to be had: what on says of no_server is to be done
}

// failed returns the ending of a connection of which nobody knows what is to become.
func failed(err error) *ending {
	return &ending{end: tcplog.InspectionFailed, by: relay.Proxy, err: err, alert: alertInternalError}
}

// cutBy returns the ending of a connection that the pool has cut; nil: it has not.
func cutBy(why pool.Cut) *ending {
	switch why {
	case pool.NotCut:
		return nil
	case pool.MarkedDown:
		return &ending{end: tcplog.ServerDown, by: relay.Proxy}
	case pool.BackupSpare:
		return &ending{end: tcplog.BackupSpare, by: relay.Proxy}
	case pool.ServerRemoved:
		return &ending{end: tcplog.ServerRemoved, by: relay.Proxy}
	}
	return nil
}

// relayed returns the ending of a session, and notes in its record what was passed on.
func relayed(r relay.Result, record *tcplog.Record) ending {
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
	r.ActConn = int64(present.left())
	r.Duration = time.Since(began)
	log.Write(r)
}

// errExit is why connections are cut at the end of the process.
var errExit = errors.New("the process ends")

// end ends a connection that has not become a session.
func (c *connection) end(e *ending) {
	c.over = true
	defer present.leave(c)
	defer c.f.conns.Add(-1)
	server := c.claim.drop()
	c.tell(e)
	c.forget()
	c.leaveBackend()
	c.record.FEConn = c.f.conns.Load()
	if c.wasKilled() && e.end != tcplog.Failed {
		e = &ending{end: c.stage, by: relay.Proxy, err: errExit, told: true}
	}
	if !e.told && e.verb != Reset && e.verb != Drop && c.whyGone() == nil {
		c.closeInOrder()
	}
	e.conclude(&c.record, server, c.accepted, c.f.log)
}

// recovered ends a connection that has panicked.
func (c *connection) recovered() {
	p := recover()
	if p == nil {
		return
	}
	c.f.logPanic(p, debug.Stack())
	if c.over {
		c.forget()
	} else {
		c.end(&ending{end: tcplog.Failed, by: relay.Proxy, err: fmt.Errorf("panic: %v", p)})
	}
}

func (f *Frontend) logPanic(value any, stack []byte) {
	f.Logger.Error("panic", zap.Any("value", value), zap.ByteString("stack", stack))
}

// tell does with the client what is to be done at the end.
func (c *connection) tell(e *ending) {
	switch {
	case e.told:
	case e.verb == Reset: // once it is closed
		relay.Abort(c.Conn)
	case e.verb == Drop:
		relay.Silence(c.Conn)
	case e.verb == Reject && e.alert != 0:
		c.alert(e.alert)
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
var alerts = [reasons]byte{
	NoMatch:   alertUnrecognizedName,
	NoServer:  alertInternalError,
	Malformed: alertDecodeError,
	TooLarge:  alertDecodeError,
}

// farewell bounds how long, and how much, a client is listened to after an
// alert: what it is still sending would otherwise be answered with a reset,
// which can overtake the alert.
const (
	farewell      = 250 * time.Millisecond
	farewellBytes = 256 << 10
)

// alertOf returns a fatal TLS alert. The version is the one that crypto/tls uses before one
// is agreed on.
func alertOf(description byte) []byte { return []byte{21, 3, 1, 0, 2, 2, description} }

// alert sends a fatal TLS alert, if the client spoke TLS, and sees that it gets
// there.
func (c *connection) alert(description byte) {
	if c.hello == nil || !c.hello.SpokeTLS() {
		return
	}
	_ = c.SetDeadline(time.Now().Add(farewell))
	if _, err := c.Write(alertOf(description)); err != nil {
		return
	}
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok && w.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, farewellBytes)
	}
}

// discarded are buffers for bytes that nothing looks at.
var discarded = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// closeInOrder shuts down the sending side and discards what the client has sent until now: a socket that is closed
// with unread bytes resets the connection. It does not wait, as HAProxy does not.
func (c *connection) closeInOrder() {
	w, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || w.CloseWrite() != nil {
		return
	}
	p := discarded.Get().(*[16 << 10]byte)
	defer discarded.Put(p)
	for total := 0; total < farewellBytes; {
		n, err := readNow(c.Conn, p[:])
		if err != nil {
			return
		}
		total += n
	}
}
