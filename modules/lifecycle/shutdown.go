// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/notify"
	"go.uber.org/zap"
)

// DefaultGracePeriod is the time that connections have to finish at shutdown, unless SetGracePeriod
// has set another.
const DefaultGracePeriod = 30 * time.Second

const (
	// pollEvery is the time between two counts of the remaining connections.
	pollEvery = 5 * time.Millisecond
	// pendingTimeout bounds the wait for accepted connections that no Drainer counts yet.
	pendingTimeout = time.Second
	// logTimeout is the time that closed connections have to write their log lines.
	logTimeout = 5 * time.Second
	// reminderEvery is the time between two log lines with the number of remaining connections.
	reminderEvery = 10 * time.Second
	// quitLogTimeout replaces logTimeout if the process is to quit at once.
	quitLogTimeout = 500 * time.Millisecond
)

// Acceptor is something that accepts connections.
type Acceptor struct {
	// StopAccepting is called once, when the shutdown begins.
	StopAccepting func()
	// Pending reports whether connections have been accepted that no Drainer counts yet.
	Pending func() bool
}

// Drainer is something that has connections.
type Drainer struct {
	// Remaining returns the number of open connections.
	Remaining func() int
	// Total returns the number of connections since the process started.
	Total func() int64
	// CloseAll closes all connections at once, and later ones as they come. It is called once.
	CloseAll func()
}

// shutdown is the state of the process's shutdown.
var shutdown = struct {
	mu        sync.Mutex
	acceptors []Acceptor
	drainers  []Drainer
	flush     []func(deadline time.Time) int
	grace     time.Duration
	began     bool
	deadline  time.Time     // when to close connections; zero: never, or not known yet
	hurry     chan struct{} // closed by a signal that ends the wait
	done      chan struct{} // closed when no connection remains
}{grace: DefaultGracePeriod, hurry: make(chan struct{}), done: make(chan struct{})}

// init registers the shutdown with Caddy, which runs it when its apps have stopped.
func init() {
	caddy.OnExit(func(context.Context) {
		beginShutdown()
		<-shutdown.done
	})
}

// AddAcceptor registers a for the shutdown. Only init functions may call it.
func AddAcceptor(a Acceptor) { shutdown.acceptors = append(shutdown.acceptors, a) }

// AddDrainer registers d for the shutdown. Only init functions may call it.
func AddDrainer(d Drainer) { shutdown.drainers = append(shutdown.drainers, d) }

// AddFlush registers f to write buffered items, such as lines of a log, when no connection remains
// and before the process exits. f returns how many items it could not write by the deadline. Only
// init functions may call AddFlush.
func AddFlush(f func(deadline time.Time) (left int)) { shutdown.flush = append(shutdown.flush, f) }

// SetGracePeriod sets the time that connections have to finish; below zero: without limit. The
// configuration that runs calls it.
func SetGracePeriod(d time.Duration) {
	shutdown.mu.Lock()
	defer shutdown.mu.Unlock()
	shutdown.grace = d
}

// BeginShutdown begins the shutdown if the process is exiting: no further connection is accepted. A
// module calls it when Caddy stops it, because Caddy stops its apps one after the other, in no
// order, and some take their time. Only the first call counts.
func BeginShutdown() {
	if caddy.Exiting() {
		beginShutdown()
	}
}

func beginShutdown() {
	shutdown.mu.Lock()
	defer shutdown.mu.Unlock()
	if shutdown.began {
		return
	}
	shutdown.began = true
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGQUIT)
	go handleSignals(signals)
	for _, g := range shutdown.acceptors {
		g.StopAccepting()
	}
	if shutdown.grace >= 0 {
		shutdown.deadline = time.Now().Add(shutdown.grace)
	}
	go drain(shutdown.grace, shutdown.deadline)
}

// ShuttingDown reports whether the process is shutting down, and when it closes the remaining
// connections; the zero time if there is no limit.
func ShuttingDown() (ending bool, due time.Time) {
	shutdown.mu.Lock()
	defer shutdown.mu.Unlock()
	return shutdown.began, shutdown.deadline
}

// handleSignals ends the wait at the first signal, and the process at SIGQUIT. Caddy, once a signal
// has stopped it, ignores further ones.
func handleSignals(signals <-chan os.Signal) {
	hurry := sync.OnceFunc(func() { close(shutdown.hurry) })
	for sig := range signals {
		hurry()
		if sig != syscall.SIGQUIT {
			continue
		}
		select {
		case <-shutdown.done:
		case <-time.After(quitLogTimeout):
		}
		os.Exit(caddy.ExitCodeForceQuit)
	}
}

// Connections returns the number of open connections of the process, except for those that no
// Drainer counts yet.
func Connections() (n int) {
	for _, c := range shutdown.drainers {
		n += c.Remaining()
	}
	return n
}

// TotalConnections returns the number of connections since the process started.
func TotalConnections() (n int64) {
	for _, c := range shutdown.drainers {
		n += c.Total()
	}
	return n
}

func anyPending() bool {
	return slices.ContainsFunc(shutdown.acceptors, func(g Acceptor) bool { return g.Pending() })
}

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
	gone := func() bool { return Connections() == 0 && !anyPending() }
	for next := time.Now(); ; {
		left := "unlimited"
		if !deadline.IsZero() {
			left = max(0, time.Until(deadline)).Round(time.Second).String()
		}
		log.Info("waiting for connections to finish", zap.Int("connections", Connections()), zap.String("time_left", left))
		if next = next.Add(reminderEvery); !deadline.IsZero() && next.After(deadline) {
			next = deadline
		}
		if await(shutdown.hurry, next, gone) {
			return
		}
		if hurrying() || !deadline.IsZero() && !time.Now().Before(deadline) {
			break
		}
	}
	if hurrying() {
		log.Warn("second stop signal: closing remaining connections", zap.Int("connections", Connections()))
	} else {
		log.Warn("grace period over: closing remaining connections", zap.Int("connections", Connections()))
	}
	for _, c := range shutdown.drainers {
		c.CloseAll()
	}
	if !await(nil, time.Now().Add(logTimeout), gone) { // no signal shortens this
		log.Error("closed connections have not logged their end", zap.Int("connections", Connections()))
	}
}

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
		if !deadline.IsZero() && !time.Now().Before(deadline) {
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
