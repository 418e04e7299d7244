// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// maxPause is the pause before a retry on the same server, as in HAProxy.
const maxPause = time.Second

// Attempts tracks the attempts of one connection or HTTP request to reach a server of a backend,
// and decides which server each attempt goes to, and when.
type Attempts struct {
	Backend *Backend
	Request pool.Request
	Retries int // so far
	// Pauser pauses before another attempt on the same server.
	Pauser Pauser
}

// A Pauser waits for d, or until the client leaves.
type Pauser interface{ Pause(d time.Duration) }

// Failure describes a failed attempt.
type Failure struct {
	// Outcome is the effect on the server's health.
	Outcome pool.Outcome
	// TimedOut reports that the attempt took the whole connect timeout; then there is no further
	// pause.
	TimedOut bool
}

// Acquire waits for a server until ctx ends.
func (a *Attempts) Acquire(ctx context.Context) (*pool.Lease, error) {
	return a.Backend.pool.Acquire(ctx, &a.Request)
}

// TryAcquire returns the lease that Acquire would return without waiting, or nil: then call
// Acquire. See pool.Pool.TryAcquire.
func (a *Attempts) TryAcquire() *pool.Lease {
	return a.Backend.pool.TryAcquire(&a.Request)
}

// ErrNoBudget means that the retry budget does not allow another retry.
var ErrNoBudget = errors.New("not retried: the retry budget of the backend is used up")

// ErrNoRetries means that all retries are used up.
var ErrNoRetries = errors.New("no retries left")

// Retry counts another attempt. It returns ErrNoRetries or ErrNoBudget if no attempt is left.
func (a *Attempts) Retry() error {
	if a.Retries == *a.Backend.Retries {
		return ErrNoRetries
	}
	if !a.Backend.pool.TakeRetry() {
		return ErrNoBudget
	}
	a.Retries++
	return nil
}

// Next returns the lease for the attempt after failed. It takes over failed: Next releases it, or
// returns it again if the next attempt goes to the same server.
func (a *Attempts) Next(ctx context.Context, failed *pool.Lease, f Failure) (*pool.Lease, error) {
	switch r := a.Backend.Redispatch; {
	case !r.On || a.Request.Forced:
		return a.sameServer(failed, f), nil
	case r.N != 0:
		return a.redispatch(ctx, failed, f)
	default:
		return a.anotherServer(ctx, failed, f)
	}
}

// moveFrom releases a failed lease for another one, perhaps on another server.
func (a *Attempts) moveFrom(failed *pool.Lease, f Failure) {
	a.Backend.pool.Retried(failed.Server, true)
	failed.Release(f.Outcome)
}

// sameServer keeps the failed lease, and with it the server's slot, for another attempt.
func (a *Attempts) sameServer(failed *pool.Lease, f Failure) *pool.Lease {
	a.Backend.pool.Retried(failed.Server, false)
	if f.Outcome == pool.ConnectFailed {
		failed.Failed()
	}
	a.pause(f)
	return failed
}

// anotherServer returns a lease on a server that has not been tried, as long as there is one.
func (a *Attempts) anotherServer(ctx context.Context, failed *pool.Lease, f Failure) (*pool.Lease, error) {
	a.moveFrom(failed, f)
	a.Request.Avoid(failed.Server)
	lease, err := a.Acquire(ctx)
	if !errors.Is(err, pool.ErrNoServer) {
		return lease, err
	}
	a.pause(f)
	a.Request.ClearAvoided()
	return a.Acquire(ctx)
}

// redispatch follows HAProxy's option redispatch. It moves to another server than the last one,
// possibly one that was tried before, if the last one is down by now, or if several servers are up
// and the policy does not tie the connection to one. With several servers up there is no pause.
func (a *Attempts) redispatch(ctx context.Context, failed *pool.Lease, f Failure) (*pool.Lease, error) {
	p := a.Backend.pool
	several := p.UsableActives() > 1
	one := !several || p.Sticky() || a.Request.Server != ""
	if !a.Backend.Redispatch.At(a.Retries, *a.Backend.Retries) && one && p.Running(failed.Server) {
		return a.sameServer(failed, f), nil
	}
	a.moveFrom(failed, f)
	if !several {
		a.pause(f)
	}
	a.Request.AvoidLast(failed.Server)
	return a.Acquire(ctx)
}

// pause waits before the same server is tried again, unless the failed attempt has already taken
// the connect timeout.
func (a *Attempts) pause(f Failure) {
	pause := maxPause
	if timeout := time.Duration(a.Backend.Timeouts.Connect); timeout > 0 {
		pause = min(pause, timeout)
	}
	if !f.TimedOut {
		a.Pauser.Pause(pause)
	}
}
