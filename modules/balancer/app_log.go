// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// openLog opens the file for the lines of connections, if the configuration names one.
func (a *App) openLog(ctx caddy.Context) (err error) {
	if a.Log != "" {
		a.lines, err = tcplog.OpenFile(ctx, a.Log)
	}
	return err
}

// LineLogger returns the logger for the lines of connections, in place of one of Caddy's. The app
// may be nil.
func (a *App) LineLogger(logger *zap.Logger) *zap.Logger {
	if a == nil {
		return logger
	}
	return a.lines.Logger(logger)
}
