// SPDX-License-Identifier: Apache-2.0

// Package lifecycle knows what Caddy does not tell its modules: from when on a
// configuration runs, which is when nothing can refuse it any more, and how the
// process ends. At its end nobody is let in any more, those who are in have the
// grace period to finish, and who is left after that is cut. Gates let connections
// in, and crowds have them.
package lifecycle

import (
	"context"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// look is how often it is looked whether a configuration runs by now.
const look = 200 * time.Microsecond

// Config is a configuration that Caddy has loaded. Those of the same one are equal.
type Config struct {
	files caddy.FileSystems // each configuration has its own
}

// Of is the configuration that a context belongs to, if it is one of Caddy's.
func Of(ctx context.Context) (Config, bool) {
	c, ok := ctx.(caddy.Context)
	if !ok {
		return Config{}, false
	}
	config := Config{c.FileSystems()}
	return config, config.files == c.FileSystems() // without a configuration they differ
}

// Running reports whether the configuration has been started as a whole: before
// that, any app may still refuse it. It does until the next one runs.
func (c Config) Running() bool {
	active := caddy.ActiveContext()
	return active.FileSystems() == c.files
}

// Await waits until the configuration runs. False means that ctx ended before.
func (c Config) Await(ctx context.Context) bool {
	runs, leave := c.watch()
	defer leave()
	select {
	case <-runs:
		return true
	case <-ctx.Done():
		return false
	}
}

// watches are the configurations that somebody waits for.
var watches = struct {
	sync.Mutex
	of map[Config]*watch
}{of: make(map[Config]*watch)}

type watch struct {
	runs    chan struct{}
	waiting int
}

// watch is a channel that is closed when the configuration runs. leave is to be
// called by who does not wait any more.
func (c Config) watch() (runs <-chan struct{}, leave func()) {
	watches.Lock()
	defer watches.Unlock()
	w := watches.of[c]
	if w == nil {
		w = &watch{runs: make(chan struct{})}
		watches.of[c] = w
		go w.look(c)
	}
	w.waiting++
	return w.runs, func() {
		watches.Lock()
		defer watches.Unlock()
		w.waiting--
	}
}

// look looks as long as somebody waits.
func (w *watch) look(c Config) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for range tick.C {
		watches.Lock()
		runs := c.Running()
		if runs || w.waiting == 0 {
			delete(watches.of, c)
			if runs {
				close(w.runs)
			}
			watches.Unlock()
			return
		}
		watches.Unlock()
	}
}
