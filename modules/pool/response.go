// SPDX-License-Identifier: Apache-2.0

package pool

import "time"

// processStart is the origin of stamps.
var processStart = time.Now()

// stamp returns a time in microseconds, modulo 2^32 and never 0: a lease has no room for more. It
// suffices for differences of up to an hour.
func stamp(now time.Time) uint32 {
	return max(1, uint32(now.Sub(processStart).Microseconds()))
}

// sinceStamp returns the time that has passed since a stamp.
func sinceStamp(began uint32) time.Duration {
	return time.Duration(stamp(time.Now())-began) * time.Microsecond
}

// responded tells the policy how the server of a lease has responded, if the policy asks for it and
// the attempt is the first one of the lease.
func (l *Lease) responded(e ResponseEvent) {
	if l.began == 0 {
		return
	}
	b := l.Server.state.backend
	b.mu.Lock()
	defer b.unlock()
	b.tellResponse(l, e)
}

// tellResponse tells the policy while the backend is locked.
func (b *backend) tellResponse(l *Lease, e ResponseEvent) {
	if l.began == 0 || b.pool == nil {
		return
	}
	t, ok := b.pool.policy.(ResponseTracker)
	if s := b.current(l.Server.state); ok && s != nil {
		t.Responded(s, Response{e, sinceStamp(l.began)})
	}
}
