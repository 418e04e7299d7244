// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
)

// limiterPoll is the pause between two checks of the limit.
const limiterPoll = 2 * time.Millisecond

// countDelay is the time that a connection may take from Accept until lifecycle counts it. Some are
// never counted there: those of an app that serves HTTP.
const countDelay = 20 * time.Millisecond

// The descriptors kept free of connections, beside those that are open before the first one: for
// health checks, the log, the admin endpoint and the relay's pipes.
const (
	minSpare   = 6
	maxSpare   = 64
	minReserve = 20 // with those that are open
	// manyDescriptors is the limit from which on the pipes have descriptors of their own: a part of
	// all, as in package relay.
	manyDescriptors = 512
	maxPipes        = 2048
	pipeShare       = 8
)

// MaxConnections returns how many connections the limit of descriptors allows, with a server
// connection for each. Clients beyond that stay in the kernel's queue: accepted, they would hold
// the descriptors that the others need to reach their servers.
func MaxConnections() int {
	return connectionsFor(descriptorLimit(), openAtStart()+max(0, int(openSockets.Load())-1))
}

func init() {
	limits.Overload.Watch(limits.Resource{Name: "descriptors", Paces: true, Used: func() (used, limit int64) {
		if n := MaxConnections(); n < math.MaxInt {
			limit = int64(n)
		}
		return int64(lifecycle.Connections()), limit
	}})
}

// openAtStart returns the number of descriptors that were open when it was first called, which is
// before the first connection.
var openAtStart = sync.OnceValue(openDescriptors)

// usualDescriptors is the number of descriptors of a process without connections.
const usualDescriptors = 14

// openSockets is the number of listening sockets of this package.
var openSockets atomic.Int64

// connectionsFor returns the connections that a limit of descriptors allows, of which some are used
// otherwise; 0 means no limit.
func connectionsFor(limit uint64, used int) int {
	if limit == 0 || limit > math.MaxInt32 {
		return math.MaxInt
	}
	n := int(limit)
	reserve := max(minReserve, used+min(maxSpare, max(minSpare, n/32)))
	if n >= manyDescriptors {
		reserve += min(maxPipes, n/pipeShare)
	}
	return max(1, (n-reserve)/2)
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
	for {
		pause := r.pause(s)
		if pause == 0 {
			return true
		}
		select {
		case <-time.After(pause):
		case <-s.recheck: // awaitQueueSpace, which also waits for it, looks itself first
		case <-s.closing:
			return false
		}
	}
}

// pause returns how long to leave connections in the kernel's queue; 0: not at all.
func (r *connLimiter) pause(s *socket) time.Duration {
	if pause := s.gatePause(); pause > 0 {
		return pause
	}
	if !r.allows(s) {
		return limiterPoll
	}
	return 0
}

// allows reports whether a connection may be accepted. If not, call it again after limiterPoll.
func (r *connLimiter) allows(s *socket) bool {
	now, most := lifecycle.Connections(), MaxConnections()
	short := now >= most
	if wanted := limits.Process.MaxConn.Load(); wanted > 0 {
		most = min(most, int(wanted))
	}
	if now+r.uncounted() < most {
		r.waited = 0
		return true
	}
	if short {
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
