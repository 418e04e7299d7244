// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
)

// limiterPoll is the pause between two checks of the limit.
const limiterPoll = 2 * time.Millisecond

// countDelay is the time that a connection may take from Accept until lifecycle counts it. Some are
// never counted there: those of an app that serves HTTP.
const countDelay = 20 * time.Millisecond

// maxReserve is the number of descriptors kept free of connections, for everything else that the
// process opens: health checks, the log, the admin endpoint.
const maxReserve = 64

// maxPipes is the maximum number of descriptors of the relay's pipes.
const maxPipes = 2048

// maxConnections returns how many connections the limit of descriptors allows, with a server
// connection for each. Clients beyond that stay in the kernel's queue: accepted, they would hold
// the descriptors that the others need to reach their servers.
var maxConnections = sync.OnceValue(func() int { return connectionsFor(descriptorLimit()) })

// connectionsFor returns the connections that a limit of descriptors allows; 0 means no limit.
func connectionsFor(limit uint64) int {
	if limit == 0 || limit > math.MaxInt32 {
		return math.MaxInt
	}
	n := int(limit)
	return max(1, (n-min(maxReserve, n/4)-min(maxPipes, n/8))/2)
}

var errTooManyConnections = errors.New("connection limit reached, which the limit of open files sets (LimitNOFILE= of systemd, ulimit -n)")

// connLimiter keeps an accept goroutine from accepting more connections than there are descriptors
// for.
type connLimiter struct {
	accepted int           // since base
	base     int64         // lifecycle's total of connections when accepted was 0
	waited   time.Duration // since the limit was reached
	pauseLog backoff
}

// await waits until a connection may be accepted. It returns false if the last user of s is gone.
func (r *connLimiter) await(s *socket) bool {
	for !r.allows(s) {
		if s.pause(limiterPoll) {
			return false
		}
	}
	return true
}

// allows reports whether a connection may be accepted. If not, call it again after limiterPoll.
func (r *connLimiter) allows(s *socket) bool {
	now, most := lifecycle.Connections(), maxConnections()
	if now+r.uncounted() < most {
		r.waited = 0
		return true
	}
	if now >= most {
		r.pauseLog.what = "accepting connections paused: clients wait in the queue"
		r.pauseLog.after(s, errTooManyConnections)
	}
	if r.waited >= countDelay { // lifecycle does not count them
		r.accepted = 0
	}
	r.waited += limiterPoll
	return false
}

// uncounted returns how many accepted connections lifecycle has not counted yet.
func (r *connLimiter) uncounted() int {
	arrived := lifecycle.TotalConnections()
	n := r.accepted - int(arrived-r.base)
	if n <= 0 {
		r.accepted, r.base, n = 0, arrived, 0
	}
	return n
}
