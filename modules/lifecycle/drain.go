// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/notify"
	"go.uber.org/zap"
)

const (
	// pollEvery is the time between two counts of the remaining connections.
	pollEvery = 5 * time.Millisecond
	// pendingTimeout bounds the wait for accepted connections that no Drainer counts yet.
	pendingTimeout = time.Second
	// logTimeout is the time that closed connections have to write their log lines.
	logTimeout = 5 * time.Second
	// reminderEvery is the time between two log lines with the number of remaining connections.
	reminderEvery = 10 * time.Second
)

// drain gives open connections the grace period, and then closes those that remain. It does not
// wait for Caddy's apps, which stop at the same time: one that serves HTTP may take longer.
func drain(grace time.Duration, deadline time.Time) {
	defer close(shutdown.done)
	defer flush()
	await(nil, time.Now().Add(pendingTimeout), func() bool { return !anyPending() })
	n, log := Connections(), caddy.Log().Named("passthrough")
	if n == 0 {
		return
	}
	if grace >= 0 {
		log = log.With(zap.Duration("grace_period", grace))
		extendStopTimeout(n, time.Until(deadline)+logTimeout)
	}
	if awaitConnections(log, deadline) {
		return
	}
	why := "grace period over: closing remaining connections"
	if hurrying() {
		why = "second stop signal: closing remaining connections"
	}
	log.Warn(why, zap.Int("connections", Connections()))
	for _, c := range shutdown.drainers {
		c.CloseAll()
	}
	if !await(nil, time.Now().Add(logTimeout), noneLeft) { // no signal shortens this
		log.Error("closed connections have not logged their end", zap.Int("connections", Connections()))
	}
}

func anyPending() bool {
	return slices.ContainsFunc(shutdown.acceptors, func(g Acceptor) bool { return g.Pending() })
}

// noneLeft reports whether no connection remains.
func noneLeft() bool { return Connections() == 0 && !anyPending() }

// awaitConnections waits until no connection remains, and logs their number from time to time. It
// returns false if the deadline or a signal ends the wait before.
func awaitConnections(log *zap.Logger, deadline time.Time) bool {
	for next := time.Now(); ; {
		left := "unlimited"
		if !deadline.IsZero() {
			left = max(0, time.Until(deadline)).Round(time.Second).String()
		}
		log.Info("waiting for connections to finish", zap.Int("connections", Connections()), zap.String("time_left", left))
		if next = next.Add(reminderEvery); !deadline.IsZero() && next.After(deadline) {
			next = deadline
		}
		if await(shutdown.hurry, next, noneLeft) {
			return true
		}
		if hurrying() || hasPassed(deadline) {
			return false
		}
	}
}

// hasPassed reports whether a deadline has passed. The zero time never does.
func hasPassed(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// flush writes buffered items.
func flush() {
	left, deadline := 0, time.Now().Add(logTimeout)
	for _, f := range shutdown.flush {
		left += f(deadline)
	}
	if left > 0 {
		caddy.Log().Named("passthrough").Error("connections are missing in the log: its target did not take their lines", zap.Int("connections", left))
	}
}

// hurrying reports whether a signal has ended the wait.
func hurrying() bool {
	select {
	case <-shutdown.hurry:
		return true
	default:
		return false
	}
}

// await waits until so returns true. It returns false if the deadline passes before, unless it is
// zero, or if hurry is closed.
func await(hurry <-chan struct{}, deadline time.Time, so func() bool) bool {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !so() {
		if hasPassed(deadline) {
			return false
		}
		select {
		case <-hurry:
			return false
		case <-tick.C:
		}
	}
	return true
}

// extendStopTimeout asks systemd to wait that long before it kills the process: TimeoutStopSec is
// usually less. Without systemd it has no effect.
func extendStopTimeout(connections int, d time.Duration) {
	status := fmt.Sprintf("waiting for %d connections to finish\nEXTEND_TIMEOUT_USEC=%d", connections, max(0, d).Microseconds())
	if err := notify.Status(status); err != nil {
		caddy.Log().Named("passthrough").Warn("asking the service manager for time", zap.Error(err))
	}
}
