// SPDX-License-Identifier: Apache-2.0

package httpmonitor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

// provisioned returns a handler in a configuration with these backends.
func provisioned(t *testing.T, config, backends string) (*Handler, error) {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{"passthrough": json.RawMessage(`{"backends": ` + backends + `}`)}})
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("passthrough")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.(*balancer.App).Cleanup() })
	h := new(Handler)
	if err := json.Unmarshal([]byte(config), h); err != nil {
		t.Fatal(err)
	}
	return h, h.Provision(ctx)
}

// answer returns the status of a request, or "next".
func answer(t *testing.T, h *Handler, method, target, from string) (answer, body string, header http.Header) {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	r.RequestURI, r.RemoteAddr = target, from
	vars := make(map[string]any)
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars))
	w := httptest.NewRecorder()
	passed := false
	if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		passed = true
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	if passed {
		return "next", "", nil
	}
	if vars[caddyhttp.LogSkipVar] != true {
		t.Errorf("%s %s is logged", method, target)
	}
	all, _ := io.ReadAll(w.Result().Body)
	return fmt.Sprint(w.Code), string(all), w.Header()
}

const twoBackends = `{"monitor-up": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}, "monitor-none": {"servers": [{"name": "s1", "address": "127.0.0.1:1", "disabled": true}]}}`

func TestTargets(t *testing.T) {
	for uri, answers := range map[string]map[string]string{
		"/up":            {"/up": "200", "/up?a": "next", "/up/": "next", "/UP": "next", "/": "next", "*": "next", "http://a.test/up": "200", "http://a.test": "next", "/x://up": "next"},
		"/up?a=b":        {"/up?a=b": "200", "/up": "next"},
		"http://a.test/": {"http://a.test/": "200", "/": "next"},
	} {
		h, err := provisioned(t, `{"uri": "`+uri+`"}`, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		for target, want := range answers {
			for _, method := range []string{"GET", "POST"} {
				if got, _, _ := answer(t, h, method, target, "192.0.2.1:1"); got != want {
					t.Errorf("%s: %s %s: %s, want %s", uri, method, target, got, want)
				}
			}
		}
	}
}

func TestAnswers(t *testing.T) {
	h, err := provisioned(t, `{"uri": "/up", "fail": [{"any": [[{"any": [{"fetch": "src", "values": ["198.51.100.0/24"]}]}]]}]}`, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{"Content-Type": {"text/html"}, "Cache-Control": {"no-cache"}, "Content-Length": {"58"}}
	status, body, header := answer(t, h, "GET", "/up", "192.0.2.1:1")
	if diff := cmp.Diff(want, header); status != "200" || body != "<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n" || diff != "" {
		t.Errorf("%s %q %s", status, body, diff)
	}
	if status, body, header := answer(t, h, "HEAD", "/up", "192.0.2.1:1"); status != "200" || body != "" || header.Get("Content-Length") != "58" {
		t.Errorf("HEAD: %s %q %v", status, body, header)
	}
	status, body, _ = answer(t, h, "GET", "/up", "[::ffff:198.51.100.7]:1")
	if status != "503" || body != "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n" {
		t.Errorf("%s %q", status, body)
	}
}

func TestConditions(t *testing.T) {
	for lines, want := range map[string]string{
		"":                                     "200",
		"fail_if nbsrv(monitor-up) lt 1":       "200",
		"fail_if nbsrv(monitor-none) lt 1":     "503",
		"fail_unless nbsrv(monitor-up) ge 1":   "200",
		"fail_unless srv_is_up(monitor-up/s1)": "200",
		"fail_if nbsrv(monitor-up) lt 1\nfail_unless nbsrv(monitor-none) ge 1": "503",
		"fail_if hdr(x-monitor) -m found":                                      "200",
		"fail_if path /up":                                                     "503",
		"fail_if nbsrv lt 1":                                                   "503",
	} {
		parsed := new(Handler)
		if err := parsed.UnmarshalCaddyfile(caddyfile.NewTestDispenser("passthrough_monitor /up {\n" + lines + "\n}")); err != nil {
			t.Fatal(err)
		}
		parsed.Section = "monitor-none"
		config, err := json.Marshal(parsed)
		if err != nil {
			t.Fatal(err)
		}
		h, err := provisioned(t, string(config), twoBackends)
		if err != nil {
			t.Errorf("%s: %v", lines, err)
			continue
		}
		if got, _, _ := answer(t, h, "GET", "/up", "192.0.2.1:1"); got != want {
			t.Errorf("%s: %s, want %s", lines, got, want)
		}
	}
}

// All terms of a group must be true, and one group is enough.
func TestGroups(t *testing.T) {
	const yes, no = `{"any": [{"fetch": "always_false"}, {"fetch": "always_true"}]}`, `{"name": "x", "not": true, "any": [{"fetch": "always_true"}]}`
	for groups, want := range map[string]string{
		`[[` + yes + `, ` + yes + `]]`:  "503",
		`[[` + yes + `, ` + no + `]]`:   "200",
		`[[` + no + `], [` + yes + `]]`: "503",
		`[[` + no + `], [` + no + `]]`:  "200",
	} {
		h, err := provisioned(t, `{"uri": "/up", "fail": [{"any": `+groups+`}]}`, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := answer(t, h, "GET", "/up", ""); got != want {
			t.Errorf("%s: %s, want %s", groups, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{}`:                           "it has no uri: expected the target of a monitor's requests, such as /healthz",
		`{"uri": "/", "fail": [null]}`: "fail: condition 1: expected an object with any",
		`{"uri": "/", "fail": [{}]}`:   "fail: condition 1: it asks nothing",
		`{"uri": "/", "fail": [{"any": [[{}]]}]}`:                                         "fail: condition 1: term without criteria: expected at least one in any",
		`{"uri": "/", "fail": [{"any": [[{"any": [{"fetch": "nothing"}]}]]}]}`:            "fail: condition 1: unknown fetch method 'nothing'",
		`{"uri": "/", "fail": [{"any": [[{"any": [{"fetch": "nbsrv(monitor-upp)"}]}]]}]}`: `fail: condition 1: nbsrv: backend "monitor-upp" is not defined`,
	} {
		if _, err := provisioned(t, config, twoBackends); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
	for text, want := range map[string]string{
		"passthrough_monitor":                          "argument",
		"passthrough_monitor /up {\nfail_if\n}":        "missing fetch method",
		"passthrough_monitor /up {\nfail_iff nbsrv\n}": "fail_if",
	} {
		if err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
