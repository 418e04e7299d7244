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

// configPollEvery is how often it is looked whether a configuration runs by now.
const configPollEvery = 200 * time.Microsecond

// Config is a configuration that Caddy has loaded. Those of the same one are equal.
type Config struct {
	files caddy.FileSystems // each configuration has its own
}

// ConfigOf is the configuration that a context belongs to, if it is one of Caddy's.
func ConfigOf(ctx context.Context) (Config, bool) {
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

// configWatches are the configurations that somebody waits for.
var configWatches = struct {
	sync.Mutex
	of map[Config]*configWatch
}{of: make(map[Config]*configWatch)}

type configWatch struct {
	runs    chan struct{}
	waiting int
}

// watch is a channel that is closed when the configuration runs. leave is to be
// called by who does not wait any more.
func (c Config) watch() (runs <-chan struct{}, leave func()) {
	configWatches.Lock()
	defer configWatches.Unlock()
	w := configWatches.of[c]
	if w == nil {
		w = &configWatch{runs: make(chan struct{})}
		configWatches.of[c] = w
		go w.poll(c)
	}
	w.waiting++
	return w.runs, func() {
		configWatches.Lock()
		defer configWatches.Unlock()
		w.waiting--
	}
}

// poll looks as long as somebody waits.
func (w *configWatch) poll(c Config) {
	tick := time.NewTicker(configPollEvery)
	defer tick.Stop()
	for range tick.C {
		configWatches.Lock()
		runs := c.Running()
		if runs || w.waiting == 0 {
			delete(configWatches.of, c)
			if runs {
				close(w.runs)
			}
			configWatches.Unlock()
			return
		}
		configWatches.Unlock()
	}
}
