// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/logformat"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// numbered counts the connections of frontends that number them.
var numbered atomic.Int64

// nextNumber returns the number of a connection that has just been accepted, or 0 if no format of
// the frontend has %rt.
func (f *Frontend) nextNumber() int64 {
	if f.Log != nil && f.Log.Uses(logformat.RequestCount) || f.UniqueID != nil && f.UniqueID.Uses(logformat.RequestCount) {
		return numbered.Add(1)
	}
	return 0
}

// noteListener records the listener of a connection that ends before anything is known of it.
func (c *connection) noteListener() {
	name, id := "", 0
	if c.f.Listener != nil {
		name, id = c.f.Listener(c.Conn.LocalAddr())
	}
	if name == "" {
		name = strconv.Itoa(max(1, id))
	}
	c.record.Listener = name
}

// noteFingerprints records the fingerprints of the hello, if they are to be logged.
func (c *connection) noteFingerprints() {
	if c.f.Log == nil {
		return
	}
	if c.f.Log.Fingerprints.JA3 {
		c.record.JA3 = c.hello.JA3()
	}
	if c.f.Log.Fingerprints.JA4 {
		c.record.JA4 = c.hello.JA4()
	}
}

// logAccepted writes the line of a connection that rules about addresses have let through, if there
// is one.
func (c *connection) logAccepted() {
	if c.f.Log == nil || !c.f.log.HasStep(tcplog.Accepted) {
		return
	}
	r := c.record
	c.noteValues(&r, true)
	r.ActConn, r.FEConn, r.Duration = int64(liveConns.count()), c.f.conns.Load(), time.Since(c.accepted)
	c.f.log.LogStep(&r, tcplog.Accepted)
}

// noteValues records the values that the log's formats have now; with late also those that change
// until the end. The hello is still there.
func (c *connection) noteValues(r *tcplog.Record, late bool) {
	o := c.f.Log
	if o == nil {
		return
	}
	if o.Uses(logformat.UniqueID) {
		c.setUniqueID()
		r.UniqueID = c.record.UniqueID
	}
	if o.HasValues(false) {
		r.Values = o.Values(&c.rulesView(true).Input, false)
	}
	if late && o.HasValues(true) {
		r.EndValues = o.Values(&c.rulesView(true).Input, true)
	}
}

// noteSeverity records the severity that rules have set.
func (c *connection) noteSeverity(r *tcplog.Record) {
	if level := c.viewState.LogLevel; level != "" {
		r.Severity, _ = tcplog.ParseSeverity(level)
	}
}

// noteEnd records what the log's formats need of a connection that ends without a session.
func (c *connection) noteEnd() {
	c.noteSeverity(&c.record)
	c.noteValues(&c.record, true)
	c.record.Silent = c.hello == nil || len(c.hello.Bytes()) == 0
}

// noteSession records what the log's formats need of a connection that becomes a session.
func (s *session) noteSession(c *connection, r *tcplog.Record) {
	o := s.log.Options()
	if o == nil {
		return
	}
	c.noteSeverity(r)
	c.noteValues(r, false)
	if o.NeedsSource() {
		if conn := c.claim.conn; conn != nil {
			r.Source = tcplog.AddrOf(conn.LocalAddr())
		} else {
			r.Source = tcplog.AddrOfIP(s.ServerLocal())
		}
	}
	if s.log.HasStep(tcplog.Connected) {
		s.logConnected(c, *r)
	}
}

// logConnected writes the line of a connection that has its server.
func (s *session) logConnected(c *connection, r tcplog.Record) {
	server := s.lease.Server
	r.Backend, r.Server, r.Address = s.backend, server.Name, server.Address
	r.ActConn, r.FEConn, r.BEConn, r.SrvConn = int64(liveConns.count()), s.feconn.Load(), s.beconn.Load(), server.Sessions()
	r.Duration = time.Since(c.accepted)
	if s.log.Options().HasValues(true) {
		r.EndValues = s.log.Options().Values(&c.rulesView(true).Input, true)
	}
	s.log.LogStep(&r, tcplog.Connected)
}

// endValues returns the values of the log's formats that change until the end.
func (s *session) endValues() string {
	o := s.log.Options()
	if o == nil || !o.HasValues(true) {
		return ""
	}
	return o.Values(&sample.Input{Final: true, State: sessionState{s}, Tables: sessionState{s}}, true)
}

// sessionState answers fetches about a session that ends, of which the configuration is no longer
// known: those about the process, and about the entries of stick tables that it tracks.
type sessionState struct{ *session }

// Answer implements sample.State.
func (s sessionState) Answer(q sample.Question) (sample.Value, bool) {
	if q.Proxy == "" {
		if q.Proxy = s.backend; q.About == sample.ObjectFrontend {
			q.Proxy = s.frontend
		}
	}
	return ProcessState.Answer(q)
}

// Table implements sample.Tables.
func (sessionState) Table(string) *tables.Table { return nil }

// Tracked implements sample.Tables.
func (s sessionState) Tracked(counter int) tables.Ref { return s.tracked.ref(counter) }

// Interface guards
var (
	_ sample.State  = sessionState{}
	_ sample.Tables = sessionState{}
)
