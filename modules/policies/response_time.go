// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"math"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// failedCost is the least time that a failed connect counts as.
const failedCost = time.Second

var processStart = time.Now()

// sinceStart returns the time on the monotonic clock.
func sinceStart() time.Duration { return time.Since(processStart) }

// responseTime is a moving average of a server's response times that follows a greater one at once,
// and falls as time passes: a server that gets no connections is tried again some time.
type responseTime struct {
	average float64 // in nanoseconds, as of updated
	updated time.Duration
	known   bool // the server has responded, or failed
}

// observe takes a measurement. The time to connect is only the least that the response takes.
func (t *responseTime) observe(after, now, decay time.Duration, event pool.ResponseEvent) {
	old, sample := t.at(now, decay), float64(after)
	switch {
	case sample >= old:
		t.average = sample
	case event == pool.Connected:
		return
	default:
		t.average = old + sample*(1-t.weight(now, decay))
	}
	t.updated = now
	t.known = t.known || event != pool.Connected
}

// at returns the average as it is now.
func (t *responseTime) at(now, decay time.Duration) float64 { return t.average * t.weight(now, decay) }

// weight returns the part of the average that is left by now.
func (t *responseTime) weight(now, decay time.Duration) float64 {
	return math.Exp(-float64(max(0, now-t.updated)) / float64(decay))
}

// cost orders servers: those that have not responded yet to a first connection come last, then the
// response time times the load counts, then the load alone.
type cost struct {
	probing    bool
	time, load float64
}

func (c cost) below(o cost) bool {
	switch {
	case c.probing != o.probing:
		return o.probing
	case c.time != o.time:
		return c.time < o.time
	default:
		return c.load < o.load
	}
}
