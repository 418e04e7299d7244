// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/discovery"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// firstServers limits the time that a start waits for the first servers of templates.
const firstServers = time.Second

// discovering is held while the servers of a template get their slots, so that a configuration that
// has been replaced changes nothing any more.
var discovering sync.Mutex

// startDiscovery starts to look for the servers of templates. If slots have no address from an
// earlier configuration, it waits a moment for the first servers: the first connections need them.
func (a *App) startDiscovery() {
	ctx, cancel := context.WithCancel(a.ctx)
	a.stopDiscovery = cancel
	for _, b := range a.Backends {
		for _, t := range b.ServerTemplates {
			t.start(ctx, a, b)
		}
	}
	late := time.NewTimer(firstServers)
	defer late.Stop()
	for _, b := range a.Backends {
		for _, t := range b.ServerTemplates {
			if !b.knowsServersOf(t) {
				select {
				case <-t.runner.Ready():
				case <-late.C:
					late.Reset(0)
				}
			}
		}
	}
	if serving.Load() == nil {
		a.reapplyDiscovery()
	}
}

// reapplyDiscovery puts the servers that have been found so far in their slots.
func (a *App) reapplyDiscovery() {
	for _, b := range a.Backends {
		for _, t := range b.ServerTemplates {
			if t.runner != nil {
				b.pool.Activate()
				t.runner.Reapply()
			}
		}
	}
}

// start starts to look for the servers of a template.
func (t *ServerTemplate) start(ctx context.Context, a *App, b *Backend) {
	log := a.ctx.Logger().Named("backend").Named(b.name).With(zap.String("backend", b.name), zap.String("template", t.Prefix), zap.String("source", t.sourceName()))
	t.runner = &discovery.Runner{Source: t.source, Log: log, Apply: func(all []discovery.Endpoint) {
		discovering.Lock()
		defer discovering.Unlock()
		if now := serving.Load(); now == nil || now == a {
			t.fill(b, all, log)
		}
	}}
	t.runner.Start(ctx)
}

// sourceName describes what finds the servers.
func (t *ServerTemplate) sourceName() string {
	if s, ok := t.source.(fmt.Stringer); ok {
		return s.String()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", t.source), "*")
}

// fill gives servers their slots.
func (t *ServerTemplate) fill(b *Backend, all []discovery.Endpoint, log *zap.Logger) {
	slots := b.slotsOf(t)
	if len(slots) == 0 { // the backend does not serve yet
		return
	}
	changes, unused := discovery.Assign(slots, all, t.has("allow-dup-ip"))
	if err := registry.ResolveAll(b.name, changes, t.sourceName()); err != nil {
		log.Error("servers that were found cannot be used", zap.Error(err))
	}
	if len(unused) > 0 && !t.full {
		log.Warn("more servers were found than the template has slots", zap.Int("found", len(all)), zap.Int("slots", t.Count), zap.Int("unused", len(unused)))
	}
	t.full = len(unused) > 0
}

// slotsOf returns the slots of a template that the backend has now.
func (b *Backend) slotsOf(t *ServerTemplate) (slots []pool.Slot) {
	all, err := registry.Slots(b.name)
	if err != nil {
		return nil
	}
	for _, s := range all {
		if known := b.serverNamed(s.Name); known != nil && known.template == t {
			slots = append(slots, s)
		}
	}
	return slots
}

// knowsServersOf reports whether a slot of a template has an address, from an earlier
// configuration.
func (b *Backend) knowsServersOf(t *ServerTemplate) bool {
	for _, s := range b.slotsOf(t) {
		if s.Resolution != nil && s.Resolution.Address != "" {
			return true
		}
	}
	return false
}
