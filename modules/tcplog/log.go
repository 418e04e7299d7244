// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// Log writes the log lines of a frontend's connections, in another goroutine: see queue. It may
// outlive its configuration, as sessions do.
type Log struct {
	logger *zap.Logger
	queue  *queue
	format *Options     // nil: HAProxy's option tcplog, at the end
	lines  atomic.Int64 // with that format
}

// Open returns a log that writes to logger. Logs of one configuration, which owner identifies,
// share a queue, so that their lines are in the order in which connections ended. Another
// configuration has its own queue, since its target may stall independently, and so has a log
// without an owner. The owner is kept as long as the log, so it must be a weak pointer or small.
func Open(owner any, logger *zap.Logger) *Log {
	if owner == nil {
		owner = new(byte)
	}
	return &Log{logger: logger, queue: queues.of(owner)}
}

// Logger returns the logger that the lines are written to.
func (l *Log) Logger() *zap.Logger { return l.logger }

// Write logs a connection that has ended now: at level error if the proxy itself failed, else at
// level info, unless the options say otherwise. It formats nothing. It blocks only while a burst of
// ends has filled the queue and the target takes lines. It is safe for concurrent use; r may be
// reused.
func (l *Log) Write(r *Record) {
	severity := r.End.severity()
	if l.format != nil {
		if severity = l.format.ending(r, severity); severity == NotLogged {
			return
		}
	}
	l.put(r, Closed, severity)
}

func (l *Log) put(r *Record, step Step, severity Severity) {
	if l.logger.Core().Enabled(severity.level()) {
		l.queue.put(l, r, step, severity)
	}
}

// write writes a line.
func (l *Log) write(e *entry) {
	defer l.recovered()
	e.write(l.logger)
}

// report logs the number of connections without a line since a time.
func (l *Log) report(connections uint64, since time.Time) {
	defer l.recovered()
	l.logger.Error("connections are missing in the log: its target did not take their lines",
		zap.Uint64("connections", connections), zap.Time("since", since))
}

// recovered keeps a panic of the log's encoder or core from ending the process.
func (l *Log) recovered() {
	if p := recover(); p != nil {
		l.logger.Error("panic", zap.Any("value", p), zap.ByteString("stack", debug.Stack()))
	}
}

// queues holds the queue of each owner, as long as a log uses it or it has something to write.
var queues = registry{by: make(map[any]weak.Pointer[queue])}

type registry struct {
	mu sync.Mutex
	by map[any]weak.Pointer[queue]
}

func init() { lifecycle.AddFlush(queues.flush) }

// of returns the queue of an owner's logs.
func (s *registry) of(owner any) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.by[owner].Value(); q != nil {
		return q
	}
	q := newQueue(queueBytes)
	s.by[owner] = weak.Make(q)
	runtime.AddCleanup(q, s.forget, owner)
	return q
}

// forget drops the queue of an owner if no log uses it.
func (s *registry) forget(owner any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[owner].Value() == nil {
		delete(s.by, owner)
	}
}

// flush waits until all lines are written, and returns the number that are not by the deadline.
func (s *registry) flush(deadline time.Time) (left int) {
	s.mu.Lock()
	all := make([]*queue, 0, len(s.by))
	for _, known := range s.by {
		if q := known.Value(); q != nil {
			all = append(all, q)
		}
	}
	s.mu.Unlock()
	for _, q := range all {
		left += q.flush(deadline)
	}
	return left
}
