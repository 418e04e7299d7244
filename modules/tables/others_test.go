// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An entry shows the sum of what all nodes have counted, and changes what this one has.
func TestOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{Type: IPv6, Size: 10, Store: store(t, "server_id", "gpt0", "conn_cur", "conn_rate(10s)", "bytes_in_cnt", "gpc(2)")}
		own, others := New(c), []*Table{New(c), New(c)}
		own.AddOthers(others)
		for i, table := range append(others, own) {
			table.Update([]byte{192, 0, 2, 1}, func(r Row) {
				r.SetServer("s" + string(rune('1'+i)))
				r.Set(GPT0, 0, int64(i))
				r.Add(ConnCurrent, 0, int64(i+1))
				r.Add(ConnRate, 0, 10)
				r.Add(BytesIn, 0, 100)
				r.Add(GPC, 1, 1)
			})
		}
		others[0].Update([]byte{192, 0, 2, 2}, func(r Row) { r.Set(ConnCurrent, 0, 99) })
		expect := func(want map[Data]int64) {
			t.Helper()
			own.View([]byte{192, 0, 2, 1}, func(r Row) {
				for d, n := range want {
					if got, stored := r.Get(d, 0); got != n || !stored {
						t.Errorf("%s is %d, %t, want %d", d, got, stored, n)
					}
				}
				if r.Server() != "s3" {
					t.Errorf("server %s", r.Server())
				}
				if n, _ := r.Own(ConnCurrent, 0); n != 3 {
					t.Errorf("conn_cur of this node is %d", n)
				}
			})
		}
		expect(map[Data]int64{GPT0: 2, ConnCurrent: 6, ConnRate: 30, BytesIn: 300, GPC1: 3, GPC0: 0})
		for r := range own.All() {
			if n, _ := r.Get(ConnCurrent, 0); n != 6 {
				t.Errorf("conn_cur of the list is %d", n)
			}
		}
		time.Sleep(15 * time.Second)
		expect(map[Data]int64{ConnCurrent: 6, ConnRate: 15})
		own.AddOthers(others[1:])
		expect(map[Data]int64{ConnCurrent: 5, BytesIn: 200})
		own.AddOthers(nil)
		expect(map[Data]int64{GPT0: 2, ConnCurrent: 3, BytesIn: 100, GPC1: 1})
	})
}

// Others change while an entry is read.
func TestOthersChange(t *testing.T) {
	c := Config{Size: 100, Store: store(t, "gpc0")}
	own, other := New(c), New(c)
	var running sync.WaitGroup
	for k := range 3 {
		running.Go(func() {
			for i := range 2000 {
				switch k {
				case 0:
					other.Update(address(i%50), func(r Row) { r.Add(GPC0, 0, 1) })
				case 1:
					own.Update(address(i%50), func(r Row) { r.Get(GPC0, 0) })
				default:
					own.AddOthers([]*Table{other}[:i%2])
				}
			}
		})
	}
	running.Wait()
}

func TestCanonical(t *testing.T) {
	for of, keys := range map[Type][2]string{
		IPv6:   {"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01", "\xc0\x00\x02\x01"},
		Binary: {"id\x00\x00", "id"},
		String: {"name\x00rest", "name"},
	} {
		if got, ok := New(Config{Type: of, Size: 1}).Canonical([]byte(keys[0])); !ok || string(got) != keys[1] {
			t.Errorf("%s %q: %q, %t", of, keys[0], got, ok)
		}
	}
	if _, ok := New(Config{Type: IP, Size: 1}).Canonical([]byte("x")); ok {
		t.Error("a byte is an address")
	}
}
