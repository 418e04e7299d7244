// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// first picks the first server.
type first struct{}

func (*first) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

func serving(t *testing.T, name string, servers ...pool.ServerConfig) *pool.Pool {
	t.Helper()
	p, err := balancer.Registry().Open(pool.Config{Backend: name, Policy: new(first), Servers: servers})
	if err != nil {
		t.Fatal(err)
	}
	p.Activate()
	t.Cleanup(p.Close)
	return p
}

// ask requests path and returns the status, and the body or the error.
func ask(t *testing.T, method, path, body string) (status int, text string) {
	t.Helper()
	w := answer(t, method, path, body)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// answer requests path.
func answer(t *testing.T, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range (Admin{}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			err := route.Handler.ServeHTTP(w, r)
			if api, ok := errors.AsType[caddy.APIError](err); ok {
				http.Error(w, api.Error(), api.HTTPStatus)
			} else if err != nil {
				t.Errorf("%s %s: %v is no API error", method, path, err)
			}
		})
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code == http.StatusOK {
		checkSchema(t, method, path, w.Body.Bytes())
	}
	return w
}

// show requests path and decodes the body.
func show[T any](t *testing.T, path string) (v T) {
	t.Helper()
	status, text := ask(t, http.MethodGet, path, "")
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, text)
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

func TestShow(t *testing.T) {
	p := serving(t, "web",
		pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 4, MaxConn: 9},
		pool.ServerConfig{Name: "s2", Address: "10.0.0.2:443", Weight: 1, Backup: true, HealthConfig: pool.HealthConfig{Track: pool.Ref{Backend: "web", Server: "s1"}}})
	serving(t, "mail")
	lease, err := p.Acquire(t.Context(), new(pool.Request))
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release(pool.Served)

	all := show[Backends](t, backendsPath)
	if len(all) != 2 || len(all["web"].Servers) != 2 || len(all["mail"].Servers) != 0 {
		t.Errorf("%+v", all)
	}
	web := show[Backend](t, backendsPath+"/web")
	if web.ActiveServers != 1 || web.BackupServers != 1 || web.Sessions != 1 || web.Queue != 0 || len(web.Transitions) != 0 {
		t.Errorf("%+v", web)
	}
	s1 := show[Server](t, backendsPath+"/web/servers/s1")
	want := Server{
		Address: "10.0.0.1:443", Health: "up", Counter: "1/1", Admin: "ready", Since: s1.Since, LastSession: s1.LastSession, Rate: s1.Rate,
		Weight: 4, ConfiguredWeight: 4, EffectiveWeight: 4, MaxConn: 9, Sessions: 1, SessionsTotal: 1, SessionsMax: 1,
	}
	if diff := cmp.Diff(want, s1); diff != "" || s1.Since.IsZero() {
		t.Errorf("-want +got\n%s", diff)
	}
	if s2 := web.Servers["s2"]; !s2.Backup || s2.Tracks != "web/s1" || s2.MaxConn != 0 {
		t.Errorf("%+v", s2)
	}

	for path, want := range map[string]string{
		backendsPath + "/wbe":                 `backend "wbe": no such backend`,
		backendsPath + "/web/servers/s3":      `server web/s3: no such server`,
		backendsPath + "/wbe/servers/s1":      `backend "wbe": no such backend`,
		backendsPath + "/web/server/s1":       "expected /passthrough/backends,",
		backendsPath + "/web/servers/s1/more": "expected /passthrough/backends,",
	} {
		if status, text := ask(t, http.MethodGet, path, ""); status != http.StatusNotFound || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want 404 %s", path, status, text, want)
		}
	}
}

func TestChange(t *testing.T) {
	serving(t, "web",
		pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 4},
		pool.ServerConfig{Name: "s2", Address: "10.0.0.2:443", Weight: 1, HealthConfig: pool.HealthConfig{Track: pool.Ref{Backend: "web", Server: "s1"}}})
	const path = backendsPath + "/web/servers/s1"
	for _, c := range []struct {
		body                   string
		health, admin          string
		weight, maxconn, tells int
	}{
		{`{"admin": "drain"}`, "up", "drain", 4, 0, 3},
		{`{"weight": "50%"}`, "up", "drain", 2, 0, 0},
		{`{"weight": 256}`, "up", "drain", 256, 0, 0},
		{`{"weight": "7"}`, "up", "drain", 7, 0, 0},
		{`{"health": "down"}`, "down", "drain", 7, 0, 2},
		{`{"maxconn": 5}`, "down", "drain", 7, 5, 0},
		{`{"admin": "ready", "health": "up", "weight": "100%", "maxconn": 0}`, "up", "ready", 4, 0, 4},
		{`{"admin": "maint"}`, "up", "maint", 4, 0, 3},
	} {
		before := len(show[Backend](t, backendsPath+"/web").Transitions)
		status, text := ask(t, http.MethodPatch, path, c.body)
		var got Server
		if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.body, status, text)
		}
		if got.Health != c.health || got.Admin != c.admin || got.Weight != c.weight || got.MaxConn != c.maxconn {
			t.Errorf("%s: %+v", c.body, got)
		}
		// s2, which tracks s1, changes with it
		if tells := len(show[Backend](t, backendsPath+"/web").Transitions) - before; tells != c.tells {
			t.Errorf("%s: %d transitions, want %d", c.body, tells, c.tells)
		}
	}
	transitions := show[Backend](t, backendsPath+"/web").Transitions
	got := make([]string, 0, len(transitions))
	for _, tr := range transitions {
		got = append(got, tr.Server+" "+tr.To+" "+tr.Code+" "+tr.Via)
		if tr.At.IsZero() || time.Since(tr.At) > time.Minute {
			t.Errorf("%+v", tr)
		}
	}
	want := []string{
		"s1 drain SET ", "s2 drain TRACK web/s1", " no_server  ", "s1 down SET ", "s2 down TRACK web/s1",
		"s1 ready SET ", "s1 up SET ", " server_again  ", "s2 ready TRACK web/s1", "s1 maint SET ", "s2 maint TRACK web/s1", " no_server  ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}

	for body, want := range map[string]string{
		`{"admin": "off"}`:             `admin "off": expected ready, drain or maint`,
		`{"health": "sick"}`:           `health "sick": expected up, stopping or down`,
		`{"agent": "stopping"}`:        `agent "stopping": expected up or down`,
		`{"weight": "half"}`:           `weight "half": expected a whole number from 0 to 256, or a percentage such as 50%`,
		`{"weight": 257}`:              `weight "257": expected a whole number`,
		`{"weight": -1}`:               `weight "-1": expected a whole number`,
		`{"weight": true}`:             `weight true: expected a number from 0 to 256`,
		`{"weight": ""}`:               `weight "": expected a number`,
		`{"maxconn": -1}`:              `maxconn -1: expected a whole number, zero or more`,
		`{"maxconn": "many"}`:          "cannot unmarshal string",
		`{"wieght": 1}`:                `unknown field "wieght"`,
		`{}`:                           "nothing to change: expected admin, weight, maxconn, health, agent, address,",
		``:                             "reading the body: EOF: expected an object such as",
		`[]`:                           "reading the body",
		`{"admin": "drain"} {}`:        "expected one object and nothing after it",
		`{"admin": "drain"}}`:          "expected one object and nothing after it",
		`{"weight": 1, "admin": "x"}`:  `admin "x"`,
		`{"weight": 999, "maxconn":1}`: `weight "999"`,
	} {
		before := show[Server](t, path)
		if status, text := ask(t, http.MethodPatch, path, body); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want 400 %s", body, status, text, want)
		}
		after := show[Server](t, path)
		after.DownSeconds = before.DownSeconds // the server is in maint
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s is refused and has changed something: %s", body, diff)
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{http.MethodPatch, backendsPath + "/web/servers/s3", `{"weight": 1}`, http.StatusNotFound, "server web/s3: no such server"},
		{http.MethodPatch, backendsPath + "/wbe/servers/s1", `{"weight": 1}`, http.StatusNotFound, "no such backend"},
		{http.MethodPatch, backendsPath + "/web/servers/s2", `{"health": "up"}`, http.StatusConflict, "tracks another server"},
		{http.MethodPatch, backendsPath + "/web", `{"weight": 1}`, http.StatusMethodNotAllowed, "method PATCH: expected GET"},
		{http.MethodPatch, path, `{"weight": 1}` + strings.Repeat(" ", maxBody) + "x", http.StatusRequestEntityTooLarge, "reading the body: expected 4096 bytes at most"},
		{http.MethodPatch, backendsPath + "/web%2fservers%2fs1", `{"weight": 1}`, http.StatusMethodNotAllowed, "method PATCH: expected GET"},
		{http.MethodPatch, backendsPath + "/web/servers%2Fs1", `{"weight": 1}`, http.StatusNotFound, "expected " + backendsPath},
		{http.MethodPatch, path + "/", `{"weight": 1}`, http.StatusNotFound, "expected " + backendsPath},
		{http.MethodGet, backendsPath + "/web%2Fservers%2Fs1", "", http.StatusNotFound, `backend "web/servers/s1": no such backend`},
		{http.MethodPost, path, `{"weight": 1}`, http.StatusMethodNotAllowed, "method POST"},
		{http.MethodDelete, path, "", http.StatusConflict, "server web/s1: "},
		{http.MethodDelete, path + "9", "", http.StatusNotFound, "no such server"},
		{http.MethodPost, backendsPath + "/nope/servers", `{"name": "s9", "address": "10.0.0.9:443"}`, http.StatusNotFound, "no such backend"},
		{http.MethodPost, prefix + "counters/reset?all=2", "", http.StatusBadRequest, `all "2": expected 1 or 0`},
	} {
		if status, text := ask(t, c.method, c.path, c.body); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, text, c.status, c.want)
		}
	}
}

// The frontends' counts are served by GET alone.
func TestFrontendsAreCounted(t *testing.T) {
	if got := show[map[string]Frontend](t, frontendsPath); got == nil {
		t.Error("no object")
	}
	if status, text := ask(t, http.MethodPost, frontendsPath, ""); status != http.StatusMethodNotAllowed || !strings.Contains(text, "method POST: expected GET") {
		t.Errorf("POST: %d %s", status, text)
	}
}
