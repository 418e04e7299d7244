// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestOverview(t *testing.T) {
	serving(t, "web", pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 1}, pool.ServerConfig{Name: "s2", Address: "10.0.0.2:443", Weight: 1})
	serving(t, "mail")
	ask(t, http.MethodPatch, backendsPath+"/web/servers/s2", `{"admin": "maint"}`)
	o := show[Overview](t, prefix+"overview")
	if o.Backends != (BackendCount{Total: 2, Down: 1}) || o.Servers != (ServerCount{Total: 2, Up: 1, Maint: 1}) {
		t.Errorf("%+v", o)
	}
	if p := show[Process](t, prefix+"process"); p.PID == 0 || p.Version == "" || p.Memory == 0 || p.Uptime <= 0 || p.Overload != "normal" {
		t.Errorf("%+v", p)
	}
}

func TestListeners(t *testing.T) {
	l := frontend.OpenListener(frontend.ListenerInfo{Frontend: "tls", Name: ":443", Number: 1, MaxConn: 9})
	defer l.Close()
	all := show[[]Listener](t, prefix+"listeners")
	if len(all) != 1 || all[0] != (Listener{Frontend: "tls", Name: ":443", Number: 1, Open: true, MaxConn: 9}) {
		t.Errorf("%+v", all)
	}
}

// The errors of wrong requests name the expected input.
func TestWrongRequests(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		want, allow  string
	}{
		{"GET", "/passthrough/", 404, "expected /passthrough/overview, ", ""},
		{"GET", "/passthrough/wrong", 404, "expected /passthrough/overview, ", ""},
		{"GET", "/passthrough/frontends/tls/x", 404, "expected /passthrough/frontends or /passthrough/frontends/FRONTEND", ""},
		{"GET", "/passthrough/frontends/nope", 404, `frontend "nope": no such frontend`, ""},
		{"GET", "/passthrough/process/", 200, "pid", ""},
		{"GET", "/passthrough/process?x=1", 400, `parameter "x": expected no parameters`, ""},
		{"GET", "/passthrough/process?%zz", 400, "invalid URL escape", ""},
		{"POST", "/passthrough/process", 405, "method POST: expected GET or PATCH", "GET, PATCH"},
		{"PUT", "/passthrough/tables/t", 405, "method PUT: expected GET, POST or DELETE", "GET, POST, DELETE"},
		{"HEAD", "/passthrough/backends", 405, "", "GET"},
	} {
		w := answer(t, c.method, c.path, "")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %d %s Allow: %s, want %d %s Allow: %s", c.method, c.path, w.Code, w.Body, w.Header().Get("Allow"), c.status, c.want, c.allow)
		}
	}
}
