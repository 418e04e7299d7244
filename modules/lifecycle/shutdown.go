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

// DefaultGracePeriod is how long connections may take to finish when the process
// ends, unless SetGracePeriod has said something else.
const DefaultGracePeriod = 30 * time.Second

const (
	// pollEvery is how often it is looked who is left.
	pollEvery = 5 * time.Millisecond
	// pendingTimeout is how long those may take whom nobody counts yet.
	pendingTimeout = time.Second
	// logTimeout is how long those who are cut may take to say so in the log.
	logTimeout = 5 * time.Second
	// reminderEvery is how often the log says how many connections are still waited for.
	reminderEvery = 10 * time.Second
	// quitLogTimeout is the same where the process is to quit at once.
	quitLogTimeout = 500 * time.Millisecond
)

// Acceptor is who lets connections in.
type Acceptor struct {
	// Refuse lets nobody in any more. It is called once.
	StopAccepting func()
	// Arriving reports whether some have been let in whom nobody counts yet.
	Pending func() bool
}

// Drainer is who has connections.
type Drainer struct {
	// Left is how many there still are.
	Remaining func() int
	// Arrived is how many there have been in all.
	Total func() int64
	// Cut ends all that are left, and those that come later, at once. It is called
	// once.
	CloseAll func()
}

// shutdown is the end of the process.
var shutdown = struct {
	mu        sync.Mutex
	acceptors []Acceptor
	drainers  []Drainer
	flush     []func(deadline time.Time) int
	grace     time.Duration
	began     bool
	deadline  time.Time     // when connections are cut; zero: never, or not known yet
	hurry     chan struct{} // closed with a signal that says so
	done      chan struct{} // closed when nobody is left
}{grace: DefaultGracePeriod, hurry: make(chan struct{}), done: make(chan struct{})}

// Caddy calls this when its apps have stopped.
func init() {
	caddy.OnExit(func(context.Context) {
		beginShutdown()
		<-shutdown.done
	})
}

// AddAcceptor has a gate be closed at the end. It is for init functions.
func AddAcceptor(g Acceptor) { shutdown.acceptors = append(shutdown.acceptors, g) }

// AddDrainer has a crowd be waited for at the end. It is for init functions.
func AddDrainer(c Drainer) { shutdown.drainers = append(shutdown.drainers, c) }

// AddFlush registers f to write what is still held back, such as lines of a log, when
// nobody is left and before the process exits. It returns how many it could not write
// by the deadline. It is for init functions.
func AddFlush(f func(deadline time.Time) (left int)) { shutdown.flush = append(shutdown.flush, f) }

// SetGracePeriod says how long connections may take to finish; below zero: as long
// as they want. It is for the configuration that runs.
func SetGracePeriod(d time.Duration) {
	shutdown.mu.Lock()
	defer shutdown.mu.Unlock()
	shutdown.grace = d
}

// BeginShutdown begins the end, if the process is exiting: nobody is let in any more. It is
// for whatever Caddy stops first, since it stops its apps one after the other, in
// no order, and some take their time. Only the first call counts.
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

// ShuttingDown reports whether the process is ending, and when it cuts the connections that
// are left; the zero time where it waits for as long as they last.
func ShuttingDown() (ending bool, due time.Time) {
	shutdown.mu.Lock()
	defer shutdown.mu.Unlock()
	return shutdown.began, shutdown.deadline
}

// handleSignals hurries with the first signal, and quits with SIGQUIT: Caddy does not look at
// them any more, once it ends by one.
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

// Connections returns how many connections the process has, those excepted that its
// crowds do not know of yet.
func Connections() (n int) {
	for _, c := range shutdown.drainers {
		n += c.Remaining()
	}
	return n
}

// TotalConnections returns how many connections the process has had.
func TotalConnections() (n int64) {
	for _, c := range shutdown.drainers {
		n += c.Total()
	}
	return n
}

func anyPending() bool {
	return slices.ContainsFunc(shutdown.acceptors, func(g Acceptor) bool { return g.Pending() })
}

// drain gives those who are in the grace period, and cuts who is left then. It does not
// wait for Caddy's apps, which stop at the same time: of those that serve HTTP, one
// may take longer.
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
		log.Warn("the grace period is over: connections are cut", zap.Int("connections", Connections()))
	}
	for _, c := range shutdown.drainers {
		c.CloseAll()
	}
	if !await(nil, time.Now().Add(logTimeout), gone) { // nobody can hurry that
		log.Error("connections were cut and have no line in the log", zap.Int("connections", Connections()))
	}
}

// flush writes what is still held back.
func flush() {
	left, deadline := 0, time.Now().Add(logTimeout)
	for _, f := range shutdown.flush {
		left += f(deadline)
	}
	if left > 0 {
		caddy.Log().Named("passthrough").Error("connections are missing in the log: its target did not take their lines", zap.Int("connections", left))
	}
}

// hurrying reports whether a signal has said not to wait any longer.
func hurrying() bool {
	select {
	case <-shutdown.hurry:
		return true
	default:
		return false
	}
}

// await waits until something is so. False means that the deadline came first, where
// there is one, or somebody is in a hurry.
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

// extendStopTimeout has systemd wait for that long before it kills: TimeoutStopSec is
// less, as a rule. Without systemd it does nothing.
func extendStopTimeout(connections int, d time.Duration) {
	status := fmt.Sprintf("waiting for %d connections to finish\nEXTEND_TIMEOUT_USEC=%d", connections, max(0, d).Microseconds())
	if err := notify.Status(status); err != nil {
		caddy.Log().Named("passthrough").Warn("asking the service manager for time", zap.Error(err))
	}
}
