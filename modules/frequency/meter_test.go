// SPDX-License-Identifier: Apache-2.0

package frequency

import (
	"sync"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	var m Meter
	if got := m.PerSecond(at(500)); got != 0 {
		t.Errorf("%d without events", got)
	}
	for ms := 10_000; ms < 12_000; ms += 10 { // 100 a second
		m.Count(at(ms))
	}
	for ms, want := range map[int]int{11_999: 100, 12_000: 100, 12_250: 75, 12_990: 1, 13_000: 0, 99_000: 0} {
		if got := m.PerSecond(at(ms)); got != want {
			t.Errorf("after %d ms: %d, want %d", ms, got, want)
		}
	}
	if got := m.Total(); got != 200 {
		t.Errorf("%d events", got)
	}
	m.Count(at(12_000))
	m.Count(at(11_999)) // by a goroutine that was late
	if got := m.PerSecond(at(12_500)); got != 52 {
		t.Errorf("%d, want 52", got)
	}
}

// No event is lost when many count at once.
func TestMeterConcurrently(t *testing.T) {
	t.Parallel()
	var m Meter
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				m.Count(epoch.Add(5500 * time.Millisecond))
			}
		})
	}
	all.Wait()
	if got := m.Total(); got != 8000 || m.PerSecond(epoch.Add(5600*time.Millisecond)) != 8000 {
		t.Errorf("%d events, %d in this second", got, m.PerSecond(epoch.Add(5600*time.Millisecond)))
	}
}
