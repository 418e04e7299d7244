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
	// watchEvery is how often it is looked who is left.
	watchEvery = 5 * time.Millisecond
	// arrival is how long those may take whom nobody counts yet.
	arrival = time.Second
	// lastLines is how long those who are cut may take to say so in the log.
	lastLines = 5 * time.Second
	// reminder is how often the log says how many connections are still waited for.
	reminder = 10 * time.Second
	// quitLines is the same where the process is to quit at once.
	quitLines = 500 * time.Millisecond
)

// Gate is who lets connections in.
type Gate struct {
	// Refuse lets nobody in any more. It is called once.
	Refuse func()
	// Arriving reports whether some have been let in whom nobody counts yet.
	Arriving func() bool
}

// Crowd is who has connections.
type Crowd struct {
	// Left is how many there still are.
	Left func() int
	// Arrived is how many there have been in all.
	Arrived func() int64
	// Cut ends all that are left, and those that come later, at once. It is called
	// once.
	Cut func()
}

// end is the end of the process.
var end = struct {
	mu     sync.Mutex
	gates  []Gate
	crowds []Crowd
	flush  []func(deadline time.Time) int
	grace  time.Duration
	began  bool
	due    time.Time     // when connections are cut; zero: never, or not known yet
	hurry  chan struct{} // closed with a signal that says so
	over   chan struct{} // closed when nobody is left
}{grace: DefaultGracePeriod, hurry: make(chan struct{}), over: make(chan struct{})}

// Caddy calls this when its apps have stopped.
func init() {
	caddy.OnExit(func(context.Context) {
		begin()
		<-end.over
	})
}

// AddGate has a gate be closed at the end. It is for init functions.
func AddGate(g Gate) { end.gates = append(end.gates, g) }

// AddCrowd has a crowd be waited for at the end. It is for init functions.
func AddCrowd(c Crowd) { end.crowds = append(end.crowds, c) }

// AddFlush registers f to write what is still held back, such as lines of a log, when
// nobody is left and before the process exits. It returns how many it could not write
// by the deadline. It is for init functions.
func AddFlush(f func(deadline time.Time) (left int)) { end.flush = append(end.flush, f) }

// SetGracePeriod says how long connections may take to finish; below zero: as long
// as they want. It is for the configuration that runs.
func SetGracePeriod(d time.Duration) {
	end.mu.Lock()
	defer end.mu.Unlock()
	end.grace = d
}

// Begin begins the end, if the process is exiting: nobody is let in any more. It is
// for whatever Caddy stops first, since it stops its apps one after the other, in
// no order, and some take their time. Only the first call counts.
func Begin() {
	if caddy.Exiting() {
		begin()
	}
}

func begin() {
	end.mu.Lock()
	defer end.mu.Unlock()
	if end.began {
		return
	}
	end.began = true
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGQUIT)
	go obey(signals)
	for _, g := range end.gates {
		g.Refuse()
	}
	if end.grace >= 0 {
		end.due = time.Now().Add(end.grace)
	}
	go drain(end.grace, end.due)
}

// Ending reports whether the process is ending, and when it cuts the connections that
// are left; the zero time where it waits for as long as they last.
func Ending() (ending bool, due time.Time) {
	end.mu.Lock()
	defer end.mu.Unlock()
	return end.began, end.due
}

// obey hurries with the first signal, and quits with SIGQUIT: Caddy does not look at
// them any more, once it ends by one.
func obey(signals <-chan os.Signal) {
	hurry := sync.OnceFunc(func() { close(end.hurry) })
	for sig := range signals {
		hurry()
		if sig != syscall.SIGQUIT {
			continue
		}
		select {
		case <-end.over:
		case <-time.After(quitLines):
		}
		os.Exit(caddy.ExitCodeForceQuit)
	}
}

// Connections returns how many connections the process has, those excepted that its
// crowds do not know of yet.
func Connections() (n int) {
	for _, c := range end.crowds {
		n += c.Left()
	}
	return n
}

// Arrived returns how many connections the process has had.
func Arrived() (n int64) {
	for _, c := range end.crowds {
		n += c.Arrived()
	}
	return n
}

func arriving() bool {
	return slices.ContainsFunc(end.gates, func(g Gate) bool { return g.Arriving() })
}

// drain gives those who are in the grace period, and cuts who is left then. It does not
// wait for Caddy's apps, which stop at the same time: of those that serve HTTP, one
// may take longer.
func drain(grace time.Duration, deadline time.Time) {
	defer close(end.over)
	defer flush()
	await(nil, time.Now().Add(arrival), func() bool { return !arriving() })
	n, log := Connections(), caddy.Log().Named("passthrough")
	if n == 0 {
		return
	}
	if grace >= 0 {
		log = log.With(zap.Duration("grace_period", grace))
		askForTime(n, time.Until(deadline)+lastLines)
	}
	gone := func() bool { return Connections() == 0 && !arriving() }
	for next := time.Now(); ; {
		left := "unlimited"
		if !deadline.IsZero() {
			left = max(0, time.Until(deadline)).Round(time.Second).String()
		}
		log.Info("waiting for connections to finish", zap.Int("connections", Connections()), zap.String("time_left", left))
		if next = next.Add(reminder); !deadline.IsZero() && next.After(deadline) {
			next = deadline
		}
		if await(end.hurry, next, gone) {
			return
		}
		if hurried() || !deadline.IsZero() && !time.Now().Before(deadline) {
			break
		}
	}
	if hurried() {
		log.Warn("second stop signal: closing remaining connections", zap.Int("connections", Connections()))
	} else {
		log.Warn("the grace period is over: connections are cut", zap.Int("connections", Connections()))
	}
	for _, c := range end.crowds {
		c.Cut()
	}
	if !await(nil, time.Now().Add(lastLines), gone) { // nobody can hurry that
		log.Error("connections were cut and have no line in the log", zap.Int("connections", Connections()))
	}
}

// flush writes what is still held back.
func flush() {
	left, deadline := 0, time.Now().Add(lastLines)
	for _, f := range end.flush {
		left += f(deadline)
	}
	if left > 0 {
		caddy.Log().Named("passthrough").Error("connections are missing in the log: its target did not take their lines", zap.Int("connections", left))
	}
}

// hurried reports whether a signal has said not to wait any longer.
func hurried() bool {
	select {
	case <-end.hurry:
		return true
	default:
		return false
	}
}

// await waits until something is so. False means that the deadline came first, where
// there is one, or somebody is in a hurry.
func await(hurry <-chan struct{}, deadline time.Time, so func() bool) bool {
	tick := time.NewTicker(watchEvery)
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

// askForTime has systemd wait for that long before it kills: TimeoutStopSec is
// less, as a rule. Without systemd it does nothing.
func askForTime(connections int, d time.Duration) {
	status := fmt.Sprintf("waiting for %d connections to finish\nEXTEND_TIMEOUT_USEC=%d", connections, max(0, d).Microseconds())
	if err := notify.Status(status); err != nil {
		caddy.Log().Named("passthrough").Warn("asking the service manager for time", zap.Error(err))
	}
}
