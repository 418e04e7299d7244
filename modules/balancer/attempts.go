// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// maxPause is the pause before a retry that has no other server to go to. It is
// HAProxy's.
const maxPause = time.Second

// Attempts is the way of one connection, or of one HTTP request, through the servers
// of a backend: which server each attempt goes to, and when.
type Attempts struct {
	Backend *Backend
	Request pool.Request
	Retries int // so far
	// Pauser waits before a server is tried again.
	Pauser Pauser
}

// A Pauser waits for d, or until the client has left.
type Pauser interface{ Pause(d time.Duration) }

// Failure is how an attempt failed.
type Failure struct {
	// Outcome is what it says of the server.
	Outcome pool.Outcome
	// TimedOut reports that the attempt has taken the connect timeout: there is no
	// pause then.
	TimedOut bool
}

// Acquire waits for a server, as long as ctx lasts.
func (a *Attempts) Acquire(ctx context.Context) (*pool.Lease, error) {
	return a.Backend.pool.Acquire(ctx, &a.Request)
}

// TryAcquire returns the lease that Acquire would return without waiting; nil: go on
// with Acquire. See pool.Pool.TryAcquire.
func (a *Attempts) TryAcquire() *pool.Lease {
	return a.Backend.pool.TryAcquire(&a.Request)
}

// ErrNoBudget says that a retry was left out because of the retry budget.
var ErrNoBudget = errors.New("not retried: the retry budget of the backend is used up")

// ErrNoRetries says that all retries have been made.
var ErrNoRetries = errors.New("no retries left")

// Retry counts another attempt, and returns an error where there may be none:
// ErrNoRetries or ErrNoBudget.
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

// Next returns the lease for the next attempt after failed. The caller holds failed
// and gives it up: Next releases it, or returns it again where the next attempt goes
// to the same server.
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

// sameServer returns the lease that has failed, for another attempt: what it holds of the
// server it keeps.
func (a *Attempts) sameServer(failed *pool.Lease, f Failure) *pool.Lease {
	if f.Outcome == pool.ConnectFailed {
		failed.Failed()
	}
	a.pause(f)
	return failed
}

// anotherServer returns a lease on a server that has not been tried, as long as there is
// one.
func (a *Attempts) anotherServer(ctx context.Context, failed *pool.Lease, f Failure) (*pool.Lease, error) {
	failed.Release(f.Outcome)
	a.Request.Avoid(failed.Server)
	lease, err := a.Acquire(ctx)
	if !errors.Is(err, pool.ErrNoServer) {
		return lease, err
	}
	a.pause(f)
	a.Request.ClearAvoided()
	return a.Acquire(ctx)
}

// redispatch returns a lease on another server than the last one where that one is
// down by now, or several servers are up and the policy is not about one that suits;
// it may have been tried before. With several it is had at once.
func (a *Attempts) redispatch(ctx context.Context, failed *pool.Lease, f Failure) (*pool.Lease, error) {
	p := a.Backend.pool
	several := p.UsableActives() > 1
	one := !several || p.Sticky() || a.Request.Server != ""
	if !a.Backend.Redispatch.At(a.Retries, *a.Backend.Retries) && one && p.Running(failed.Server) {
		return a.sameServer(failed, f), nil
	}
	failed.Release(f.Outcome)
	if !several {
		a.pause(f)
	}
	a.Request.AvoidLast(failed.Server)
	return a.Acquire(ctx)
}

// pause waits before the same server is tried again, unless it has been waited
// for long enough already.
func (a *Attempts) pause(f Failure) {
	pause := maxPause
	if timeout := time.Duration(a.Backend.Timeouts.Connect); timeout > 0 {
		pause = min(pause, timeout)
	}
	if !f.TimedOut {
		a.Pauser.Pause(pause)
	}
}
