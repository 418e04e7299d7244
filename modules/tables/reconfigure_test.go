// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestReconfigureKeys(t *testing.T) {
	for _, test := range []struct {
		from, to Config
		want     bool
	}{
		{Config{Type: IP}, Config{Type: IPv6}, true},
		{Config{Type: IPv6}, Config{Type: IP}, false},
		{Config{Type: IP}, Config{Type: Integer}, false},
		{Config{Type: String}, Config{Type: String, Length: 64}, true},
		{Config{Type: String}, Config{Type: String, Length: 30}, false},
		{Config{Type: Binary, Length: 4}, Config{Type: Binary, Length: 5}, true},
		{Config{Type: Binary}, Config{Type: String}, false},
	} {
		test.from.Size, test.to.Size = 2000, 2000
		test.from.Store, test.to.Store = store(t, "conn_cnt"), store(t, "gpt0", "conn_cnt")
		table := New(test.from)
		key := func(i int) []byte {
			if test.from.Type == String {
				return fmt.Append(nil, i)
			}
			return address(i)
		}
		for i := range 1500 {
			count(table, key(i))
		}
		if got := table.Reconfigure(test.to); got != test.want {
			t.Errorf("%s to %s: %t", test.from.Type, test.to.Type, got)
			continue
		}
		if !test.want {
			continue
		}
		for _, i := range []int{1, 700, 1499} {
			wantCount(t, table, key(i), 1)
		}
	}
}

// The entries that stay in a smaller table are those touched last.
func TestReconfigureSmaller(t *testing.T) {
	table := New(Config{Size: 10, Store: store(t, "conn_cnt")})
	for i := range 10 {
		count(table, address(i))
	}
	held, _ := table.Track(address(0))
	table.Reconfigure(Config{Size: 3, NoPurge: true, Store: store(t, "conn_cnt")})
	for i, want := range []int64{1, -1, -1, -1, -1, -1, -1, -1, 1, 1} {
		wantCount(t, table, address(i), want)
	}
	held.Release()
}

// Held entries are kept even where there is no room for them, and the table gets smaller later.
func TestReconfigureSmallerThanHeld(t *testing.T) {
	table := New(Config{Size: 10, Store: store(t, "conn_cnt")})
	var held []Ref
	for i := range 10 {
		ref, _ := table.Track(address(i))
		held = append(held, ref)
	}
	table.Reconfigure(Config{Size: 2, Store: store(t, "conn_cnt")})
	if n := table.Len(); n != 10 {
		t.Fatalf("%d entries, want all", n)
	}
	for _, ref := range held {
		ref.Release()
	}
	for i := range 20 {
		count(table, address(100+i))
	}
	if n := table.Len(); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
}

func TestReconfigureExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Config{Size: 10, Store: store(t, "conn_cnt", "conn_rate(10s)")})
		count(table, address(1))
		table.Update(address(1), func(r Row) { r.Add(ConnRate, 0, 7) })
		time.Sleep(time.Minute)
		table.Reconfigure(Config{Size: 10, Expire: 2 * time.Minute, Store: store(t, "conn_cnt", "conn_rate(1h)")})
		table.View(address(1), func(r Row) {
			if got, _ := r.Get(ConnRate, 0); got != 0 {
				t.Errorf("rate of another period: %d", got)
			}
		})
		time.Sleep(59 * time.Second)
		wantCount(t, table, address(1), 1)
		time.Sleep(time.Second)
		wantCount(t, table, address(1), -1)
		synctest.Wait()
		if n := table.Len(); n != 0 {
			t.Errorf("%d entries", n)
		}
	})
}
