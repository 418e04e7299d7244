// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"slices"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

var key = []byte{192, 0, 2, 1}

// fill sets gpc0 of an entry.
func fill(t *tables.Table, n int64) {
	t.Update(key, func(r tables.Row) { r.Set(tables.GPC0, 0, n) })
}

// filled returns gpc0 of the entry, or -1.
func filled(t *tables.Table) int64 {
	n := int64(-1)
	t.View(key, func(r tables.Row) { n, _ = r.Get(tables.GPC0, 0) })
	return n
}

func config(of tables.Type, size int) tables.Config {
	return tables.Config{Type: of, Size: size, Store: []tables.Store{{Data: tables.GPC0}}}
}

// A reload keeps the entries, and changes the table when the new configuration is activated.
func TestReload(t *testing.T) {
	var r Registry
	first := r.Open("t", config(tables.IP, 10))
	fill(first.Table(), 7)
	second := r.Open("t", config(tables.IPv6, 20))
	if got := second.Table().Config().Size; got != 10 {
		t.Errorf("size %d before it is activated", got)
	}
	second.Activate()
	first.Close()
	first.Activate() // too late
	if c := second.Table().Config(); c.Size != 20 || c.Type != tables.IPv6 || filled(second.Table()) != 7 {
		t.Errorf("type %s, size %d, gpc0 %d", c.Type, c.Size, filled(second.Table()))
	}
	second.Close()
	second.Close()
	if names := r.Names(); len(names) > 0 || r.Table("t") != nil {
		t.Errorf("tables %v are left", names)
	}
}

// A configuration that is refused leaves no trace.
func TestRefused(t *testing.T) {
	var r Registry
	running := r.Open("t", config(tables.IP, 10))
	fill(running.Table(), 7)
	for _, name := range []string{"t", "other"} {
		r.Open(name, config(tables.String, 1)).Close()
	}
	if !slices.Equal(r.Names(), []string{"t"}) || filled(running.Table()) != 7 || running.Table().Config().Type != tables.IP {
		t.Errorf("tables %v, gpc0 %d, %s", r.Names(), filled(running.Table()), running.Table().Config().Type)
	}
}

// Keys that cannot be kept make a new table; held entries of the old one stay.
func TestReloadWithOtherKeys(t *testing.T) {
	var r Registry
	first := r.Open("t", config(tables.IP, 10))
	held, _ := first.Table().Track(key)
	second := r.Open("t", config(tables.String, 10))
	second.Activate()
	if first.Table() != second.Table() || second.Table() == held.Table() || second.Table().Len() != 0 {
		t.Errorf("%d entries in the new table", second.Table().Len())
	}
	held.Do(func(r tables.Row) { r.Add(tables.GPC0, 0, 1) })
	held.Release()
}
