// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// DefaultGracePeriod is the time that connections have to finish at shutdown, unless SetGracePeriod
// has set another.
const DefaultGracePeriod = 30 * time.Second

// quitLogTimeout replaces logTimeout if the process is to quit at once.
const quitLogTimeout = 500 * time.Millisecond

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
