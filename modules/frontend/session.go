// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"encoding/binary"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/offheap"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// session is what is left of a connection while its bytes are passed both ways:
// as little as the log line needs.
type session struct {
	relay.Session

	*sessionConfig
	lease  pool.Lease
	packed offheap.Ref // see begin
}

// sessionConfig are what all sessions from one frontend to one backend share. They refer
// to nothing else of the configuration: sessions outlive it, and it can be large.
type sessionConfig struct {
	frontend, backend string
	feconn, beconn    *connCount
	log               *tcplog.Log
	options           relay.Options
	refused           bool // the server's response was: the terms are that session's alone
}

// sessionConfigFor returns what sessions to b share.
func (f *Frontend) sessionConfigFor(b *balancer.Backend) *sessionConfig {
	if known, ok := f.sessionConfigs.Load(b); ok {
		return known.(*sessionConfig)
	}
	known, _ := f.sessionConfigs.LoadOrStore(b, &sessionConfig{
		frontend: f.Name, backend: b.Name(), feconn: f.conns, beconn: backendConns.getOrCreate(b.Name()),
		log: f.log, options: f.relayOptions(b),
	})
	return known.(*sessionConfig)
}

// epoch is what the times of sessions count from, by the monotonic clock.
var epoch = time.Now()

// begin takes from a connection what the session needs, and has it until Ended is called.
func (s *session) begin(c *connection) {
	r := c.record
	if r.Address == s.lease.Server.Address {
		r.Address = "" // it is known from there
	}
	var room [264]byte
	s.sessionConfig, s.packed = c.shared, offheap.Put(r.AppendPacked(binary.NativeEndian.AppendUint64(room[:0], uint64(c.accepted.Sub(epoch)))))
}

// record is that of the connection before it became a session, and when that was
// accepted. They are not to be used after the session has ended.
func (s *session) record() (tcplog.Record, time.Time) {
	server, began := s.lease.Server, s.packed.Bytes()
	return tcplog.Record{Frontend: s.frontend, Backend: s.backend, Server: server.Name, Address: server.Address, Began: began[8:]},
		epoch.Add(time.Duration(binary.NativeEndian.Uint64(began)))
}

// LeaseEvicted ends the session. It has no reason: why a lease is cut is an end of its own.
func (s *session) LeaseEvicted(pool.EvictReason) { s.End("") }

// refuse ends the session because of the server's response. It is called by the session.
func (s *session) refuse(reason string) {
	t := *s.sessionConfig
	t.refused = true
	s.sessionConfig = &t
	s.End(reason)
}

// Answered notes that the server has sent something, also where that never reaches
// the client.
func (s *session) Answered() { s.lease.Answered() }

// Ended is the one place where a session ends, however it does.
func (s *session) Ended(result relay.Result) {
	defer func() {
		if p := recover(); p != nil { // it must not reach the process
			s.log.Logger().Error("panic", zap.Any("value", p), zap.ByteString("stack", debug.Stack()))
		}
		s.packed.Free()
		s.feconn.Add(-1)
		liveConns.removeSession(s)
	}()
	s.beconn.Add(-1)
	outcome := pool.Served
	record, accepted := s.record()
	end := sessionEnding(result, &record)
	switch {
	case s.refused:
		end.end = tcplog.ResponseRefused
	case result.Cause == relay.Ended:
		if cut := evictionEnding(s.lease.Evicted()); cut != nil {
			end.end, end.by = cut.end, cut.by
		}
	case result.Cause == relay.Reset && result.By == relay.Server && !result.Answered:
		outcome = pool.BrokenEarly
	}
	record.FEConn, record.BEConn = s.feconn.Load(), s.beconn.Load()
	s.lease.Release(outcome)
	end.conclude(&record, s.lease.Server, accepted, s.log)
}

// relay makes a connection a session, which has all that is the connection's, and passes
// the hello on, then everything else. Where the session can do without this goroutine,
// that is not waited for.
func (c *connection) relay(k *claim) *ending {
	s := k.session
	if !liveConns.toSession(c) {
		<-c.gone // or soon will be
		return &ending{end: tcplog.Killed, by: relay.Proxy, err: errShutdown}
	}
	s.begin(c)
	c.ended = true
	k.handOverLease().OnEvict(s)
	run := s.Start(c.Conn, c.filterResponse(k), c.hello.Bytes(), &s.options, s)
	liveConns.started(s, run != nil)
	c.forget()
	if run != nil {
		run()
	}
	return nil
}
