// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// HAProxy's formats are found at the page's address and at its other one, with other suffixes
// before and after; everything else leads to the page, or to the next handler.
func TestReports(t *testing.T) {
	t.Parallel()
	const csv, typed, json, next = "200 text/plain #", "200 text/plain", "200 application/json [", "418"
	for _, of := range []struct {
		handler Handler
		want    map[string]string
	}{
		{Handler{Path: "/haproxy/", URI: "/haproxy?stats"}, map[string]string{
			"/haproxy?stats;csv":           csv,
			"/haproxy?stats/;csv":          csv,
			"/haproxy?stats;up;csv":        csv,
			"/haproxy?stats;csv;norefresh": csv,
			"/haproxy?stats;csv&scope=web": csv,
			"/haproxy/;csv":                csv,
			"/haproxy/;typed":              typed,
			"/haproxy?stats;json":          json,
			"/haproxy?stats;csv;json":      json,
			"/haproxy?stats;json-schema":   "200 application/json {",
			"/haproxy?stats":               "302 /haproxy/",
			"/haproxy?stats;up":            "302 /haproxy/",
			"/haproxy/;norefresh":          "302 /haproxy/",
			"/haproxy":                     "302 /haproxy/",
			"/haproxy/":                    "200 text/html",
			"/haproxy/?filter=;csv":        "200 text/html",
			"/other;csv":                   next,
		}},
		{Handler{Path: "/stats", URI: "/stats"}, map[string]string{
			"/stats;csv":     csv,
			"/stats/;csv":    csv,
			"/stats?;csv":    csv,
			"/stats":         "302 /stats/",
			"/stats/":        "200 text/html",
			"/statsfoo;csv":  csv,
			"/stat;csv":      next,
			"/stats/nothing": "404",
		}},
		{Handler{Path: "/"}, map[string]string{
			"/;csv":  csv,
			"/?;csv": csv,
			"/":      "200 text/html",
		}},
	} {
		h := of.handler
		if err := h.Provision(caddy.Context{Context: t.Context()}); err != nil {
			t.Fatal(err)
		}
		for target, want := range of.want {
			w := httptest.NewRecorder()
			err := h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
				w.WriteHeader(http.StatusTeapot)
				return nil
			}))
			got := strings.TrimSpace(strings.Join([]string{w.Result().Status[:3], w.Header().Get("Location"), w.Header().Get("Content-Type"), w.Body.String()}, " "))
			if got = strings.Join(strings.Fields(got), " "); err != nil || !strings.HasPrefix(got, want) {
				t.Errorf("%s: %.60s, %v, want %s", target, got, err, want)
			}
		}
	}
}

// A report only shows, and a question about its headers gets no body.
func TestReportMethods(t *testing.T) {
	t.Parallel()
	h := Handler{Path: "/"}
	if err := h.Provision(caddy.Context{Context: t.Context()}); err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]int{http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed} {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, httptest.NewRequest(method, "/;csv", nil), nil); err != nil || w.Code != want || w.Body.Len() > 0 {
			t.Errorf("%s: %d, %d bytes, %v", method, w.Code, w.Body.Len(), err)
		}
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string]string{";csv": "", ";csv?scope=web": "web", ";csv;scope=web;up": "web", "?scope=a&x=1;csv": "a", ";csv?scope=": ""} {
		if got := scopeIn(rest); got != want {
			t.Errorf("%s: %q, want %q", rest, got, want)
		}
	}
}
