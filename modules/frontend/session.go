// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/offheap"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// session is a connection while its bytes are relayed. It holds only what the log line and the
// counts need, since a process may have a million of them.
type session struct {
	relay.Session

	*sessionConfig
	lease   pool.Lease
	tracked *tracked    // nil: nothing is tracked
	packed  offheap.Ref // the log record at the start; see begin
	id      uint64      // the connection's
}

// sessionConfig holds what all sessions from one frontend to one backend share. It must not refer
// to anything else of the configuration: sessions outlive it, and it can be large.
type sessionConfig struct {
	frontend, backend string
	feconn, beconn    *connCount
	ends              *endCounts
	answers           *capture
	traffic           *tally.Split[pool.BackendTraffic]
	log               *tcplog.Log
	options           relay.Options
	headers           map[string]int // the version of the PROXY header of each server that gets one
	holds             *holds
	refused           *rules.Rule // the rule that did; then this copy is the session's own
}

// sessionConfigFor returns what sessions to b share that hold the same things.
func (f *Frontend) sessionConfigFor(b *balancer.Backend, h *holds) *sessionConfig {
	configs := &f.sessionConfigs
	if h != nil {
		held, ok := f.heldConfigs.Load(h)
		if !ok {
			held, _ = f.heldConfigs.LoadOrStore(h, new(sync.Map))
		}
		configs = held.(*sync.Map)
	}
	if known, ok := configs.Load(b); ok {
		return known.(*sessionConfig)
	}
	known, _ := configs.LoadOrStore(b, &sessionConfig{
		frontend: f.Name, backend: b.Name(), ends: f.ends, feconn: f.conns, beconn: backendConns.getOrCreate(b.Name()), answers: answerCaptures.getOrCreate(b.Name()), holds: h, traffic: b.Traffic(),
		log: f.log, options: f.relayOptions(b), headers: b.Headers(),
	})
	return known.(*sessionConfig)
}

// epoch is the origin of sessions' times on the monotonic clock.
var epoch = time.Now()

// begin packs the connection's record for the log line. The memory is off the heap; Ended frees
// it.
func (s *session) begin(c *connection) {
	r := c.record
	if r.Address == s.lease.Server.Address {
		r.Address = "" // it is stored there
	}
	s.sessionConfig = c.shared
	s.noteSession(c, &r)
	if s.tracked = c.tracked; s.tracked != nil && s.tracked.storesBytes {
		meter.add(s)
	}
	var room [264]byte
	s.packed = offheap.Put(r.AppendPacked(appendAccepted(room[:0], c.accepted)))
}

// packedHead is the number of bytes in front of a session's packed record: the microseconds from
// epoch to accept in six bytes, and what AnsweredWith writes.
const packedHead = 8

func appendAccepted(b []byte, accepted time.Time) []byte {
	return binary.LittleEndian.AppendUint64(b, uint64(accepted.Sub(epoch).Microseconds())&(1<<48-1))
}

// cutAccepted returns the time of accept and the record.
func cutAccepted(began []byte) (time.Time, []byte) {
	micro := int64(uint64(binary.LittleEndian.Uint32(began))|uint64(binary.LittleEndian.Uint16(began[4:]))<<32) << 16 >> 16
	return epoch.Add(time.Duration(micro) * time.Microsecond), began[packedHead:]
}

// record returns the record as it was when the connection became a session, and the time of
// accept. They share memory with the session and must not be used after Ended has freed it.
func (s *session) record() (tcplog.Record, time.Time) {
	server, began := s.lease.Server, s.packed.Bytes()
	accepted, packed := cutAccepted(began)
	return tcplog.Record{
		Frontend: s.frontend, Backend: s.backend, Server: server.Name, Address: server.Address, AtStart: packed,
		ServerVersion: began[6], ServerAlert: began[7],
	}, accepted
}

// LeaseEvicted ends the session. It gives no reason: the reason for an eviction is an End of its
// own.
func (s *session) LeaseEvicted(pool.EvictReason) { s.End("") }

// markRefused notes that a rule has refused the server's response. It must happen before Ended.
func (s *session) markRefused(by *rules.Rule) {
	t := *s.sessionConfig
	t.refused = by
	s.sessionConfig = &t
}

// Answered notes that the server has sent something, even if that never reaches the client.
func (s *session) Answered() { s.lease.Answered() }

// AnsweredWith implements relay.AnswerReader.
func (s *session) AnsweredWith(first []byte) {
	s.Answered()
	packed := s.packed.Bytes()
	version, alert := clienthello.ParseServer(first)
	packed[6], packed[7] = byte(version), alert // the high byte of TLS versions is 3
	accepted, record := cutAccepted(packed)
	facts := tcplog.Packed(record).Facts()
	if facts.Outcome == clienthello.Found && (alert != 0 || !clienthello.IsRecord(first)) {
		s.captureAnswer(first, alert)
	}
	if facts.HelloWait < 0 || facts.Connect < 0 {
		return
	}
	connected := accepted.Sub(epoch) + facts.HelloWait + max(facts.Queue, 0) + facts.Connect
	l := tally.Enter()
	defer l.Leave()
	s.ends.tally.In(l).Hellos.Chosen.count(version)
	s.traffic.In(l).FirstByteSeconds.Observe(&tally.Seconds, max(0, time.Since(epoch)-connected).Seconds())
	if alert != 0 && facts.Outcome == clienthello.Found {
		s.lease.Server.Traffic().In(l).CountAlert(alert - 1)
	}
}

// Ended releases everything that the session holds and logs it. Relay calls it once for each
// session, however it ends.
func (s *session) Ended(result relay.Result) {
	defer func() {
		if p := recover(); p != nil { // a panic must not end the process
			s.log.Logger().Error("panic", zap.Any("value", p), zap.ByteString("stack", debug.Stack()))
		}
		s.releaseHolds()
		s.feconn.leave()
		liveConns.removeSession(s)
		s.packed.Free() // nothing finds the session any more
	}()
	s.beconn.Add(-1)
	outcome := pool.Served
	record, accepted := s.record()
	end := sessionEnding(result, &record)
	switch {
	case s.refused != nil:
		end.end, end.refusal = tcplog.ResponseRefused, Refusal{"response", s.refused.Number()}
	case result.Cause == relay.Ended:
		if cut := evictionEnding(s.lease.Evicted()); cut != nil {
			end.end, end.by = cut.end, cut.by
		}
	case result.Cause == relay.Reset && result.By == relay.Server && !result.Answered:
		outcome = pool.BrokenEarly
	}
	if result.By == relay.Server && !result.Answered {
		end.err = s.blameHeader(end.err)
	}
	record.FEConn, record.BEConn = s.feconn.Load(), s.beconn.Load()
	s.lease.Release(outcome)
	end.id, end.traffic = s.id, s.traffic
	record.EndValues = s.endValues()
	s.releaseTracked(result)
	end.conclude(&record, s.lease.Server, accepted, s.log, s.ends)
}

// releaseTracked ends the tracking of the session's entries.
func (s *session) releaseTracked(result relay.Result) {
	if s.tracked != nil && s.tracked.metered > 0 {
		meter.remove(s)
	}
	s.tracked.release(result.In, result.Out)
	s.tracked = nil
}

// blameHeader returns the error of a server that ended the session without an answer. If the server
// got a PROXY header, it may not have expected one.
func (s *session) blameHeader(err error) error {
	version := s.headers[s.lease.Server.Name]
	switch {
	case version == 0:
		return err
	case err == nil:
		err = errNoAnswer
	}
	return fmt.Errorf("%w; it may not expect a PROXY header (send_proxy v%d)", err, version)
}

var errNoAnswer = errors.New("the server closed without an answer")

// relay turns a connection into a session, which takes over everything that the connection holds,
// and relays the hello and then all other bytes. It does not wait for a session that can go on
// without this goroutine.
func (c *connection) relay(k *claim) *ending {
	s := k.session
	if !liveConns.toSession(c) {
		<-c.gone // closed by kill, now or soon
		return &ending{end: tcplog.Killed, by: relay.Proxy, err: c.goneErr()}
	}
	s.begin(c)
	c.ended = true
	k.handOverLease().OnEvict(s)
	if c.holdResponse(s, nil) {
		k.first = bytes.Clone(k.first) // it may be the hello, which rules no longer see
		c.forget()
	}
	run := s.StartAfterHeader(c.Conn, k.conn, k.first, k.header, &s.options, s)
	liveConns.started(s, run != nil)
	c.forget()
	if run != nil {
		run()
	}
	return nil
}
