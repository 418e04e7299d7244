// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// FuzzRoutes sends any request to the routes. The answer is JSON as described, or an error of the
// request.
func FuzzRoutes(f *testing.F) {
	for _, r := range routes {
		for m := range r.methods {
			path := prefix + strings.NewReplacer("FRONTEND", "tls", "BACKEND", "fuzzed", "SERVER", "s1", "TABLE", "t", "ID", "1", "FILE", "fuzzed.map").Replace(r.path)
			f.Add(m, path, "", `{"admin": "drain", "weight": "50%", "maxconn": 1, "health": "up"}`)
			f.Add(m, path+"/x", "limit=1&server=s1&source=::/0&older_than=5m", `{"key": "192.0.2.1", "data": {"gpc0": 1}}`)
		}
	}
	f.Add("PATCH", "/passthrough/backends/web%2fx/servers/%zz", "key=192.0.2.1&data.gpc0.ge=1", `{"weight": 1e99}`)
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		serving(t, "fuzzed", pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 4})
		openTable(t, "t", 10)
		target := path + "?" + query
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(u.EscapedPath(), prefix) {
			return
		}
		r, err := http.NewRequest(method, "/", strings.NewReader(body))
		if err != nil {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // what follows events ends at once
		r = r.WithContext(ctx)
		r.URL = u
		w := httptest.NewRecorder()
		err = serve(w, r)
		api, isAPI := errors.AsType[caddy.APIError](err)
		switch {
		case err == nil && w.Header().Get("Content-Type") == "application/json":
			checkSchema(t, method, u.EscapedPath(), w.Body.Bytes())
		case err == nil:
		case !isAPI || api.HTTPStatus < 400 || api.HTTPStatus > 499 || api.Error() == "":
			t.Errorf("%s %q %q: %v", method, target, body, err)
		case w.Body.Len() > 0:
			t.Errorf("%s %q %q: an answer with the error %v: %q", method, target, body, err, w.Body)
		}
	})
}

// TestWriters changes a server from many clients at once: each change is whole.
func TestWriters(t *testing.T) {
	serving(t, "crowd", pool.ServerConfig{Name: "s1", Address: "10.0.0.1:443", Weight: 4})
	const path = backendsPath + "/crowd/servers/s1"
	bodies := []string{`{"weight": 1, "maxconn": 1, "admin": "drain"}`, `{"weight": 2, "maxconn": 2, "admin": "ready"}`, `{"weight": 3, "maxconn": 3, "admin": "maint"}`}
	admins := []string{"", "drain", "ready", "maint"}
	var writers sync.WaitGroup
	for i := range 100 {
		writers.Go(func() {
			for range 5 {
				if w := answer(t, http.MethodPatch, path, bodies[i%3]); w.Code != http.StatusOK {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				if s := show[Server](t, path); s.Weight != s.MaxConn || s.Admin != admins[s.Weight] {
					t.Errorf("two changes were mixed: %+v", s)
				}
				show[Overview](t, prefix+"overview")
			}
		})
	}
	writers.Wait()
}
