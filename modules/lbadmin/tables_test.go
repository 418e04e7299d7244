// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// openTable opens a table of addresses.
func openTable(t *testing.T, name string, size int) *tables.Table {
	t.Helper()
	h := balancer.StickTables().Open(name, tables.Config{
		Size: size, Expire: time.Minute, Store: []tables.Store{{Data: tables.GPC0}, {Data: tables.Server}},
	})
	t.Cleanup(h.Close)
	return h.Table()
}

// keys returns the keys of the entries at a path.
func keys(t *testing.T, path string) string {
	t.Helper()
	var all []string
	for _, e := range show[[]stick.Entry](t, path) {
		all = append(all, e.Key)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestTables(t *testing.T) {
	openTable(t, "mesh/t", 10)
	const path = tablesPath + "/mesh%2Ft"
	if got := keys(t, path); got != "" {
		t.Errorf("entries of an empty table: %s", got)
	}
	for _, body := range []string{
		`{"key": "192.0.2.1", "data": {"gpc0": 1}}`, `{"key": "192.0.2.2", "data": {"gpc0": 2}, "server": "s1"}`, `{"key": "192.0.2.3"}`,
	} {
		if status, text := ask(t, http.MethodPost, path, body); status != http.StatusOK {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	want := map[string]Table{"mesh/t": {Type: "ip", Size: 10, Used: 3, Expire: 60, Store: []string{"gpc0", "server_id"}}}
	if got := show[map[string]Table](t, tablesPath); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	entry := show[[]stick.Entry](t, path+"?key=192.0.2.2")
	if len(entry) != 1 || entry[0].Server != "s1" || entry[0].Data["gpc0"] != 2 || *entry[0].Expires > 60 || *entry[0].Expires < 1 {
		t.Errorf("%+v", entry)
	}
	for query, want := range map[string]string{
		"": "192.0.2.1 192.0.2.2 192.0.2.3", "?data.gpc0.ge=1": "192.0.2.1 192.0.2.2",
		"?data.gpc0.ge=1&data.gpc0.ne=2": "192.0.2.1", "?key=192.0.2.9": "",
	} {
		if got := keys(t, path+query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestClearTable(t *testing.T) {
	table := openTable(t, "t", 10)
	for i := range byte(4) {
		table.Update([]byte{192, 0, 2, i}, func(r tables.Row) { r.Set(tables.GPC0, 0, int64(i)) })
	}
	held, _ := table.Track([]byte{192, 0, 2, 3})
	defer held.Release()
	for _, step := range []struct{ query, answer, left string }{
		{"?key=192.0.2.0", `{"cleared":1,"in_use":0}`, "192.0.2.1 192.0.2.2 192.0.2.3"},
		{"?data.gpc0.lt=2", `{"cleared":1,"in_use":0}`, "192.0.2.2 192.0.2.3"},
		{"", `{"cleared":1,"in_use":1}`, "192.0.2.3"},
	} {
		if _, answer := ask(t, http.MethodDelete, tablesPath+"/t"+step.query, ""); answer != step.answer {
			t.Errorf("%s: %s", step.query, answer)
		}
		if got := keys(t, tablesPath+"/t"); got != step.left {
			t.Errorf("%s: %s are left, want %s", step.query, got, step.left)
		}
	}
}

func TestTableErrors(t *testing.T) {
	table := openTable(t, "t", 1)
	held, _ := table.Track([]byte{192, 0, 2, 1})
	defer held.Release()
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{http.MethodGet, "/none", "", 404, "no such table"},
		{http.MethodGet, "/t?key=x", "", 400, `invalid key "x"`},
		{http.MethodGet, "/t?keys=x", "", 400, `parameter "keys": expected key=KEY`},
		{http.MethodGet, "/t?data.gpc1.eq=1", "", 400, "not stored in this table"},
		{http.MethodGet, "/t?data.gpc0.is=1", "", 400, `operator "is"`},
		{http.MethodGet, "/t?data.gpc0.eq=x", "", 400, `value "x" of gpc0`},
		{http.MethodPost, "/t", `{"keys": "192.0.2.1"}`, 400, `unknown field "keys"`},
		{http.MethodPost, "/t", `{"key": "192.0.2.1", "data": {"gpc1": 1}}`, 400, "not stored"},
		{http.MethodPost, "/t", `{"key": "192.0.2.2"}`, 409, "the table is full"},
		{http.MethodPut, "/t", "", 405, "expected GET, POST or DELETE"},
		{http.MethodPost, "", "", 405, "expected GET"},
	} {
		status, text := ask(t, test.method, tablesPath+test.path, test.body)
		if status != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%s %s: %d %s, want %d %s", test.method, test.path, status, text, test.status, test.want)
		}
	}
}
