// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap/zapcore"
)

// server returns an http server with a wrapper as JSON: its address, the fields of the wrapper, and
// the hosts of its own routes.
func server(listen, wrapper string, own ...string) string {
	return serverWith(listen, fmt.Sprintf(`{"wrapper": "passthrough", %s}, {"wrapper": "tls"}`, wrapper), own...)
}

// serverWith is like server, with a list of wrappers.
func serverWith(listen, wrappers string, own ...string) string {
	hosts, _ := json.Marshal(append([]string{}, own...))
	return fmt.Sprintf(`{"listen": [%q], "listener_wrappers": [%s], "automatic_https": {"disable": true}, "tls_connection_policies": [{}],
		"routes": [{"match": [{"host": %s}], "handle": [{"handler": "static_response", "body": "own"}], "terminal": true}]}`, listen, wrappers, hosts)
}

// config returns a configuration with http servers srv0, srv1 ... and the passthrough app.
func config(app string, servers ...string) *caddy.Config {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = fmt.Sprintf("%q: %s", fmt.Sprintf("srv%d", i), s)
	}
	quiet := caddy.CustomLog{BaseLog: caddy.BaseLog{Level: zapcore.FatalLevel.CapitalString()}}
	return &caddy.Config{
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: &quiet}},
		AppsRaw: caddy.ModuleMap{
			"http":        json.RawMessage(`{"http_port": 9080, "https_port": 9443, "servers": {` + strings.Join(all, ", ") + `}}`),
			"passthrough": json.RawMessage(app),
		},
	}
}

const backendB = `{"backends": {"b": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}}}`

// provisioned returns the wrappers of a configuration, in the order of their servers.
func provisioned(t *testing.T, c *caddy.Config) *wrapperList {
	t.Helper()
	ctx, err := caddy.ProvisionContext(c)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	list, ok := wrappers.Load(app)
	if !ok {
		t.Fatal("no wrapper has been provisioned")
	}
	return list.(*wrapperList)
}

func TestRulesFollowSpecificity(t *testing.T) {
	for _, c := range []struct {
		wrapper string
		own     []string
		want    string
	}{
		{`"sites": [{"names": ["*.a.test", "x.a.test"], "backend": "b"}]`, []string{"own.test"}, "x.a.test=b *.a.test=b"},
		{`"sites": [{"names": [".a.test", "*.a.test"], "backend": "b"}]`, []string{"own.a.test", "*.own.a.test", "own.test"}, "own.a.test=next *.own.a.test=next *.a.test=b .a.test=b"},
		{`"sites": [{"names": ["+.a.test"], "backend": "b"}]`, []string{"a.test", "b.test"}, "a.test=next +.a.test=b"},
		{`"sites": [{"names": ["x.own.test"], "backend": "b"}]`, []string{"*.own.test"}, "x.own.test=b"},
		{`"sites": [{"names": ["a.test"], "backend": "b"}], "default_backend": "b"`, []string{"*.own.test", "own.test", "127.0.0.1"}, "own.test=next a.test=b *.own.test=next"},
		{`"sites": [{"names": ["a.test"], "backend": "b"}], "servers": [{"name": "s1", "address": "127.0.0.1:1"}]`, []string{"own.test"}, "own.test=next a.test=b"},
		{`"sites": [{"names": ["a.test"], "backend": "b"}], "rules": [{"match": [{"client_hello": {"sni": ["*.own.test"]}}], "backend": "b"}]`, []string{"x.own.test"}, "x.own.test=next a.test=b"},
		{`"rules": [{"match": [{"client_hello": {"sni": ["c.test"]}}], "backend": "b"}]`, []string{"own.test"}, "own.test=next"},
	} {
		w := provisioned(t, config(backendB, server(":9443", c.wrapper, c.own...))).all[0]
		var got []string
		for _, n := range w.routed() {
			got = append(got, n.Pattern+"="+cmp.Or(n.Backend, "next"))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s, own %v:\n got %s\nwant %s", c.wrapper, c.own, got, c.want)
		}
	}
}

// Names do not depend on the order in which Caddy provisions http servers, which is random.
func TestNamesOfFrontendsAndBackends(t *testing.T) {
	own := `{"names": ["%s"], "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`
	sites := func(names ...string) string {
		for i, name := range names {
			names[i] = fmt.Sprintf(own, name)
		}
		return `"sites": [` + strings.Join(names, ", ") + `]`
	}
	t.Setenv("LISTENERS_TEST", "127.0.0.1")
	for range 10 {
		list := provisioned(t, config(
			`{"backends": {"b": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}, "c.test": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}}}`,
			server("durable/:9443", sites("a.test", "*.a.test", "c.test")),
			server("127.0.0.1:9444", sites("A.test", "b.test")),
			server("127.0.0.1:9445", `"name": "third", `+sites("a.test")),
			server("127.0.0.1:9446", `"listen": [":1"], `+sites("a.test", "d.test")),
			server("{env.LISTENERS_TEST}:9447", `"listen": ["127.0.0.1:9447"], `+sites("d.test", "bücher.test")),
		))
		var got []string
		for _, w := range list.all {
			line := w.Name
			for _, s := range w.Sites {
				line += " " + s.backend.Name()
			}
			got = append(got, line)
		}
		want := []string{
			":9443 a.test .a.test :9443-c.test", "127.0.0.1:9444 127.0.0.1:9444-a.test b.test", "third third-a.test", "127.0.0.1:9447 d.test xn--bcher-kva.test",
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got\n%s", strings.Join(got, "\n"))
		}
	}
}

// Where listen has no address of the server, the wrapper does nothing.
func TestWrapperOfOtherServers(t *testing.T) {
	list := provisioned(t, config(backendB,
		server(":9443", `"listen": [":9443"], "sites": [{"names": ["a.test"], "backend": "b"}]`, "own.test"),
		server(":9444", `"listen": [":9443"], "sites": [{"names": ["a.test"], "backend": "b"}]`, "own.test"),
	))
	if len(list.all) != 1 || list.all[0].name != "srv0" {
		t.Errorf("%d wrappers", len(list.all))
	}
	for name, routes := range map[string]int{"srv0": 2, "srv1": 1} {
		if got := len(list.app.Servers[name].Routes); got != routes {
			t.Errorf("%s has %d routes, want %d", name, got, routes)
		}
	}
}

// A list of wrappers is found by the app of its configuration until that ends.
func TestWrappersEndWithTheirConfiguration(t *testing.T) {
	size := func() (n int) {
		wrappers.Range(func(any, any) bool { n++; return true })
		return n
	}
	before := size()
	list := provisioned(t, config(backendB, server(":9443", `"sites": [{"names": ["*.a.test"], "backend": "b"}]`, "own.a.test")))
	for host, want := range map[string]bool{"x.a.test": true, "own.a.test": false, "b.test": false} {
		if w, s := list.siteOf(host); (s != nil) != want || (w != nil) != want {
			t.Errorf("%s: %v, %v", host, w, s)
		}
	}
	if got := size(); got != before+1 {
		t.Errorf("%d lists, want %d", got, before+1)
	}
	if err := caddy.Validate(config(backendB, server(":9443", `"sites": [{"names": ["a.test"], "backend": "b"}]`))); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { return size() == before+1 })
}

// Requests over TLS for names that are passed through are misdirected.
func TestMisdirectedRequests(t *testing.T) {
	list := provisioned(t, config(backendB, server(":9443", `"sites": [{"names": ["git.a.test", "*.b.test"], "backend": "b"}]`, "*.a.test", "own.b.test")))
	s := list.app.Servers["srv0"]
	for _, c := range []struct {
		host  string
		plain bool
		want  int
	}{
		{"git.a.test", false, http.StatusMisdirectedRequest},
		{"GIT.a.test.", false, http.StatusMisdirectedRequest},
		{"git.a.test:9443", false, http.StatusMisdirectedRequest},
		{"x.b.test", false, http.StatusMisdirectedRequest},
		{"own.b.test", false, http.StatusOK},
		{"x.a.test", false, http.StatusOK},
		{"git.a.test", true, http.StatusOK},
		{"[::1]:9443", false, http.StatusOK},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		if !c.plain {
			r.TLS = &tls.ConnectionState{ServerName: "x.a.test"}
		}
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, r)
		if answer.Code != c.want {
			t.Errorf("%+v: %d", c, answer.Code)
		}
	}
}

// The mistakes that only the http server shows. Those of sites are in package integration.
func TestWrapperMistakes(t *testing.T) {
	const one = `{"wrapper": "passthrough", "sites": [{"names": ["a.test"], "backend": "b"}]}`
	for wrappers, want := range map[string]string{
		one:                                    "listener_wrappers: TLS has been terminated where passthrough stands: expected tls behind it",
		`{"wrapper": "http_redirect"}, ` + one: "expected tls behind it",
		one + `, {"wrapper": "tls"}`:           "",
		one + `, ` + one + `, {"wrapper": "tls"}`:                                                                                   `http server "srv0": two listener wrappers passthrough: expected one`,
		`{"wrapper": "passthrough"}, {"wrapper": "tls"}`:                                                                            `http server "srv0": the listener wrapper passthrough has no names: expected passthrough NAME... ADDRESS... in a site block`,
		`{"wrapper": "passthrough", "listen": [":1"]}, {"wrapper": "tls"}`:                                                          "",
		`{"wrapper": "passthrough", "listen": [":1"]}, ` + one + `, {"wrapper": "tls"}`:                                             "",
		`{"wrapper": "passthrough", "inspect_delay": "2s"}, {"wrapper": "tls"}`:                                                     `frontend ":9443": no backend for its connections`,
		`{"wrapper": "passthrough", "sites": [null]}, {"wrapper": "tls"}`:                                                           "site 1: expected an object with names",
		`{"wrapper": "passthrough", "sites": [{"backend": "b"}]}, {"wrapper": "tls"}`:                                               "a site without names",
		`{"wrapper": "passthrough", "sites": [{"names": ["a.test"]}]}, {"wrapper": "tls"}`:                                          "passthrough a.test: no server for its connections",
		`{"wrapper": "passthrough", "sites": [{"names": ["a.test", "{env.NONE}"], "backend": "b"}]}, {"wrapper": "tls"}`:            "passthrough: invalid pattern",
		`{"wrapper": "passthrough", "sites": [{"names": ["own.test"], "backend": "b"}]}, {"wrapper": "tls"}`:                        "passthrough own.test: the name is a site of this server, too: expected one of the two",
		`{"wrapper": "passthrough", "sites": [{"names": ["a.test"], "backend": "b"}], "on": {"no_match": "x"}}, {"wrapper": "tls"}`: `frontend ":9443": on no_match: unknown action "x"`,
		`{"wrapper": "passthrough", "sites": [{"names": [".own.test"], "backend": "b"}]}, {"wrapper": "tls"}`:                       "passthrough .own.test: it would take connections of the site a.*.own.test: expected names that do not match those",
	} {
		got := ""
		if err := caddy.Validate(config(backendB, serverWith(":9443", wrappers, "own.test", "a.*.own.test"))); err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", wrappers, got, want)
		}
	}
}

// eventually waits until ok returns true.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it has not happened in 10 s")
		}
	}
}
