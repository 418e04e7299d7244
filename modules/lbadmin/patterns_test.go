// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// runMap runs a configuration that uses a map, and returns the path of its route.
func runMap(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "m.map")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	expression, _ := json.Marshal("str(a),map_str_int(" + name + ")")
	if err := caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "ERROR"}}},
		"apps": {"passthrough": {"variables": [{"name": "proc.x", "value": `+string(expression)+`}]}}}`), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	return prefix + "maps/" + url.PathEscape(name)
}

// pairs returns the entries of a map in short.
func pairs(t *testing.T, path string) string {
	t.Helper()
	var all []string
	for _, e := range show[[]control.PatternEntry](t, path) {
		all = append(all, e.Key+"="+e.Value)
	}
	return strings.Join(all, " ")
}

func TestMaps(t *testing.T) {
	path := runMap(t, "a 1\nb 2\n")
	for _, c := range []struct{ method, query, body, want string }{
		{"GET", "", "", "a=1 b=2"},
		{"POST", "", `{"entries": [{"key": "c", "value": "3"}, {"key": "d", "value": "4"}]}`, "a=1 b=2 c=3 d=4"},
		{"PATCH", "", `{"key": "a", "value": "9"}`, "a=9 b=2 c=3 d=4"},
		{"DELETE", "?key=b", "", "a=9 c=3 d=4"},
		{"POST", "/prepare", "", "a=9 c=3 d=4"},
		{"POST", "?version=1", `{"entries": [{"key": "new", "value": "1"}]}`, "a=9 c=3 d=4"},
		{"POST", "/commit", `{"version": 1}`, "new=1"},
		{"DELETE", "?all=1", "", ""},
		{"POST", "/reset", "", "a=1 b=2"},
	} {
		if status, text := ask(t, c.method, path+c.query, c.body); status != http.StatusOK {
			t.Errorf("%s %s %s: %d %s", c.method, c.query, c.body, status, text)
		}
		if got := pairs(t, path); got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.method, c.query, c.body, got, c.want)
		}
	}
	ask(t, "PATCH", path, `{"key": "a", "value": "9"}`)
	if all := show[[]Override](t, overridesPath); len(all) != 1 || all[0].File == "" || all[0].Key != "map" || show[Process](t, prefix+"process").Set != nil {
		t.Errorf("%+v", all)
	}
	ask(t, "DELETE", overridesPath+"?all=1", "")
	files := show[[]control.PatternFile](t, prefix+"maps")
	if len(files) != 1 || files[0].Entries != 2 || len(show[[]control.PatternFile](t, prefix+"acls")) != 0 {
		t.Errorf("%+v", files)
	}
	if found := show[[]control.PatternMatch](t, path+"/match?value=b"); len(found) != 1 || found[0].Entry.Value != "2" {
		t.Errorf("%+v", found)
	}
}

func TestMapErrors(t *testing.T) {
	path := runMap(t, "a 1\n")
	for _, c := range []struct {
		method, query, body string
		status              int
		want                string
	}{
		{"GET", "?key=a", "", 400, `parameter "key": expected version`},
		{"GET", "?version=x", "", 400, `version "x": expected a whole number`},
		{"GET", "/match", "", 400, "expected the parameter value"},
		{"POST", "", `{"entries": []}`, 400, "no entries"},
		{"POST", "", `{"entries": [{"key": "c", "value": "no number"}]}`, 400, ""},
		{"POST", "?version=7", `{"entries": [{"key": "c", "value": "1"}]}`, 409, ""},
		{"POST", "/commit", `{"version": 7}`, 409, ""},
		{"PATCH", "", `{"value": "1"}`, 400, "expected either key or id"},
		{"PATCH", "", `{"key": "x", "value": "1"}`, 404, ""},
		{"DELETE", "", "", 400, "0 parameters: expected one of key, id, version or all=1"},
		{"DELETE", "?all=2", "", 400, `all "2": expected 1`},
		{"DELETE", "?id=x", "", 400, `id "x": expected the number of an entry`},
		{"DELETE", "?id=999999", "", 404, ""},
		{"PUT", "", "", 405, "expected GET, POST, PATCH or DELETE"},
	} {
		if status, text := ask(t, c.method, path+c.query, c.body); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.query, c.body, status, text, c.status, c.want)
		}
		if got := pairs(t, path); got != "a=1" {
			t.Errorf("%s %s %s changed the map: %s", c.method, c.query, c.body, got)
		}
	}
	if status, text := ask(t, http.MethodGet, prefix+"maps/nope", ""); status != http.StatusNotFound {
		t.Errorf("an unknown file: %d %s", status, text)
	}
}
