// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"time"

	"go.uber.org/zap"
)

// Log writes the lines of a frontend's connections.
type Log struct{ logger *zap.Logger }

// Open returns a log that writes to logger.
func Open(logger *zap.Logger) *Log { return &Log{logger} }

// Logger returns what the lines are written to.
func (l *Log) Logger() *zap.Logger { return l.logger }

// Write logs a connection that has ended now: at level error where the proxy itself
// failed, else at level info. It is safe for concurrent use; r may be reused.
func (l *Log) Write(r *Record) {
	if !l.logger.Core().Enabled(r.End.level()) {
		return
	}
	var room [512]byte
	e := entry{text: string(appendEntry(room[:0], time.Now(), r)[4:])}
	e.write(l.logger)
}
