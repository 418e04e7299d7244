// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestConcurrentUse checks that no event and no place is lost while entries are created, held,
// purged and cleared, and the configuration changes.
func TestConcurrentUse(t *testing.T) {
	c := Config{Size: 100, Expire: time.Hour, Store: store(t, "conn_cur", "gpc0")}
	table := newTable(c, 8)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var held []Ref
			for range 5000 {
				key := address(rand.IntN(300))
				if ref, ok := table.Track(key); ok {
					ref.Do(func(r Row) { r.Add(ConnCurrent, 0, 1) })
					held = append(held, ref)
				}
				if len(held) > 15 {
					held[0].Do(func(r Row) { r.Add(ConnCurrent, 0, -1) })
					held[0].Release()
					held = held[1:]
				}
				table.Update(address(rand.IntN(300)), func(r Row) { r.Add(GPC0, 0, 1) })
			}
			for _, ref := range held {
				ref.Do(func(r Row) { r.Add(ConnCurrent, 0, -1) })
				ref.Release()
			}
		})
	}
	all.Go(func() {
		for i := range 200 {
			next := c
			next.Size = 80 + i%40
			if i%2 == 0 {
				next.Store = append(next.Store, Store{Data: BytesIn})
			}
			table.Reconfigure(next)
			for r := range table.All() {
				table.View(r.Key(), func(Row) {})
			}
		}
		table.Reconfigure(c)
	})
	all.Wait()
	n := 0
	for r := range table.All() {
		n++
		if cur, _ := r.Get(ConnCurrent, 0); cur != 0 || r.Uses() != 0 {
			t.Errorf("%v: conn_cur %d, %d uses", r.Key(), cur, r.Uses())
		}
	}
	if used := table.used.Load(); n > c.Size || int64(n) != used || n != table.Len() {
		t.Errorf("%d entries, %d places, Len %d", n, used, table.Len())
	}
}
