// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// model has the entries that a table should have, without any of its structures.
type model struct {
	config  Config
	entries map[string]*modelEntry
	clock   int // touches so far
}

type modelEntry struct {
	touched time.Time
	order   int // of touching
	uses    int
	values  map[Data]int64
	events  []event // of conn_rate
}

// get returns an entry that has not expired.
func (m *model) get(key string) *modelEntry {
	e := m.entries[key]
	if e != nil && m.config.Expire > 0 && e.uses == 0 && time.Since(e.touched) >= m.config.Expire {
		delete(m.entries, key)
		return nil
	}
	return e
}

func (m *model) expireAll() {
	for key := range m.entries {
		m.get(key)
	}
}

// take returns the entry, which it creates and touches; nil: the table is full.
func (m *model) take(key string) *modelEntry {
	m.expireAll()
	e := m.entries[key]
	if e == nil {
		for len(m.entries) >= m.config.Size {
			if m.config.NoPurge || !m.purge() {
				return nil
			}
		}
		e = &modelEntry{values: make(map[Data]int64)}
		m.entries[key] = e
	}
	m.touch(e)
	return e
}

func (m *model) touch(e *modelEntry) {
	m.clock++
	e.touched, e.order = time.Now(), m.clock
}

// purge drops the oldest entry.
func (m *model) purge() bool {
	oldest := ""
	for key, e := range m.entries {
		if e.uses == 0 && (oldest == "" || e.order < m.entries[oldest].order) {
			oldest = key
		}
	}
	delete(m.entries, oldest)
	return oldest != ""
}

func (m *model) reconfigure(c Config) {
	m.expireAll()
	m.config = c
	for len(m.entries) > c.Size && m.purge() {
	}
	for _, e := range m.entries {
		for d := range e.values {
			if !stores(c, d) {
				delete(e.values, d)
			}
		}
		if !stores(c, ConnRate) {
			e.events = nil
		}
	}
}

func stores(c Config, d Data) bool {
	return slices.ContainsFunc(c.Store, func(s Store) bool { return s.Data == d })
}

// simulation does the same with a table and its model.
type simulation struct {
	table *Table
	model model
	held  []heldEntry
}

type heldEntry struct {
	ref   Ref
	model *modelEntry
}

// changes are the values that steps add to.
var changes = []Data{ConnCount, BytesIn, GPC0, ConnRate}

const simulatedPeriod = 10 * time.Second

// TestSimulation compares tables with their model while entries expire and are held, and while the
// configuration changes.
func TestSimulation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubble{t}, func(t *rapid.T) {
			c := drawConfig(t)
			s := &simulation{
				table: newTable(c, rapid.SampledFrom([]int{1, 4}).Draw(t, "shards")),
				model: model{config: c, entries: make(map[string]*modelEntry)},
			}
			t.Repeat(map[string]func(*rapid.T){
				"update": s.update, "track": s.track, "release": s.release, "do": s.do, "clear": s.clear,
				"reconfigure": s.reconfigure,
				"wait": func(t *rapid.T) {
					time.Sleep(rapid.SampledFrom([]time.Duration{999 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second, 20_001 * time.Millisecond}).Draw(t, "pause"))
				},
				"": s.check,
			})
		})
	})
}

// bubble hides the deadline of a test, which must not be asked for in a bubble.
type bubble struct{ testing.TB }

func drawConfig(t *rapid.T) Config {
	c := Config{
		Type:    rapid.SampledFrom([]Type{IP, IP, IPv6}).Draw(t, "type"),
		Size:    rapid.IntRange(1, 12).Draw(t, "size"),
		Expire:  rapid.SampledFrom([]time.Duration{0, time.Second, 20 * time.Second}).Draw(t, "expire"),
		NoPurge: rapid.IntRange(0, 4).Draw(t, "nopurge") == 0,
	}
	for _, d := range changes {
		if rapid.IntRange(0, 3).Draw(t, "store") > 0 {
			c.Store = append(c.Store, Store{Data: d, Period: simulatedPeriod})
		}
	}
	return c
}

func drawKey(t *rapid.T) []byte { return address(rapid.IntRange(0, 15).Draw(t, "key")) }

// tick makes the order of touching clear to tables with several shards.
func tick() { time.Sleep(time.Millisecond) }

// change changes a value of an entry and of its model.
func (s *simulation) change(t *rapid.T, r Row, e *modelEntry) {
	d, n := rapid.SampledFrom(changes).Draw(t, "data"), rapid.Int64Range(1, 5).Draw(t, "n")
	r.Add(d, 0, n)
	switch {
	case !stores(s.model.config, d):
	case d == ConnRate:
		e.events = append(e.events, event{time.Since(s.table.started).Milliseconds(), n})
	default:
		e.values[d] += n
	}
}

func (s *simulation) update(t *rapid.T) {
	tick()
	key := drawKey(t)
	e := s.model.take(string(key))
	if got := s.table.Update(key, func(r Row) { s.change(t, r, e) }); got != (e != nil) {
		t.Fatalf("Update: %t", got)
	}
}

func (s *simulation) track(t *rapid.T) {
	tick()
	key := drawKey(t)
	e := s.model.take(string(key))
	ref, ok := s.table.Track(key)
	if ok != (e != nil) {
		t.Fatalf("Track: %t", ok)
	}
	if ok {
		e.uses++
		s.held = append(s.held, heldEntry{ref, e})
	}
}

func (s *simulation) drawHeld(t *rapid.T) int {
	if len(s.held) == 0 {
		t.Skip("none is held")
	}
	return rapid.IntRange(0, len(s.held)-1).Draw(t, "held")
}

func (s *simulation) release(t *rapid.T) {
	tick()
	i := s.drawHeld(t)
	s.held[i].ref.Release()
	s.held[i].model.uses--
	s.model.touch(s.held[i].model)
	s.held = slices.Delete(s.held, i, i+1)
}

func (s *simulation) do(t *rapid.T) {
	held := s.held[s.drawHeld(t)]
	held.ref.Do(func(r Row) { s.change(t, r, held.model) })
}

func (s *simulation) clear(t *rapid.T) {
	key := drawKey(t)
	e := s.model.get(string(key))
	want := e != nil && e.uses == 0
	if got := s.table.Clear(key); got != want {
		t.Fatalf("Clear: %t", got)
	}
	if want {
		delete(s.model.entries, string(key))
	}
}

func (s *simulation) reconfigure(t *rapid.T) {
	c := drawConfig(t)
	want := s.model.config.Type != IPv6 || c.Type == IPv6
	if got := s.table.Reconfigure(c); got != want {
		t.Fatalf("Reconfigure to %s: %t", c.Type, got)
	}
	if want {
		s.model.reconfigure(c)
	}
}

// check compares all entries.
func (s *simulation) check(t *rapid.T) {
	s.model.expireAll()
	left := maps.Clone(s.model.entries)
	for r := range s.table.All() {
		canonical, _ := s.table.current.Load().canonical(r.Key())
		e := left[string(canonical)]
		if e == nil {
			t.Fatalf("entry %v should not exist", r.Key())
		}
		delete(left, string(canonical))
		s.compare(t, r, e)
	}
	if len(left) > 0 {
		t.Fatalf("%d entries are missing: %v", len(left), slices.Collect(maps.Keys(left)))
	}
	if n := s.table.Len(); n != len(s.model.entries) || s.table.used.Load() != int64(n) {
		t.Fatalf("%d entries, %d places, want %d", n, s.table.used.Load(), len(s.model.entries))
	}
}

func (s *simulation) compare(t *rapid.T, r Row, e *modelEntry) {
	if r.Uses() != e.uses {
		t.Fatalf("%d uses of %v, want %d", r.Uses(), r.Key(), e.uses)
	}
	for _, d := range changes {
		want := e.values[d]
		if d == ConnRate {
			want = rateByDefinition(e.events, simulatedPeriod.Milliseconds(), time.Since(s.table.started).Milliseconds())
		}
		got, stored := r.Get(d, 0)
		if got != want || stored != stores(s.model.config, d) {
			t.Fatalf("%s of %v is %d, %t, want %d", d, r.Key(), got, stored, want)
		}
	}
	if s.model.config.Expire > 0 && r.Expires() != max(s.model.config.Expire-time.Since(e.touched), 0) {
		t.Fatalf("%v expires in %s; it was touched %s ago", r.Key(), r.Expires(), time.Since(e.touched))
	}
}
