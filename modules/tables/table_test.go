// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// count adds to conn_cnt of the entry, and returns its value, or -1 if there is no entry.
func count(table *Table, key []byte) (value int64) {
	if !table.Update(key, func(r Row) {
		r.Add(ConnCount, 0, 1)
		value, _ = r.Get(ConnCount, 0)
	}) {
		return -1
	}
	return value
}

func wantCount(t *testing.T, table *Table, key []byte, want int64) {
	t.Helper()
	got := int64(-1)
	table.View(key, func(r Row) { got, _ = r.Get(ConnCount, 0) })
	if got != want {
		t.Errorf("conn_cnt of %v is %d, want %d", key, got, want)
	}
}

func TestFullTablePurgesTheOldest(t *testing.T) {
	table := New(Config{Size: 3, Store: store(t, "conn_cnt")})
	for _, key := range []int{1, 2, 3, 1, 4} {
		count(table, address(key))
	}
	wantCount(t, table, address(1), 2)
	wantCount(t, table, address(2), -1)
	wantCount(t, table, address(4), 1)
	if n := table.Len(); n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
}

func TestHeldEntriesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Config{Size: 2, Expire: time.Second, Store: store(t, "conn_cnt")})
		held, _ := table.Track(address(1))
		again, _ := table.Track(address(1))
		other, _ := table.Track(address(2))
		if got := count(table, address(3)); got != -1 {
			t.Error("a table full of held entries takes another")
		}
		other.Release()
		held.Release()
		time.Sleep(time.Hour)
		if n := table.Len(); n != 1 {
			t.Errorf("%d entries, want the held one", n)
		}
		again.Do(func(r Row) { r.Add(ConnCount, 0, 5) })
		wantCount(t, table, address(1), 5)
		again.Release()
		time.Sleep(999 * time.Millisecond)
		wantCount(t, table, address(1), 5)
		time.Sleep(time.Millisecond)
		wantCount(t, table, address(1), -1)
	})
}

func TestNoPurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Config{Size: 2, NoPurge: true, Expire: time.Second, Store: store(t, "conn_cnt")})
		for want, key := range []int{1, 2, 3} {
			if got := count(table, address(key)); (got == -1) != (want == 2) {
				t.Errorf("conn_cnt %d of key %d", got, key)
			}
		}
		time.Sleep(time.Second)
		if got := count(table, address(3)); got != 1 {
			t.Error("the place of an expired entry is not free")
		}
	})
}

// Of a million entries that expire at once none is left, also without any operation.
func TestExpiryWithoutOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable(Config{Size: 20_000, Expire: time.Second}, 4)
		for i := range 20_000 {
			table.Update(address(i), func(Row) {})
		}
		time.Sleep(time.Second + sweepPause)
		synctest.Wait()
		for i := range table.shards {
			if s := &table.shards[i]; s.count != 0 || len(s.slabs.slabs) > 0 {
				t.Errorf("shard %d has %d entries, %d slabs", i, s.count, len(s.slabs.slabs))
			}
		}
	})
}

func TestClear(t *testing.T) {
	table := New(Config{Size: 3, Store: store(t, "conn_cnt")})
	count(table, address(1))
	count(table, address(2))
	held, _ := table.Track(address(2))
	defer held.Release()
	for key, want := range map[int]bool{1: true, 2: false, 3: false} {
		if got := table.Clear(address(key)); got != want {
			t.Errorf("Clear of %d: %t", key, got)
		}
	}
	wantCount(t, table, address(1), -1)
	wantCount(t, table, address(2), 1)
}

func TestKeys(t *testing.T) {
	mappedAddress := append(bytes.Clone(mapped), 10, 0, 0, 1)
	for _, test := range []struct {
		config   Config
		put, get []byte
		want     []byte // nil: no key of this type
	}{
		{Config{Type: IP}, []byte{10, 0, 0, 1}, mappedAddress, []byte{10, 0, 0, 1}},
		{Config{Type: IP}, bytes.Repeat([]byte{1}, 16), nil, nil},
		{Config{Type: IPv6}, []byte{10, 0, 0, 1}, mappedAddress, mappedAddress},
		{Config{Type: IPv6}, make([]byte, 16), make([]byte, 16), make([]byte, 16)},
		{Config{Type: IPv6}, make([]byte, 5), nil, nil},
		{Config{Type: Integer}, []byte{0, 0, 0, 7}, []byte{0, 0, 0, 7}, []byte{0, 0, 0, 7}},
		{Config{Type: Integer}, []byte{7}, nil, nil},
		{Config{Type: String, Length: 3}, []byte("abcd"), []byte("abce"), []byte("abc")},
		{Config{Type: String}, []byte("ab\x00d"), []byte("ab"), []byte("ab")},
		{Config{Type: String}, nil, []byte{}, []byte{}},
		{Config{Type: String}, bytes.Repeat([]byte("x"), 40), bytes.Repeat([]byte("x"), 31), bytes.Repeat([]byte("x"), 31)},
		{Config{Type: Binary, Length: 4}, []byte{1, 2}, []byte{1, 2, 0, 0, 5}, []byte{1, 2, 0, 0}},
		{Config{Type: Binary, Length: 2}, []byte{0, 0}, nil, []byte{0, 0}},
	} {
		t.Run(fmt.Sprintf("%s %v", test.config.Type, test.put), func(t *testing.T) {
			test.config.Size = 1
			table := New(test.config)
			if got := table.Update(test.put, func(Row) {}); got != (test.want != nil) {
				t.Fatalf("Update: %t", got)
			}
			var got []byte
			table.View(test.get, func(r Row) { got = append([]byte{}, r.Key()...) })
			if !bytes.Equal(got, test.want) || (got == nil) != (test.want == nil) {
				t.Errorf("key %v, want %v", got, test.want)
			}
		})
	}
}

// A panic of a caller leaves no lock behind.
func TestPanicUnlocks(t *testing.T) {
	table := New(Config{Size: 1, Store: store(t, "conn_cnt")})
	for range 2 {
		func() {
			defer func() { _ = recover() }()
			table.Update(address(1), func(Row) { panic("of the caller") })
		}()
	}
	if got := count(table, address(1)); got != 1 {
		t.Errorf("conn_cnt %d", got)
	}
}
