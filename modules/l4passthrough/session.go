// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// session is what is left of a connection while its bytes are passed both ways:
// as little as the log line needs.
type session struct {
	relay.Session
	prev, next *session // see crowd

	handler *Handler
	backend *balancer.Backend
	lease   *pool.Lease
	first   pool.Lease    // most often it is the lease
	began   time.Duration // since epoch
	packed  tcplog.Packed
}

// epoch is what the times of sessions count from, by the monotonic clock.
var epoch = time.Now()

// begin takes from a connection what the session needs.
func (s *session) begin(c *connection, b *balancer.Backend) {
	r := c.record
	if r.Address == c.lease.Server.Address {
		r.Address = "" // it is known from there
	}
	s.handler, s.backend, s.lease, s.began, s.packed = c.h, b, c.lease, c.began.Sub(epoch), r.Pack()
}

// record is that of the connection before it became a session.
func (s *session) record() tcplog.Record {
	r := s.packed.Unpack()
	r.Frontend, r.Backend, r.Server = s.handler.Name, s.backend.Name(), s.lease.Server.Name
	if r.Address == "" {
		r.Address = s.lease.Server.Address
	}
	return r
}

// Answered has the pool know that the server has sent something.
func (s *session) Answered() { s.lease.Answered() }

// Ended is the one place where a session ends, however it does.
func (s *session) Ended(result relay.Result) {
	defer func() {
		if p := recover(); p != nil { // it must not reach the process
			s.handler.logger.Error("panic", zap.Any("value", p), zap.ByteString("stack", debug.Stack()))
		}
		present.end(s)
	}()
	outcome, record := pool.Served, s.record()
	record.Relayed(result)
	switch {
	case result.Cause == relay.Ended:
		noteCut(&record, s.lease.Cut())
	case result.Cause == relay.Reset && result.By == relay.Server && result.Out == 0:
		outcome = pool.BrokenEarly
	}
	ended(s.handler, s.lease, outcome, &record, epoch.Add(s.began))
}

// ended gives back the lease, if there is one, and writes the log line.
func ended(h *Handler, lease *pool.Lease, outcome pool.Outcome, r *tcplog.Record, began time.Time) {
	if lease != nil {
		lease.Release(outcome)
	}
	r.Duration = time.Since(began)
	r.Write(h.logger)
}
