// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/lifecycle"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
	"github.com/caddy-passthrough/caddy-passthrough/modules/trends"
)

// history holds the last hour of the process.
var history recorder

func init() { balancer.WhileServing(history.run) }

// History returns the last hour of the process. It outlives reloads, and has gaps where no
// configuration of the load balancer ran.
func History() trends.Snapshot { return history.Snapshot(time.Now()) }

// recorder adds values to a history.
type recorder struct {
	trends.History

	mu      sync.Mutex
	at      time.Time // of before; zero before the first values
	before  sums
	dropped time.Time // when log lines were last missing; zero: never
}

// sums only rise, unless an operator clears counters.
type sums struct {
	frontend.Totals
	in, out int64
	dropped uint64 // lines of the log
}

// run adds values until ctx ends.
func (r *recorder) run(ctx context.Context) {
	timer := time.NewTimer(r.Wait(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			r.record(time.Now(), readSums())
			timer.Reset(r.Wait(time.Now()))
		case <-ctx.Done():
			return
		}
	}
}

func readSums() sums {
	moved := relay.ReadStats()
	_, dropped := tcplog.Stats()
	return sums{frontend.AllTotals(), moved.In, moved.Out, dropped}
}

// lastDrop returns when lines of the log were last dropped, within Step; zero: never.
func (r *recorder) lastDrop() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// record adds the values of a moment. At a reload, the goroutines of two configurations may call it
// at the same time: then the second call adds nothing.
func (r *recorder) record(now time.Time, read sums) {
	r.mu.Lock()
	defer r.mu.Unlock()
	passed := now.Sub(r.at)
	if !r.at.IsZero() && passed < trends.Step/4 {
		return
	}
	perSecond := func(before, after int64) float32 {
		if r.at.IsZero() {
			return float32(math.NaN())
		}
		return float32(max(0, float64(after-before)/passed.Seconds()))
	}
	values := trends.Values{
		trends.Sessions:    float32(lifecycle.Connections()),
		trends.SessionRate: perSecond(r.before.Sessions, read.Sessions),
		trends.BytesIn:     perSecond(r.before.in, read.in),
		trends.BytesOut:    perSecond(r.before.out, read.out),
		trends.Errors:      perSecond(r.before.Failures, read.Failures),
		trends.Saturation:  0,
	}
	if all := Limits(); len(all) > 0 {
		values[trends.Saturation] = float32(all[0].Part())
	}
	if read.dropped > r.before.dropped {
		r.dropped = now
	}
	r.Add(now, values)
	r.at, r.before = now, read
}
