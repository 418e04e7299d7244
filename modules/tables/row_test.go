// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// Each value has room of its own: setting one leaves the others.
func TestValuesDoNotOverlap(t *testing.T) {
	table := New(Config{Size: 1, Store: store(t, everything...)})
	table.Update(address(1), func(r Row) {
		r.SetServer("s1")
		next := int64(1)
		each := func(f func(Data, int, int64)) {
			next = 1
			for _, s := range table.Config().Store[1:] {
				for i := range max(s.Count, 1) {
					next++
					f(s.Data, i, next)
				}
			}
		}
		each(func(d Data, i int, v int64) { r.Set(d, i, v) })
		each(func(d Data, i int, v int64) {
			if got, stored := r.Get(d, i); got != v || !stored {
				t.Errorf("%s[%d] is %d, %t, want %d", d, i, got, stored, v)
			}
		})
		if r.Server() != "s1" {
			t.Errorf("server %q", r.Server())
		}
	})
}

func TestValues(t *testing.T) {
	table := New(Config{Size: 1, Store: store(t, "conn_cur", "bytes_in_cnt", "gpc(2)", "gpt(1)", "gpc_rate(2,1s)")})
	table.Update(address(1), func(r Row) {
		r.Add(ConnCurrent, 0, -1)
		r.Add(BytesIn, 0, math.MaxUint32)
		r.Add(BytesIn, 0, 2)
		r.Add(GPC1, 0, 3)
		r.Add(GPC0Rate, 0, 4)
		r.Set(GPT0, 0, 5)
		r.Add(SessCount, 0, 1)
		r.Add(GPC, 2, 1)
		r.Add(GPC, -1, 1)
		for _, want := range []struct {
			data  Data
			i     int
			value int64
		}{
			{ConnCurrent, 0, 0},
			{BytesIn, 0, math.MaxUint32 + 2},
			{GPC, 0, 0},
			{GPC, 1, 3},
			{GPC1, 0, 3},
			{GPCRate, 0, 4},
			{GPCRate, 1, 0},
			{GPT, 0, 5},
			{SessCount, 0, -1},
			{GPC, 2, -1},
			{GPC1Rate, 0, 0},
			{NumData, 0, -1},
		} {
			got, stored := r.Get(want.data, want.i)
			if stored != (want.value >= 0) || stored && got != want.value {
				t.Errorf("%s[%d] is %d, %t, want %d", want.data, want.i, got, stored, want.value)
			}
		}
	})
}

func TestServers(t *testing.T) {
	table := New(Config{Size: 2, Store: store(t, "server_id")})
	for key, name := range []string{"", "a", "b", "a", ""} {
		table.Update(address(key), func(r Row) {
			if r.Server() != "" {
				t.Error("a new entry has a server")
			}
			if r.SetServer(name); r.Server() != name {
				t.Errorf("server %q, want %q", r.Server(), name)
			}
		})
	}
	if len(table.servers.names) != 2 {
		t.Errorf("names %v", table.servers.names)
	}
}

// TestRateAtEdges has the values at the edges of a window of 10 s.
func TestRateAtEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Config{Size: 1, Store: store(t, "conn_rate(10s)")})
		table.Update(address(1), func(r Row) { r.Add(ConnRate, 0, 1) })
		add := func(n int64) { table.Update(address(1), func(r Row) { r.Add(ConnRate, 0, n) }) }
		start := time.Now()
		add(9)
		for _, step := range []struct {
			at   time.Duration
			add  int64
			want int64
		}{
			{10 * time.Second, 0, 10},
			{11 * time.Second, 0, 9},
			{15 * time.Second, 0, 5},
			{15 * time.Second, 1, 6},
			{20 * time.Second, 0, 1},
			{30 * time.Second, 0, 1}, // a lone one does not fade
			{30*time.Second + time.Millisecond, 0, 0},
		} {
			time.Sleep(step.at - time.Since(start))
			if step.add > 0 {
				add(step.add)
			}
			table.View(address(1), func(r Row) {
				if got, _ := r.Get(ConnRate, 0); got != step.want {
					t.Errorf("at %s: %d, want %d", step.at, got, step.want)
				}
			})
		}
	})
}

// address returns the key of an IPv4 address.
func address(n int) []byte { return []byte{10, byte(n >> 16), byte(n >> 8), byte(n)} }

// The state of a rate can be copied to another table.
func TestSetRate(t *testing.T) {
	t.Parallel()
	c := Config{Type: Integer, Size: 10, Store: store(t, "conn_rate(1h)", "bytes_in_rate(1h)", "gpc_rate(2,1h)", "conn_cnt")}
	from, to := New(c), New(c)
	key := []byte{0, 0, 0, 1}
	values := []struct {
		d Data
		i int
	}{{ConnRate, 0}, {BytesInRate, 0}, {GPCRate, 0}, {GPCRate, 1}}
	for n, v := range values {
		want := Rate{time.Duration(n) * time.Minute, uint64(100 + n), uint64(40 * n)}
		from.Update(key, func(r Row) { r.SetRate(v.d, v.i, want) })
		from.View(key, func(r Row) {
			got, stored := r.Rate(v.d, v.i)
			if got.Age -= want.Age; !stored || got.Age > 50*time.Minute || got.Current != want.Current || got.Previous != want.Previous {
				t.Errorf("%s: %+v, want %+v", v.d, got, want)
			}
			to.Update(key, func(r Row) { r.SetRate(v.d, v.i, got) })
		})
		to.View(key, func(r Row) {
			if n, _ := r.Get(v.d, v.i); n < int64(want.Current) || n > int64(want.Current+want.Previous) {
				t.Errorf("%s: the copy is %d", v.d, n)
			}
		})
	}
	from.View(key, func(r Row) {
		if _, is := r.Rate(ConnCount, 0); is {
			t.Error("a count is no rate")
		}
	})
}
