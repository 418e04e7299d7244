// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// limiterPoll is the pause between two looks for room.
const limiterPoll = 2 * time.Millisecond

// countDelay is how long a connection may take from Accept to whatever counts it. That
// may be nothing: an app that serves HTTP does not.
const countDelay = 20 * time.Millisecond

// maxReserve is how many descriptors are kept from connections for all else that the
// process opens: health checks, the log, the admin endpoint.
const maxReserve = 64

// maxPipes is how many descriptors the relay's pipes take at most.
const maxPipes = 2048

// maxConnections returns how many connections the limit of descriptors allows, each
// with one to its server. Clients beyond that wait in the kernel's queue: accepted,
// they would hold the descriptors that the others' servers are to be connected by.
var maxConnections = sync.OnceValue(func() int { return connectionsFor(descriptorLimit()) })

// connectionsFor is maxConnections with a limit; 0 is none.
func connectionsFor(limit uint64) int {
	if limit == 0 || limit > math.MaxInt32 {
		return math.MaxInt
	}
	n := int(limit)
	return max(1, (n-min(maxReserve, n/4)-min(maxPipes, n/8))/2)
}

var errTooManyConnections = errors.New("as many connections as the limit of open files allows (LimitNOFILE= of systemd, ulimit -n)")

// connLimiter keeps an accept goroutine from accepting more connections than there are
// descriptors for.
type connLimiter struct {
	accepted int           // since base
	base     int64         // how many connections had arrived then
	waited   time.Duration // since there was room
	pauseLog backoff
}

// await waits for room for a connection. False means that the last user of s has gone.
func (r *connLimiter) await(s *socket) bool {
	for !r.allows(s) {
		if s.pause(limiterPoll) {
			return false
		}
	}
	return true
}

// allows reports whether there is room for a connection. If not, it is to be called again
// after limiterPoll.
func (r *connLimiter) allows(s *socket) bool {
	now, most := lifecycle.Connections(), maxConnections()
	if now+r.uncounted() < most {
		r.waited = 0
		return true
	}
	if now >= most {
		r.pauseLog.what = "accepting connections pauses; clients wait in the queue"
		r.pauseLog.after(s, errTooManyConnections)
	}
	if r.waited >= countDelay { // they are not for those who count
		r.accepted = 0
	}
	r.waited += limiterPoll
	return false
}

// uncounted returns how many connections have been accepted and are not counted yet.
func (r *connLimiter) uncounted() int {
	arrived := lifecycle.TotalConnections()
	n := r.accepted - int(arrived-r.base)
	if n <= 0 {
		r.accepted, r.base, n = 0, arrived, 0
	}
	return n
}
