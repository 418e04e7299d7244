// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/trends"
)

// Rates are those between two values, whatever the time between them.
func TestRecord(t *testing.T) {
	var r recorder
	now := time.Now()
	last := func(s trends.Series) float32 {
		snapshot := r.Snapshot(now)
		return snapshot.Last(s)
	}
	r.record(now, sums{frontend.Totals{Sessions: 1000}, 5000, 9000, 0})
	if !trends.IsGap(last(trends.SessionRate)) || !trends.IsGap(last(trends.BytesIn)) || trends.IsGap(last(trends.Sessions)) {
		t.Error("the first rates are no gaps, or the number of sessions is one")
	}
	now = now.Add(4 * time.Second)
	r.record(now, sums{frontend.Totals{Sessions: 1020, Failures: 2}, 5400, 9004, 7})
	r.record(now.Add(time.Millisecond), sums{}) // of another configuration
	for s, want := range map[trends.Series]float32{trends.SessionRate: 5, trends.Errors: 0.5, trends.BytesIn: 100, trends.BytesOut: 1} {
		if got := last(s); got != want {
			t.Errorf("%s %v, want %v", s, got, want)
		}
	}
	if !r.lastDrop().Equal(now) {
		t.Errorf("lines were dropped at %v, want %v", r.lastDrop(), now)
	}
	now = now.Add(trends.Step)
	r.record(now, sums{}) // counters have been cleared
	if got := last(trends.SessionRate); got != 0 {
		t.Errorf("%v sessions a second", got)
	}
}

// Values are added at each step, until the configuration ends, and on in the next one.
func TestHistoryRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			go r.run(ctx)
			time.Sleep(10*trends.Step + trends.Step/4)
			cancel()
			synctest.Wait()
		}
		values := 0
		snapshot := r.Snapshot(time.Now())
		for _, v := range snapshot.Values[trends.Sessions] {
			if !trends.IsGap(v) {
				values++
			}
		}
		if values != 21 {
			t.Errorf("%d values in 20 steps, want 21", values)
		}
	})
}

// BenchmarkRecord measures what a value each five seconds costs.
func BenchmarkRecord(b *testing.B) {
	var r recorder
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(trends.Step)
		r.record(now, readSums())
	}
}
