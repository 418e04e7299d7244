// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// serve answers a request with the handlers, in front of a server that returns what it receives.
func serve(t *testing.T, r *http.Request, handlers ...string) (status int, header http.Header, body string) {
	t.Helper()
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, make(map[string]any)))
	r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
	r.RequestURI = r.URL.RequestURI()
	var next caddyhttp.Handler = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		response := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Server": {"s"}}, Body: io.NopCloser(strings.NewReader(r.Method + " " + r.RequestURI + " " + r.URL.Path + " " + r.Host + " " + strings.Join(r.Header["X-A"], "|")))}
		if r.URL.Path == "/error" {
			return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("no server"))
		}
		if err := Of(r).Respond(response); err != nil {
			return err
		}
		maps.Copy(w.Header(), response.Header)
		w.WriteHeader(response.StatusCode)
		_, err := io.Copy(w, response.Body)
		return err
	})
	for _, config := range slices.Backward(handlers) {
		h := new(Handler)
		if err := json.Unmarshal([]byte(config), h); err != nil {
			t.Fatalf("%s: %v", config, err)
		}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		t.Cleanup(cancel)
		if err := h.Provision(ctx); err != nil {
			t.Fatalf("%s: %v", config, err)
		}
		inner := next
		next = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, inner) })
	}
	w := httptest.NewRecorder()
	if err := next.ServeHTTP(w, r); err != nil {
		t.Errorf("%v: %v", handlers, err)
	}
	return w.Code, w.Header(), w.Body.String()
}

func get(target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	r.Host = "a.example"
	return r
}

func TestRequestRules(t *testing.T) {
	for rule, want := range map[string]string{
		`{"action": "set_header", "name": "X-A", "value": "%[path]"}`:                              "200 GET /p?q=1 /p a.example /p",
		`{"action": "add_header", "name": "X-A", "value": "1"}`:                                    "200 GET /p?q=1 /p a.example b, c|1",
		`{"action": "del_header", "name": "X-", "method": "beg"}`:                                  "200 GET /p?q=1 /p a.example",
		`{"action": "del_header", "name": "^x-a$", "method": "reg"}`:                               "200 GET /p?q=1 /p a.example",
		`{"action": "replace_header", "name": "X-A", "pattern": "(b), (c)", "value": "\\2\\1\\9"}`: "200 GET /p?q=1 /p a.example cb",
		`{"action": "replace_value", "name": "X-A", "pattern": "^c$", "value": "d"}`:               "200 GET /p?q=1 /p a.example b,d",
		`{"action": "set_header", "name": "host", "value": "b.example"}`:                           "200 GET /p?q=1 /p b.example b, c",
		`{"action": "replace_header", "name": "Host", "pattern": "^a", "value": "c"}`:              "200 GET /p?q=1 /p c.example b, c",
		`{"action": "set_path", "value": "/x%%20y"}`:                                               "200 GET /x%20y?q=1 /x y a.example b, c",
		`{"action": "set_pathq", "value": "/x?y"}`:                                                 "200 GET /x?y /x a.example b, c",
		`{"action": "set_query", "value": "%[query]&r"}`:                                           "200 GET /p?q=1&r /p a.example b, c",
		`{"action": "replace_path", "pattern": "/(.)", "value": "/\\1\\1"}`:                        "200 GET /pp?q=1 /pp a.example b, c",
		`{"action": "replace_uri", "pattern": "1$", "value": "2"}`:                                 "200 GET /p?q=2 /p a.example b, c",
		`{"action": "set_method", "value": "PUT"}`:                                                 "200 PUT /p?q=1 /p a.example b, c",
		`{"action": "allow"}`:                          "200 GET /p?q=1 /p a.example b, c",
		`{"action": "deny"}`:                           "403 <html>",
		`{"action": "deny", "reply": {"status": 429}}`: "429 <html>",
		`{"action": "deny", "if": {"any": [[{"any": [{"fetch": "path", "values": ["/other"]}]}]]}}`:                                                                 "200 GET /p?q=1 /p a.example b, c",
		`{"action": "deny", "if": {"unless": true, "any": [[{"any": [{"fetch": "path", "values": ["/other"]}]}]]}}`:                                                 "403 <html>",
		`{"action": "deny", "if": {"any": [[{"not": true, "any": [{"fetch": "path", "values": ["/other"]}]}, {"any": [{"fetch": "hdr(x-a)", "values": ["c"]}]}]]}}`: "403 <html>",
		`{"action": "return", "reply": {"plain": true, "content_type": "text/plain", "body": "of %[method]", "formatted": true}}`:                                   "200 of GET",
		`{"action": "redirect", "redirect": {"kind": "scheme", "to": "https", "code": 301}}`:                                                                        "301  https://a.example/p?q=1",
		`{"action": "redirect", "redirect": {"kind": "location", "to": "", "ignore_empty": true}}`:                                                                  "200 GET /p?q=1 /p a.example b, c",
		`{"action": "redirect", "redirect": {"kind": "location", "to": "/z?a", "keep_query": true}}`:                                                                "302  /z?a&q=1",
	} {
		r := get("/p?q=1")
		r.Header.Set("X-A", "b, c")
		status, header, body := serve(t, r, `{"last": true, "request": [`+rule+`]}`)
		got := strings.TrimSpace(fmt.Sprint(status, " ", body))
		if strings.HasPrefix(body, "<html>") {
			got = got[:len("403 <html>")]
		}
		if to := header.Get("Location"); to != "" {
			got += "  " + to
		}
		if got != want {
			t.Errorf("%s:\n%q, want\n%q", rule, got, want)
		}
	}
}

// The backend's rules run before the frontend's, and both see the variables that they set.
func TestResponseRules(t *testing.T) {
	status, h, _ := serve(t, get("/"),
		`{"last": true, "request": [{"action": "set_var", "name": "txn.a", "value": "path"}], "response": [{"action": "add_header", "name": "X-Order", "value": "front%[var(txn.a)]"}], "after_response": [{"action": "set_header", "name": "X-After", "value": "%[status]"}]}`,
		`{"request": [{"action": "set_var_fmt", "name": "txn.b", "value": "<%[var(txn.a)]>"}], "response": [{"action": "add_header", "name": "X-Order", "value": "back%[var(txn.b)]"}, {"action": "set_status", "status": 404}, {"action": "del_header", "name": "Server"}]}`)
	if status != http.StatusNotFound || strings.Join(h["X-Order"], " ") != "back</> front/" || h.Get("X-After") != "404" || h["Server"] != nil {
		t.Errorf("%d %v", status, h)
	}
	status, h, _ = serve(t, get("/"), `{"last": true, "response": [{"action": "deny"}], "after_response": [{"action": "set_header", "name": "X-After", "value": "%[status]"}]}`)
	if status != http.StatusBadGateway || h.Get("X-After") != "502" {
		t.Errorf("%d %v", status, h)
	}
}

// A rule with use_service lets another handler answer. Rules before it come first, those for
// responses apply to its response; but not if it is among the rules of redirect.
func TestService(t *testing.T) {
	const config = `{"request": [
		{"action": "deny", "if": {"any": [[{"any": [{"fetch": "path", "values": ["/denied"]}]}]]}},
		{"action": "use_service", "service": {"handler": "static_response", "status_code": 202, "body": "served"},
			"if": {"any": [[{"any": [{"fetch": "path", "values": ["/metrics", "/denied"]}]}]]}},
		{"action": "set_header", "name": "X-A", "value": "passed"}],
		"redirect": [{"action": "use_service", "service": {"handler": "static_response", "body": "shown"}, "if": {"any": [[{"any": [{"fetch": "path", "values": ["/page"]}]}]]}}],
		"response": [{"action": "set_header", "name": "X-R", "value": "r"}],
		"after_response": [{"action": "set_header", "name": "X-After", "value": "a"}], "last": true}`
	for path, want := range map[string]string{
		"/page":    "200 shown  a",
		"/metrics": "202 served r a",
		"/denied":  "403 <html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>\n  a",
		"/other":   "200 GET /other /other a.example passed r a",
	} {
		status, header, body := serve(t, get(path), config)
		if got := fmt.Sprint(status, " ", body, " ", header.Get("X-R"), " ", header.Get("X-After")); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	name := filepath.Join(t.TempDir(), "503.http")
	if err := os.WriteFile(name, []byte("HTTP/1.0 503 Sorry\r\nX-File: yes\r\n\r\nsorry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		handlers []string
		want     string
	}{
		{[]string{`{"last": true}`}, "503 <html><head><title>503 Service Unavailable</title></head><body><h1>503 Service Unavailable</h1></body></html> "},
		{[]string{`{"last": true, "errors": {"503": {"error_file": "` + name + `"}}}`}, "503 sorry yes"},
		{[]string{`{"last": true, "errors": {"503": {"status": 302, "location": "/x"}}}`, `{}`}, "302  "},
		{[]string{`{"last": true, "errors": {"503": {"error_file": "` + name + `"}}}`, `{"errors": {"503": {"body": "own", "content_type": "text/plain"}}}`}, "503 own "},
	} {
		status, header, body := serve(t, get("/error"), test.handlers...)
		if got := fmt.Sprintf("%d %s %s", status, strings.TrimSpace(body), header.Get("X-File")); got != test.want {
			t.Errorf("%v: %q, want %q", test.handlers, got, test.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{"request": [{"action": "set-header"}]}`:                                           `unknown action; did you mean "set_header"`,
		`{"request": [null]}`:                                                               "expected an object with an action",
		`{"request": [{"action": "set_header", "value": "x"}]}`:                             "expected a name",
		`{"request": [{"action": "set_header", "name": "x", "value": "%[pth]"}]}`:           "unknown fetch method 'pth'",
		`{"request": [{"action": "replace_path", "pattern": "(", "value": "x"}]}`:           "missing closing )",
		`{"request": [{"action": "deny", "if": {"any": [[{"any": [{"fetch": "pth"}]}]]}}]}`: "unknown fetch method 'pth'",
		`{"request": [{"action": "deny", "if": {"any": [[{"name": "x"}]]}}]}`:               "term without criteria",
		`{"request": [{"action": "use_service"}]}`:                                          "expected a service, which is an HTTP handler",
		`{"request": [{"action": "use_service", "service": {"handler": "metrisc"}}]}`:       "loading service: ",
		`{"response": [{"action": "use_service", "service": {"handler": "metrics"}}]}`:      "use_service is for rules of request",
		`{"request": [{"action": "redirect"}]}`:                                             "expected a redirect",
		`{"request": [{"action": "redirect", "redirect": {"kind": "to"}}]}`:                 "unknown kind",
		`{"errors": {"503": {"error_file": "/dev/stdout-no"}}}`:                             "no such file",
	} {
		h := new(Handler)
		if err := json.Unmarshal([]byte(config), h); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		if err := h.Provision(ctx); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
		cancel()
	}
}
