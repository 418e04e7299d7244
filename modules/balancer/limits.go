// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"math"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// ProcessLimits are limits of the process, over all its durable listeners. At a limit, further
// clients are left in the kernel's queue.
type ProcessLimits struct {
	// MaxConn bounds the concurrent connections. Default: 0, as many as the limit of open files
	// allows, which also bounds all other values. It is HAProxy's maxconn of global.
	MaxConn int `json:"maxconn,omitempty"`

	// MaxConnRate bounds the connections accepted in a second. Default: 0, no limit. It is HAProxy's
	// maxconnrate.
	MaxConnRate int `json:"max_conn_rate,omitempty"`

	// MaxSessRate bounds the connections in a second that the rules of connection have let through.
	// Default: 0, no limit. It is HAProxy's maxsessrate.
	MaxSessRate int `json:"max_sess_rate,omitempty"`

	// Overload says what the process does when it is about to run out of descriptors or memory: on or
	// off. With on, it shortens inspect delays and idle timeouts to a quarter from 85 percent on, and
	// accepts no connections from 95 percent on. Unfinished hellos have an eighth of the memory; long
	// ones beyond it are reset. Default: on.
	Overload string `json:"overload,omitempty"`
}

// options returns the words of the limits.
func (l *ProcessLimits) options() options.Table {
	return options.Table{
		"maxconn":       options.Int(&l.MaxConn, 1, math.MaxInt32),
		"max_conn_rate": options.Int(&l.MaxConnRate, 1, math.MaxInt32),
		"max_sess_rate": options.Int(&l.MaxSessRate, 1, math.MaxInt32),
		"overload":      options.OneOf(&l.Overload, []string{overloadOn, overloadOff}),
	}
}

// The values of Overload.
const (
	overloadOn  = "on"
	overloadOff = "off"
)

func (l *ProcessLimits) validate() error {
	if l.Overload != "" {
		if err := options.ValidateWord("overload", l.Overload, []string{overloadOn, overloadOff}); err != nil {
			return err
		}
	}
	return validateNumbers(number{"maxconn", l.MaxConn}, number{"max_conn_rate", l.MaxConnRate}, number{"max_sess_rate", l.MaxSessRate})
}

// apply makes the limits those of the process.
func (l *ProcessLimits) apply(logger *zap.Logger) {
	limits.Process.MaxConn.Store(int64(l.MaxConn))
	limits.Process.ConnRate.Store(int64(l.MaxConnRate))
	limits.Process.SessRate.Store(int64(l.MaxSessRate))
	limits.Overload.SetOff(l.Overload == overloadOff, func(c limits.Change) { logOverload(logger, c) })
}

// whileServing are called, each in a goroutine, for each configuration that begins to serve.
var whileServing []func(ctx context.Context)

// WhileServing adds a function to call in a goroutine when a configuration begins to serve. It
// returns when ctx ends, which is when the configuration does. Only init functions may call this.
func WhileServing(f func(ctx context.Context)) { whileServing = append(whileServing, f) }

// watchProcess begins to watch what the process uses and does, until the configuration ends.
func (a *App) watchProcess() {
	a.watching.Do(func() {
		logger := a.ctx.Logger()
		go limits.Overload.Run(a.ctx, func(c limits.Change) { logOverload(logger, c) })
		for _, f := range whileServing {
			go f(a.ctx)
		}
	})
}

func logOverload(logger *zap.Logger, c limits.Change) {
	fields := []zap.Field{zap.Stringer("from", c.From), zap.Stringer("to", c.To), zap.String("resource", c.Resource), zap.Int64("used", c.Used), zap.Int64("limit", c.Limit)}
	switch {
	case c.Resource == "":
		logger.Info("overload: no longer watched", zap.Stringer("from", c.From))
	case c.To == limits.Normal:
		logger.Info("overload: over", fields...)
	case c.To < c.From:
		logger.Info("overload: accepting again", fields...)
	case c.To == limits.Paused:
		logger.Warn("overload: pausing accept", fields...)
	default:
		logger.Warn("overload: shortening inspect delays and idle timeouts", fields...)
	}
}
