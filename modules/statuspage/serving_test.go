// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// first picks the first server.
type first struct{}

func (*first) Pick(v pool.View, _ *pool.Request) *pool.Server { return v.Servers[0] }

// serving runs a backend until the test is over.
func serving(t testing.TB, name string, servers ...pool.ServerConfig) *pool.Pool {
	t.Helper()
	p, err := balancer.Registry().Open(pool.Config{Backend: name, Policy: new(first), Servers: servers})
	if err != nil {
		t.Fatal(err)
	}
	p.Activate()
	t.Cleanup(p.Close)
	return p
}

// site serves the page of a handler, and 418 at other paths, as a user if that has a name.
func site(t testing.TB, h *Handler, user string) *httptest.Server {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		replacer := caddy.NewReplacer()
		if user != "" {
			replacer.Set("http.auth.user.id", user)
		}
		if err := h.ServeHTTP(w, caddyhttp.PrepareRequest(r, replacer, w, nil), next); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// client follows no redirects.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// do sends a request and returns the answer with its body.
func do(t testing.TB, r *http.Request) (answer *http.Response, body string) {
	t.Helper()
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(all)
}

// get requests an address of a site.
func get(t testing.TB, s *httptest.Server, target string) (answer *http.Response, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}
