// SPDX-License-Identifier: Apache-2.0

// Package lifecycle knows what Caddy does not tell its modules: when a configuration runs, which is
// when nothing can refuse it any more, and how the process shuts down. At shutdown, Acceptors stop
// accepting, and the connections of Drainers have the grace period to finish; those that remain are
// closed.
package lifecycle

import (
	"context"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// configPollEvery is the time between two checks whether a configuration runs.
const configPollEvery = 200 * time.Microsecond

// Config is a configuration that Caddy has loaded. Two values are equal if they are of the same
// configuration.
type Config struct {
	files caddy.FileSystems // each configuration has its own
}

// ConfigOf returns the configuration that a context belongs to. ok is false if the context is not
// Caddy's.
func ConfigOf(ctx context.Context) (Config, bool) {
	c, ok := ctx.(caddy.Context)
	if !ok {
		return Config{}, false
	}
	// A context without a configuration returns a new FileSystems each time.
	config := Config{c.FileSystems()}
	return config, config.files == c.FileSystems()
}

// Active returns the configuration that runs; ok is false if none does.
func Active() (c Config, ok bool) { return ConfigOf(caddy.ActiveContext()) }

// Running reports whether the configuration has been started as a whole: until then, any app may
// still refuse it. It returns false again when the next one runs.
func (c Config) Running() bool {
	active := caddy.ActiveContext()
	return active.FileSystems() == c.files
}

// Await waits until the configuration runs. It returns false if ctx ends before.
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

// configWatches holds the configurations that Await waits for.
var configWatches = struct {
	sync.Mutex
	of map[Config]*configWatch
}{of: make(map[Config]*configWatch)}

type configWatch struct {
	runs    chan struct{}
	waiting int
}

// watch returns a channel that is closed when the configuration runs. The caller calls leave when
// it no longer waits.
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

// poll checks the configuration until it runs or no caller waits for it.
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
