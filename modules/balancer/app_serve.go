// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// started is the app of the most recently started configuration. It begins to serve once its
// configuration can no longer fail, at the latest when the previous configuration stops; the
// previous one serves until then.
var started, serving atomic.Pointer[App]

// Handle receives the events when the configuration has started, and when it stops because of a
// reload or because the process ends.
func (a *App) Handle(_ context.Context, e caddy.Event) error {
	switch e.Name() {
	case "started":
		started.Store(a)
		config, ok := lifecycle.ConfigOf(a.ctx)
		if serving.Load() == nil || !ok { // no earlier configuration serves
			a.serve()
			break
		}
		go func() {
			if config.Await(a.ctx) {
				a.serve()
			}
		}()
	case "stopping":
		lifecycle.BeginShutdown()
		rememberStop()
		if next := started.Load(); next != a {
			if config, ok := lifecycle.ConfigOf(next.ctx); ok && config.Running() {
				next.serve()
			}
		}
		a.finishHTTPServers()
	}
	return nil
}

// PolicyOf returns the name of the policy of a backend of the configuration that serves, or "".
func PolicyOf(backend string) string {
	if b := serving.Load().backend(backend); b != nil {
		return b.policy
	}
	return ""
}

// serve makes this configuration the active one. It is idempotent.
func (a *App) serve() {
	a.starting.Lock() // both the event and the end of the configuration before may call it
	defer a.starting.Unlock()
	before := serving.Swap(a)
	if before != a {
		a.rememberLoad(before)
	}
	lifecycle.SetGracePeriod(time.Duration(a.GracePeriod))
	registry.SetRemovedTimeout(time.Duration(a.RemovedServerTimeout))
	for _, t := range a.StickTables {
		t.Activate()
	}
	for _, r := range a.Resolvers {
		r.Serve()
	}
	a.activatePeers()
	a.ProcessLimits.apply(a.ctx.Logger())
	a.watchProcess()
	if a.metrics != nil {
		a.metrics.Activate()
	}
	a.reapplyDiscovery()
	for name, b := range a.Backends {
		b.pool.Activate()
		b.followNames(a)
		b.startPreconnect(before.backend(name))
		if b.Site != "" && !inprocess.Listening(b.Site) {
			a.ctx.Logger().Error("no HTTP server listens on the backend's site: refusing its connections", zap.String("backend", name), zap.String("listen", inprocess.Network+"/"+b.Site))
		}
	}
}
