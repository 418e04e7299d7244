// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// eventLine is the message and level of a kind of event.
type eventLine struct {
	message string
	level   zapcore.Level
}

var eventLines = map[pool.EventKind]eventLine{
	pool.ServerDown:        {"server is down", zapcore.WarnLevel},
	pool.ServerUp:          {"server is up", zapcore.InfoLevel},
	pool.MaintStarted:      {"server entered maintenance", zapcore.WarnLevel},
	pool.MaintEnded:        {"server left maintenance", zapcore.InfoLevel},
	pool.DrainStarted:      {"server is draining", zapcore.WarnLevel},
	pool.DrainEnded:        {"server stopped draining", zapcore.InfoLevel},
	pool.NoUsableServer:    {"backend has no usable server", zapcore.ErrorLevel},
	pool.UsableServerAgain: {"backend has a usable server again", zapcore.InfoLevel},
	pool.CheckChanged:      {"check", zapcore.InfoLevel},
	pool.AgentChanged:      {"agent", zapcore.InfoLevel},
	pool.AddressChanged:    {"server has another address", zapcore.InfoLevel},
}

// logsChecks reports whether the checks of a server are logged.
func (b *Backend) logsChecks(server string) bool {
	s := b.serverNamed(server)
	if s == nil {
		return false
	}
	check := b.checkOf(s)
	return check != nil && check.Log
}

// logEvents returns a function that logs the events of the backend, and remembers its transitions.
func (b *Backend) logEvents(logger *zap.Logger) func(pool.Event) {
	draining := make(map[string]bool) // calls come one at a time
	return func(e pool.Event) {
		logged := b.logsChecks(e.Server)
		line := &stateLine{Event: e, logsChecks: logged, stopping: draining[e.Server]}
		line.remember()
		draining[e.Server] = e.Admin == pool.Drain
		how := eventLines[e.Kind]
		switch {
		case e.Kind < pool.CheckChanged:
		case e.Result.Warning != "" || e.Result.Code.Unknown():
			how.level = zapcore.WarnLevel
		case !logged && e.Kind != pool.AddressChanged:
			return
		}
		list := fields(e)
		if e.Result.Warning == "" {
			list = append(list, tcplog.InHAProxysWords(line))
		}
		logger.Log(how.level, how.message, list...)
	}
}

// fields returns the log fields of an event.
func fields(e pool.Event) []zap.Field {
	f := []zap.Field{zap.String("backend", e.Backend)}
	if e.Server == "" {
		return f
	}
	health := "up"
	if e.Down {
		health = "down"
	}
	f = append(f, zap.String("server", e.Server), zap.Bool("backup", e.Backup),
		zap.String("health", health), zap.String("counter", fmt.Sprintf("%d/%d", e.Counter, e.Of)))
	if e.Via != (pool.Ref{}) {
		f = append(f, zap.Stringer("via", e.Via))
	}
	if e.Result.Code != "" {
		f = append(f, zap.String("reason", e.Result.Code.String()), zap.String("code", string(e.Result.Code)))
	}
	if e.To != "" {
		f = append(f, zap.String("from", e.From), zap.String("to", e.To))
	}
	if e.Result.Info != "" {
		f = append(f, zap.String("info", e.Result.Info))
	}
	if e.Result.Warning != "" {
		f = append(f, zap.String("warning", e.Result.Warning))
	}
	if e.Took > 0 {
		f = append(f, zap.Duration("check_duration", e.Took))
	}
	return append(f, zap.Int("active_servers", e.Active), zap.Int("backup_servers", e.Backups),
		zap.Int64("sessions", e.Sessions), zap.Int("requeued", e.Requeued), zap.Int64("queued", e.Queued))
}
