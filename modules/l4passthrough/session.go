// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// session is what is left of a connection while its bytes are passed both ways:
// as little as the log line needs.
type session struct {
	relay.Session
	handler *Handler
	lease   *pool.Lease
	began   time.Time
	record  tcplog.Record
}

// Answered has the pool know that the server has sent something.
func (s *session) Answered() { s.lease.Answered() }

// Ended is the one place where a session ends, however it does.
func (s *session) Ended(result relay.Result) {
	defer func() {
		if p := recover(); p != nil { // it must not reach the process
			s.handler.logger.Error("panic", zap.Any("value", p), zap.ByteString("stack", debug.Stack()))
		}
	}()
	outcome := pool.Served
	s.record.Relayed(result)
	switch {
	case result.Cause == relay.Ended:
		noteCut(&s.record, s.lease.Cut())
	case result.Cause == relay.Reset && result.By == relay.Server && result.Out == 0:
		outcome = pool.BrokenEarly
	}
	ended(s.handler, s.lease, outcome, &s.record, s.began)
}

// ended gives back the lease, if there is one, and writes the log line.
func ended(h *Handler, lease *pool.Lease, outcome pool.Outcome, r *tcplog.Record, began time.Time) {
	if lease != nil {
		lease.Release(outcome)
	}
	r.Duration = time.Since(began)
	r.Write(h.logger)
}
