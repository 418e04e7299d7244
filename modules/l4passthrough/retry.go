// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"errors"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// maxPause is the pause before a retry that has no other server to go to. It is
// HAProxy's.
const maxPause = time.Second

// attempts is the way of one connection through the servers of a backend.
type attempts struct {
	backend *balancer.Backend
	client  presence
	request pool.Request
	retries int // so far
}

// retry reports whether there may be another attempt, and counts it if so. Where it
// is the backend's retry budget that allows none, the record's error says so.
func (a *attempts) retry(r *tcplog.Record) bool {
	if a.retries == *a.backend.Retries {
		return false
	}
	if !a.backend.Pool().TakeRetry() {
		r.Error += "; not retried: the retry budget of the backend is used up"
		return false
	}
	a.retries++
	r.Retries = a.retries
	return true
}

// next returns the lease for the next attempt after failed. The caller holds failed
// and gives it up: next releases it, or returns it again where the next attempt goes
// to the same server.
func (a *attempts) next(failed *pool.Lease, end tcplog.End) (*pool.Lease, error) {
	switch r := a.backend.Redispatch; {
	case !r.On:
		return a.same(failed, end), nil
	case r.N != 0:
		return a.asHAProxy(failed, end)
	default:
		return a.another(failed, end)
	}
}

// same is the lease that has failed, for another attempt: what it holds of the
// server it keeps.
func (a *attempts) same(failed *pool.Lease, end tcplog.End) *pool.Lease {
	if outcomeOf(end) == pool.ConnectFailed {
		failed.Failed()
	}
	a.pause(end)
	return failed
}

// another is a lease on a server that has not been tried, as long as there is
// one.
func (a *attempts) another(failed *pool.Lease, end tcplog.End) (*pool.Lease, error) {
	failed.Release(outcomeOf(end))
	a.request.Avoid(failed.Server)
	lease, err := a.acquire()
	if !errors.Is(err, pool.ErrNoServer) {
		return lease, err
	}
	a.pause(end)
	a.request.Forgive()
	return a.acquire()
}

// asHAProxy is a lease on another server than the last one where that one is down
// by now, or several servers are up and the policy is not about one that suits; it
// may have been tried before. With several it is had at once.
func (a *attempts) asHAProxy(failed *pool.Lease, end tcplog.End) (*pool.Lease, error) {
	p := a.backend.Pool()
	several := p.Actives() > 1
	if !a.backend.Redispatch.At(a.retries, *a.backend.Retries) && (!several || p.Sticky()) && p.Running(failed.Server) {
		return a.same(failed, end), nil
	}
	failed.Release(outcomeOf(end))
	if !several {
		a.pause(end)
	}
	a.request.AvoidLast(failed.Server)
	return a.acquire()
}

// acquire waits for a server, as long as the client does.
func (a *attempts) acquire() (*pool.Lease, error) {
	return a.backend.Pool().Acquire(&a.client, &a.request)
}

// pause waits before the same server is tried again, unless it has been waited
// for long enough already.
func (a *attempts) pause(end tcplog.End) {
	pause := maxPause
	if timeout := time.Duration(a.backend.Timeouts.Connect); timeout > 0 {
		pause = min(pause, timeout)
	}
	if end == tcplog.ConnectTimeout {
		return
	}
	a.client.begin()
	select {
	case <-time.After(pause):
	case <-a.client.c.gone:
	}
}
