// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"context"
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
	request pool.Request
	retries int // so far
}

// next is the lease for the next attempt after failed, which has been released.
func (a *attempts) next(failed *pool.Lease, end tcplog.End) (*pool.Lease, error) {
	switch r := a.backend.Redispatch; {
	case !r.On:
		a.pause(end)
		return a.backend.Pool().Again(failed), nil
	case r.N != 0:
		return a.asHAProxy(failed, end)
	default:
		return a.another(failed, end)
	}
}

// another is a lease on a server that has not been tried, as long as there is
// one.
func (a *attempts) another(failed *pool.Lease, end tcplog.End) (*pool.Lease, error) {
	p := a.backend.Pool()
	a.request.Avoid(failed.Server)
	lease, err := p.Acquire(context.Background(), &a.request)
	if !errors.Is(err, pool.ErrNoServer) {
		return lease, err
	}
	a.pause(end)
	a.request.Forgive()
	return p.Acquire(context.Background(), &a.request)
}

// asHAProxy is a lease on another server than the last one, at once, where
// several servers are up; it may have been tried before.
func (a *attempts) asHAProxy(failed *pool.Lease, end tcplog.End) (*pool.Lease, error) {
	p := a.backend.Pool()
	if p.Actives() < 2 {
		a.pause(end)
		if !a.backend.Redispatch.At(a.retries, *a.backend.Retries) {
			return p.Again(failed), nil
		}
	}
	a.request.Forgive()
	a.request.Avoid(failed.Server)
	lease, err := p.Acquire(context.Background(), &a.request)
	if errors.Is(err, pool.ErrNoServer) { // it is alone
		a.request.Forgive()
		lease, err = p.Acquire(context.Background(), &a.request)
	}
	return lease, err
}

// pause waits before the same server is tried again, unless it has been waited
// for long enough already.
func (a *attempts) pause(end tcplog.End) {
	pause := maxPause
	if timeout := time.Duration(a.backend.Timeouts.Connect); timeout > 0 {
		pause = min(pause, timeout)
	}
	if end != tcplog.ConnectTimeout {
		time.Sleep(pause)
	}
}
