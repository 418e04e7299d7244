// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// entries returns the entries of a table, "KEY DATA", in a fixed order.
func (p *process) entries(t *testing.T, table string) string {
	t.Helper()
	status, text := p.ask(t, http.MethodGet, "/passthrough/tables/"+table, "")
	var all []struct {
		Key    string
		Server string
		Data   map[string]int
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s", table, status, text)
	}
	byKey := make(map[string]string)
	for _, e := range all {
		byKey[e.Key] = fmt.Sprint(e.Data, e.Server)
	}
	return fmt.Sprint(byKey) // sorted
}

// Entries survive reloads, as far as the new configuration has room for them; a refused
// configuration changes no table.
func TestStickTablesOverReloads(t *testing.T) {
	t.Parallel()
	config := func(tables string) string {
		return "passthrough {\n" + tables + "\nbackend web {\nserver s1 127.0.0.1:9\n}\n}"
	}
	p := start(t, config("stick_table t {\ntype ip\nsize 10\nstore gpc0 server_id\n}"), "")
	for i := range 3 {
		body := fmt.Sprintf(`{"key": "192.0.2.%d", "data": {"gpc0": %d}, "server": "s1"}`, i, i)
		if status, text := p.ask(t, http.MethodPost, "/passthrough/tables/t", body); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
	}
	const all = "map[192.0.2.0:map[gpc0:0]s1 192.0.2.1:map[gpc0:1]s1 192.0.2.2:map[gpc0:2]s1]"
	for _, step := range []struct{ what, tables, want string }{
		{"the same", "stick_table t {\ntype ip\nsize 10\nstore gpc0 server_id\n}", all},
		{"refused: of another type", "stick_table t {\ntype string\n}\nstick_table other\nbackend bad {\nserver s 127.0.0.1:9 track nothing/s\n}", all},
		{"other values", "stick_table t {\ntype ip\nsize 10\nstore conn_cur gpc0\n}", "map[192.0.2.0:map[conn_cur:0 gpc0:0] 192.0.2.1:map[conn_cur:0 gpc0:1] 192.0.2.2:map[conn_cur:0 gpc0:2]]"},
		{"smaller, with other keys", "stick_table t {\nsize 2\nstore gpc0\n}", "map[::ffff:192.0.2.1:map[gpc0:1] ::ffff:192.0.2.2:map[gpc0:2]]"},
		{"keys that cannot be kept", "stick_table t {\ntype string\nstore gpc0\n}", "map[]"},
	} {
		refused := strings.HasPrefix(step.what, "refused")
		if err := p.reload(t, config(step.tables), ""); (err != nil) != refused {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := p.entries(t, "t"); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
	}
	if status, text := p.ask(t, http.MethodGet, "/passthrough/tables/other", ""); status != http.StatusNotFound {
		t.Errorf("the table of a refused configuration: %d %s", status, text)
	}
	if err := p.reload(t, config(""), ""); err != nil {
		t.Fatal(err)
	}
	if status, text := p.ask(t, http.MethodGet, "/passthrough/tables", ""); status != http.StatusOK || strings.TrimSpace(text) != "{}" {
		t.Errorf("without tables: %d %s", status, text)
	}
}
