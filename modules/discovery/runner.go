// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Times of a Runner.
const (
	// HoldEmpty is the time for which the last servers stay after a source has found that there are
	// none. It is HAProxy's hold nx.
	HoldEmpty = 30 * time.Second
	// pause is the time after which a source that has ended starts again.
	pause = time.Second
)

// selfHolder is implemented by sources whose sets without servers apply at once.
type selfHolder interface{ holdsItself() }

// sameEndpoint reports whether two servers have the same address and weight.
func sameEndpoint(a, b Endpoint) bool {
	return a.Address == b.Address && (a.Weight == nil) == (b.Weight == nil) && (a.Weight == nil || *a.Weight == *b.Weight)
}

// Runner keeps a source running.
type Runner struct {
	Source Source
	Log    *zap.Logger
	// Apply is called with the servers, at first and when they have changed, one call at a time.
	Apply func([]Endpoint)

	mu      sync.Mutex
	known   []Endpoint
	any     bool          // known was set
	ready   chan struct{} // closed when known is set first
	emptied *time.Timer   // set while no servers are found, but the last ones stay
	failing bool
}

// Start starts the source. It runs until ctx is done.
func (r *Runner) Start(ctx context.Context) {
	r.ready = make(chan struct{})
	go func() {
		defer r.stop()
		for ctx.Err() == nil {
			if err := r.watch(ctx); ctx.Err() == nil {
				r.failed(err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}()
}

// Ready returns a channel that is closed when the source has found servers, or an empty set.
// Start must have been called.
func (r *Runner) Ready() <-chan struct{} { return r.ready }

// Reapply calls Apply again with the last servers, if the source has found any yet.
func (r *Runner) Reapply() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.any {
		r.Apply(r.known)
	}
}

// watch runs the source once. A panic of it is an error.
func (r *Runner) watch(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if err := r.Source.Watch(ctx, func(all []Endpoint) { r.set(ctx, all) }); err != nil {
		return err
	}
	return errors.New("it ended")
}

// failed logs that a source does not work, once until it works again.
func (r *Runner) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.failing {
		r.Log.Warn("discovery of servers failed: keeping the last ones", zap.Int("servers", len(r.known)), zap.Error(err))
	}
	r.failing = true
}

// set takes the servers that the source has found.
func (r *Runner) set(ctx context.Context, all []Endpoint) {
	if err := validate(all); err != nil {
		r.failed(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failing && len(all) > 0 {
		r.Log.Info("discovery of servers works again", zap.Int("servers", len(all)))
		r.failing = false
	}
	if r.emptied != nil && len(all) == 0 {
		return
	}
	r.keepServers()
	if r.any && slices.EqualFunc(all, r.known, sameEndpoint) {
		return
	}
	if _, itself := r.Source.(selfHolder); itself || len(all) > 0 {
		r.use(all)
		return
	}
	r.emptied = time.AfterFunc(HoldEmpty, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.emptied != nil && ctx.Err() == nil {
			r.emptied = nil
			r.use(nil)
		}
	})
	r.signal()
}

// signal closes ready.
func (r *Runner) signal() {
	select {
	case <-r.ready:
	default:
		close(r.ready)
	}
}

// use makes servers the known ones. r.mu is held.
func (r *Runner) use(all []Endpoint) {
	r.known, r.any = append([]Endpoint(nil), all...), true
	r.Apply(r.known)
	r.signal()
}

// stop cancels the removal of all servers.
func (r *Runner) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keepServers()
}

// keepServers lets the last servers stay. r.mu is held.
func (r *Runner) keepServers() {
	if r.emptied != nil {
		r.emptied.Stop()
		r.emptied = nil
	}
}
