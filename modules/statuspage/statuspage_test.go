// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// served returns the answer of a handler to a request; 418: it went on to the next handler.
func served(t *testing.T, h *Handler, r *http.Request) *http.Response {
	t.Helper()
	if err := h.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	w := httptest.NewRecorder()
	if err := h.ServeHTTP(w, r, next); err != nil {
		t.Fatal(err)
	}
	return w.Result()
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for target, status := range map[string]int{
		"/status/":                       http.StatusOK,
		"/status/?view=overview":         http.StatusOK,
		"/status/?view=none":             http.StatusNotFound,
		"/status/?offset=-1":             http.StatusBadRequest,
		"/status?view=overview":          http.StatusFound,
		"/status/page/page.css":          http.StatusOK,
		"/status/page/page.js":           http.StatusOK,
		"/status/page/../statuspage.go":  http.StatusNotFound,
		"/status/page/":                  http.StatusNotFound,
		"/status/other":                  http.StatusNotFound,
		"/other":                         http.StatusTeapot,
		"/statuses":                      http.StatusTeapot,
		"/status/page/page.css?v=unlike": http.StatusOK,
	} {
		r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
		if got := served(t, new(Handler), r).StatusCode; got != status {
			t.Errorf("GET %s: status %d, want %d", target, got, status)
		}
	}
}

func TestOverviewHTML(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/status/", http.NoBody)
	answer := served(t, &Handler{Title: "<b>Edge</b>", Node: "node-1"}, r)
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"&lt;b&gt;Edge", "on node-1", `id="connections"`, `aria-current="page"`, assetURL("page.css")} {
		if !strings.Contains(string(body), part) {
			t.Errorf("the page has no %q:\n%s", part, body)
		}
	}
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("Content-Security-Policy: %q", policy)
	}
}
