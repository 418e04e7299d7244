// SPDX-License-Identifier: Apache-2.0

package frequency

import (
	"testing"
	"time"
)

func BenchmarkRate(b *testing.B) {
	now := time.Now()
	b.Run("count", func(b *testing.B) {
		var r Rate
		for b.Loop() {
			r.Count(now)
		}
	})
	b.Run("count with a reading of the clock", func(b *testing.B) {
		var r Rate
		for b.Loop() {
			r.Count(time.Now())
		}
	})
	b.Run("count on all cores", func(b *testing.B) {
		var r Rate
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r.Count(now)
			}
		})
	})
}
