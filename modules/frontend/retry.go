// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"errors"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// attempts is the way of one connection through the servers of a backend.
type attempts struct {
	balancer.Attempts
	client presence
}

// retry reports whether there may be another attempt, and counts it if so. Where it
// is the backend's retry budget that allows none, the record's error says so.
func (a *attempts) retry(r *tcplog.Record) bool {
	switch err := a.Retry(); {
	case errors.Is(err, balancer.ErrNoBudget):
		r.Error += "; " + err.Error()
		return false
	case err != nil:
		return false
	}
	r.Retries = a.Retries
	return true
}

// next returns the lease for the next attempt after failed, which the caller gives up.
func (a *attempts) next(failed *pool.Lease, end tcplog.End) (*pool.Lease, error) {
	return a.Next(&a.client, failed, balancer.Failure{Outcome: outcomeOf(end), TimedOut: end == tcplog.ConnectTimeout})
}

// acquire waits for a server, as long as the client does.
func (a *attempts) acquire() (*pool.Lease, error) { return a.Acquire(&a.client) }

// Pause waits until d is over or the client has left.
func (a *attempts) Pause(d time.Duration) {
	a.client.begin()
	select {
	case <-time.After(d):
	case <-a.client.c.gone:
	}
}
