// SPDX-License-Identifier: Apache-2.0

package stick

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// newTable returns a table with these values.
func newTable(t *testing.T, of tables.Type, size int, words ...string) *tables.Table {
	t.Helper()
	stored, err := parseStore(words)
	if err != nil {
		t.Fatal(err)
	}
	return tables.New(tables.Config{Type: of, Size: size, Expire: time.Hour, Store: stored})
}

// shown returns the selected entries as text, sorted.
func shown(table *tables.Table, f Filter) string {
	var all []string
	for e := range Entries(table, f) {
		text := e.Key
		for _, name := range slices.Sorted(maps.Keys(e.Data)) {
			text += fmt.Sprintf(" %s=%d", name, e.Data[name])
		}
		if e.Server != "" {
			text += " server=" + e.Server
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// where returns a filter of "VALUE OPERATOR NUMBER".
func where(t *testing.T, c tables.Config, conditions ...string) (f Filter) {
	t.Helper()
	for _, text := range conditions {
		words := strings.Fields(text)
		if err := f.Where(c, words[0], words[1], words[2]); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestEntries(t *testing.T) {
	table := newTable(t, tables.IPv6, 10, "server_id", "gpc(2)", "conn_rate(10s)", "gpt0")
	for i, address := range []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.3"} {
		if err := Set(table, address, map[string]int64{"gpc0": int64(i), "gpc[1]": 7, "conn_rate": int64(10 * i)}, new("s")); err != nil {
			t.Fatal(err)
		}
	}
	const first, second, third = "2001:db8::1 conn_rate=10 gpc0=1 gpc1=7 gpt0=0 server=s", "::ffff:192.0.2.1 conn_rate=0 gpc0=0 gpc1=7 gpt0=0 server=s", "::ffff:192.0.2.3 conn_rate=20 gpc0=2 gpc1=7 gpt0=0 server=s"
	c := table.Config()
	for conditions, want := range map[string]string{
		"":                                   first + ", " + second + ", " + third,
		"data.gpc0 eq 1":                     first,
		"gpc0 ne 1":                          second + ", " + third,
		"gpc0 gt 1":                          third,
		"gpc0 ge 1":                          first + ", " + third,
		"gpc0 lt 1":                          second,
		"gpc0 le 1":                          first + ", " + second,
		"conn_rate gt 5;gpc1 eq 7;gpc0 ne 2": first,
	} {
		f := where(t, c, strings.FieldsFunc(conditions, func(r rune) bool { return r == ';' })...)
		if got := shown(table, f); got != want {
			t.Errorf("%s: %s, want %s", conditions, got, want)
		}
	}
	var f Filter
	if err := f.Key(c, "192.0.2.3"); err != nil || shown(table, f) != third {
		t.Errorf("by key: %s, %v", shown(table, f), err)
	}
}

func TestSetRefuses(t *testing.T) {
	table := newTable(t, tables.IP, 1, "gpc0", "conn_rate(10s)")
	if err := Set(table, "192.0.2.1", map[string]int64{"gpc0": 1}, nil); err != nil {
		t.Fatal(err)
	}
	held, _ := table.Track([]byte{192, 0, 2, 1})
	defer held.Release()
	for _, test := range []struct {
		key, name string
		value     int64
		server    *string
		want      error
	}{
		{"192.0.2.1", "gpc1", 1, nil, ErrNotStored},
		{"192.0.2.1", "gpc7_rate", 1, nil, ErrNotStored},
		{"192.0.2.1", "conns", 1, nil, ErrUnknownData},
		{"192.0.2.1", "gpc0", 1, new("s"), ErrNotStored},
		{"192.0.2.1", "gpc0", -1, nil, ErrNumber},
		{"2001:db8::1", "gpc0", 1, nil, ErrInvalidKey},
		{"example", "gpc0", 1, nil, ErrInvalidKey},
		{"192.0.2.2", "gpc0", 1, nil, ErrFull},
	} {
		if err := Set(table, test.key, map[string]int64{test.name: test.value, "conn_rate": 9}, test.server); !errors.Is(err, test.want) {
			t.Errorf("%+v: %v", test, err)
		}
	}
	if got := shown(table, Filter{}); got != "192.0.2.1 conn_rate=0 gpc0=1" {
		t.Errorf("an error has changed something: %s", got)
	}
}

func TestClear(t *testing.T) {
	table := newTable(t, tables.Integer, 10, "gpc0")
	for _, key := range []string{"1", "2", "3", "4"} {
		if err := Set(table, key, map[string]int64{"gpc0": 5}, nil); err != nil {
			t.Fatal(err)
		}
	}
	held, _ := table.Track([]byte{0, 0, 0, 4})
	defer held.Release()
	f := where(t, table.Config(), "gpc0 eq 5")
	if err := f.Key(table.Config(), "2"); err != nil {
		t.Fatal(err)
	}
	if cleared, used := Clear(table, f, nil); cleared != 1 || used != 0 {
		t.Errorf("%d cleared by key, %d in use", cleared, used)
	}
	if cleared, used := Clear(table, Filter{}, nil); cleared != 2 || used != 1 {
		t.Errorf("%d cleared, %d in use", cleared, used)
	}
}

func TestKeyTexts(t *testing.T) {
	for of, texts := range map[tables.Type][]string{
		tables.IP: {"192.0.2.1"}, tables.IPv6: {"2001:db8::1", "::ffff:192.0.2.1"}, tables.Integer: {"0", "4294967295"},
		tables.String: {"", "a.example", `a\xff\x5c\x0ab`}, tables.Binary: {"00ff"},
	} {
		for _, text := range texts {
			b, err := ParseKey(tables.Config{Type: of}, text)
			if got := FormatKey(of, b); err != nil || got != text {
				t.Errorf("%s %s: %s, %v", of, text, got, err)
			}
		}
	}
}
