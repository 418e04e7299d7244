// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
	"github.com/google/go-cmp/cmp"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
)

// parsed is a frontend from JSON.
func parsed(t testing.TB, config string) *Handler {
	t.Helper()
	h := new(Handler)
	if err := json.Unmarshal([]byte(config), h); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestMistakesOfFrontends(t *testing.T) {
	for config, want := range map[string]string{
		`{"content": {}, "inspect_delay": "1s"}`:                                     "inspect_delay 1s and content are mutually exclusive: set inspect_delay inside content",
		`{"content": {}, "on": {"timeout": "close"}}`:                                "on timeout: with content, rules decide about that: expected no_match or no_server",
		`{"content": {}, "on": {"no_match": "close", "sslv2": "close"}}`:             "on sslv2: with content",
		`{"content": {}, "on": {"nothing": "close"}}`:                                `on: unknown outcome "nothing"`,
		`{"content": {"inspect_delay": -1}}`:                                         "content: inspect_delay -1ns: expected",
		`{"content": {"rules": [{"action": "accept"}, {"action": "x"}]}}`:            `content: rule 2: unknown action "x"`,
		`{"connection": [{"action": "accept"}, null]}`:                               "connection: rule 2: expected an object with action",
		`{"session": [{"action": "reject"}]}`:                                        "session: rule 1: action reject: no TLS has been read at that time: expected close, reset or drop",
		`{"connection": [{"action": "reject"}]}`:                                     "connection: rule 1: action reject: no TLS has been read at that time: expected close, reset or drop",
		`{"maxconn": -1}`:                                                            "maxconn -1: expected a whole number, zero or more",
		`{"timeout_client": "-1s"}`:                                                  "timeout_client -1s: expected a duration greater than zero, or -1 for never",
		`{"timeout_client_fin": -2}`:                                                 "timeout_client_fin -2ns: expected",
		`{"max_hello": 1, "content": {}}`:                                            "max_hello 1: expected",
		`{"rules": [{"backend": "web", "backend_format": "x"}]}`:                     `rule 1: it has backend "web" and backend_format "x": expected one of the two`,
		`{"rules": [{"backend": "web", "backend_map": "y", "backend_format": "x"}]}`: `rule 1: it has backend "web" and backend_map "y" and backend_format "x": expected one of the three`,
		`{"rules": [{"backend_format": "%[nothing]"}]}`:                              `rule 1: backend_format "%[nothing]": `,
		`{"rules": [{"backend": "web", "match": [{}], "unless": [{}]}]}`:             "rule 1: match and unless are mutually exclusive",
	} {
		app, ctx := newApp(t, "web")
		h := parsed(t, config)
		h.DefaultBackend = "web"
		h.setDefaults()
		h.logger = zap.NewNop()
		if err := h.provision(ctx, app); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", config, err, want)
		}
	}
}

// loud is a context that logs to a file.
func loud(t *testing.T) (ctx caddy.Context, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "log")
	log := caddy.CustomLog{BaseLog: caddy.BaseLog{Level: "WARN", WriterRaw: caddyconfig.JSONModuleObject(map[string]string{"filename": file}, "output", "file", nil)}}
	base, err := caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: &log}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(base)
	t.Cleanup(cancel)
	return ctx, file
}

// With content, a rule that can never match is a warning, not an error. Options without effect are
// warnings, too.
func TestWarnings(t *testing.T) {
	ctx, file := loud(t)
	for config, want := range map[string]string{
		`{"content": {}, "rules": [{"backend": "web"}, {"backend": "api"}]}`:                                                       `rule 2 (backend \"api\") can never match`,
		`{"content": {}, "rules": [` + exactA + `,` + exactA + `]}`:                                                                `rule 2 (backend \"api\") can never match`,
		`{"content": {}, "rules": [` + anyTLS + `,{"backend": "api"}]}`:                                                            "", // only hellos match rule 1
		`{"content": {}, "rules": [` + exactA + `,{"backend": "web", "unless": [{"client_hello": {"sni": ["a.example.test"]}}]}]}`: "",
		`{"content": {}, "rules": [{"backend": "web", "unless": [{}]}, {"backend": "api"}]}`:                                       "",

		`{"maxconn": 0}`: "",

		`{"content": {}, "connection": [{"action": "close", "match": [{"client_hello": {}}]}]}`:                    `a rule looks at what the client sends`,
		`{"content": {}, "connection": [{"action": "close", "match": [{"remote_ip": {"ranges": ["10.0.0.1"]}}]}]}`: "",
	} {
		app, _ := newApp(t, "web", "api")
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
		h := parsed(t, config)
		h.DefaultBackend = "web"
		h.setDefaults()
		h.logger = ctx.Logger()
		if err := h.provision(ctx, app); err != nil {
			t.Errorf("%s: %v", config, err)
		}
		logged, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(logged), "\n"); want == "" && lines != 0 || want != "" && (lines != 1 || !strings.Contains(string(logged), want)) {
			t.Errorf("%s: logged %q, want %s", config, logged, want)
		}
	}
}

func TestFrontendInCaddyfile(t *testing.T) {
	h, err := parseFrontend(`connection {
	close acl src 10.0.0.0/8
	set_var sess.x src
}
session {
	drop
}
content {
	inspect_delay 5s
	accept acl req.ssl_hello_type 1
}
use_backend_format "%[req.ssl_sni,lower,map(/no/such.map)]" unless no_sni
use_backend_format b%[dst_port]
use_backend web unless sni a.test
use_backend ech unless {
	acl req.ssl_sni a.test
	acl not src 10.0.0.1
}
use_backend_map sites.map unless alpn h2
default_backend web
timeout_client 1m
timeout_client_fin off
nolinger_client
maxconn 7
max_hello 16384`)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"max_hello":16384,` +
		`"connection":[{"action":"close","match":[{"acl":[{"any":[{"fetch":"src","values":["10.0.0.0/8"]}]}]}]},{"action":"set_var","var":"sess.x","value":"src"}],"session":[{"action":"drop"}],` +
		`"content":{"inspect_delay":5000000000,"rules":[{"action":"accept","match":[{"acl":[{"any":[{"fetch":"req.ssl_hello_type","values":["1"]}]}]}]}]},` +
		`"rules":[{"unless":[{"client_hello":{"no_sni":true}}],"backend_format":"%[req.ssl_sni,lower,map(/no/such.map)]"},{"backend_format":"b%[dst_port]"},` +
		`{"unless":[{"client_hello":{"sni":["a.test"]}}],"backend":"web"},` +
		`{"unless":[{"acl":[{"any":[{"fetch":"req.ssl_sni","values":["a.test"]}]},{"not":true,"any":[{"fetch":"src","values":["10.0.0.1"]}]}]}],"backend":"ech"},` +
		`{"unless":[{"client_hello":{"alpn":["h2"]}}],"backend_map":"sites.map"}],` +
		`"default_backend":"web","timeout_client":60000000000,"timeout_client_fin":-1,"nolinger_client":true,"maxconn":7,"origin":"Testfile:1 connection=2 session=6 content=9 rule=13-16,20 default_backend=21"}`
	if diff := cmp.Diff(want, string(caddyconfig.JSON(h, nil))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for block, want := range map[string]string{
		"use_backend_format":                 "use_backend_format: expected a format such as %[req.ssl_sni,lower], at Testfile:2",
		"use_backend_format %[nothing]":      "use_backend_format: ",
		"use_backend unless sni a.test":      "use_backend: expected the name of a backend before unless",
		"use_backend web unless":             "rule for backend \"web\": expected a matcher after unless",
		"connection {\n inspect_delay 5s\n}": `unknown option "inspect_delay"`,
		"timeout_client 0s":                  "timeout_client: 0s: expected a duration greater than zero, or off",
		"timeout_client never":               `timeout_client: "never" is not a duration: expected a number with a unit, such as 500ms, 5s or 1m, or off`,
		"maxconn 0":                          `maxconn: "0": expected a whole number from 1`,
		"maxconn 1\nmaxconn 1":               `option "maxconn" is given twice`,
	} {
		if _, err := parseFrontend(block); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", block, err, want)
		}
	}
}

// A server may be a Unix socket.
func TestUnixServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	hello := newSpecimen(t, "a.example.test", "").raw
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		got := make([]byte, len(hello))
		_, _ = io.ReadFull(c, got)
		fmt.Fprint(c, "hi")
		c.Close()
	}()
	h := Handler{Backend: balancer.Backend{Servers: []*balancer.Server{{Name: "s1", Address: "unix/" + path}}}}
	got, line, err := handle(t, &h, hello)
	if string(got) != "hi" || err != nil || line.ContextMap()["server_address"] != "unix/"+path || line.ContextMap()["termination"] != "--" {
		t.Errorf("got %q (%v), logged %v", got, err, line.ContextMap())
	}
}

// Without content a frontend waits for a hello as ever, and a backend's rules
// look at what it has found.
func TestBackendRulesAfterInspection(t *testing.T) {
	const screened = `{"servers": [{"name": "s", "address": %q}], "content": {"inspect_delay": "10s", "rules": [
		{"action": "set_var", "var": "sess.sni", "value": "req.ssl_sni"},
		{"action": %q, "match": [{"acl": [{"any": [{"fetch": "var(sess.sni)", "method": "str", "values": ["bad.test"]}]}]}]},
		{"action": "accept", "match": [{"client_hello": {}}]},
		{"action": "close"}]}}`
	for _, c := range []struct {
		name, action, greeted, letters string
	}{
		{"good.test", "reject", "s", "--"},
		{"bad.test", "reject", alertRecord(49), "PR"},
		{"bad.test", "close", "", "PR"},
	} {
		app, ctx := frontendtest.App(t, map[string]string{"web": fmt.Sprintf(screened, greeter(t, "s", nil), c.action)})
		h := &Handler{DefaultBackend: "web"}
		logged := provisioned(t, ctx, app, h)
		client, server := frontendtest.Connected(t)
		done := make(chan error, 1)
		go func() {
			done <- h.Handle(layer4.WrapConnection(server, nil, zap.NewNop()), nil)
			server.Close()
		}()
		if _, err := client.Write(hellotest.Hello(t, c.name, "h2")); err != nil {
			t.Fatal(err)
		}
		_ = client.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(client); string(got) != c.greeted {
			t.Errorf("%s, %s: got %x (%v), want %x", c.name, c.action, got, err, c.greeted)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if fields := onlyLine(t, logged).ContextMap(); fields["termination"] != c.letters || fields["backend"] != "web" || fields["outcome"] != "hello" || fields["sni"] != c.name || fmt.Sprint(fields["alpn"]) != "[h2]" {
			t.Errorf("%s, %s: logged as %v", c.name, c.action, fields)
		}
	}
}

// Rules and the server get the bytes that matchers of the route have read.
func TestContentAfterRouteMatchers(t *testing.T) {
	hello := hellotest.Hello(t, "a.example")
	for _, ours := range []string{"content", oursHello, "content\nconnection {\n accept\n}\nuse_backend a sni a.example"} {
		heard := make(chan string, 2)
		app, ctx := frontendtest.App(t, map[string]string{
			"a": fmt.Sprintf(`{"servers": [{"name": "s", "address": %q}]}`, greeter(t, "a", heard)),
		})
		h, err := parseFrontend(ours + "\ndefault_backend a")
		if err != nil {
			t.Fatal(err)
		}
		provisioned(t, ctx, app, h)
		client, server := frontendtest.Connected(t)
		if _, err := client.Write(hello[100:]); err != nil {
			t.Fatal(err)
		}
		_ = client.(*net.TCPConn).CloseWrite()
		if err := h.Handle(layer4.WrapConnection(server, hello[:100:100], zap.NewNop()), nil); err != nil {
			t.Error(err)
		}
		if got := <-heard; got != string(hello) {
			t.Errorf("%q: the server got %d bytes, want %d", ours, len(got), len(hello))
		}
	}
}

// If a matcher of content fails, the connection ends: it is unknown whether its rule matches.
func TestFailingMatcherInContent(t *testing.T) {
	for config, want := range map[string]string{
		`{"content": {"rules": [{"action": "accept"}, {"action": "close", "match": [{"test_answer": {"answer": "error"}}]}]}}`: "",
		`{"content": {"rules": [{"action": "close", "match": [{"test_answer": {"answer": "error"}}]}]}}`:                       "rule 1: the matcher failed",
		`{"connection": [{"action": "close", "match": [{"test_answer": {"answer": "error", "blind": true}}]}]}`:                "rule 1: the matcher failed",
	} {
		h := parsed(t, config)
		h.DefaultBackend = "web"
		_, line, _ := handle(t, h, newSpecimen(t, "a.example.test", "").raw)
		fields := line.ContextMap()
		if failed := fields["termination"] == "IR"; failed != (want != "") || failed && fields["error"] != want {
			t.Errorf("%s: logged as %v", config, fields)
		}
	}
}

// The hello is read even if only the server's address needs it.
func TestContentForTheAddressOfAServer(t *testing.T) {
	_, port, err := net.SplitHostPort(greeter(t, "s", nil))
	if err != nil {
		t.Fatal(err)
	}
	app, ctx := frontendtest.App(t, map[string]string{"web": fmt.Sprintf(`{"servers": [{"name": "s", "address": "{l4.client_hello.sni}:%s"}], "retries": 0, "allow_local_addresses": true}`, port)})
	h := parsed(t, `{"content": {}, "default_backend": "web"}`)
	logged := provisioned(t, ctx, app, h)
	client, server := frontendtest.Connected(t)
	if _, err := client.Write(hellotest.Hello(t, "localhost")); err != nil {
		t.Fatal(err)
	}
	_ = client.(*net.TCPConn).CloseWrite()
	if err := h.Handle(layer4.WrapConnection(server, nil, zap.NewNop()), nil); err != nil {
		t.Error(err)
	}
	if fields := onlyLine(t, logged).ContextMap(); fields["termination"] != "--" || fields["outcome"] != "hello" || fields["sni"] != "localhost" {
		t.Errorf("logged as %v", fields)
	}
}

// With connect timeout -1 a connect does not time out, and the pause before a retry is as usual.
func TestConnectTimeoutNever(t *testing.T) {
	never := func(address string) string {
		return fmt.Sprintf(`{"servers": [{"name": "s", "address": %q}], "retries": 1, "redispatch": false, "timeouts": {"connect": -1}}`, address)
	}
	app, ctx := frontendtest.App(t, map[string]string{"dead": never(programs.Address(t)), "web": never(greeter(t, "s", nil))})
	for backend, want := range map[string]string{"dead": "SC", "web": "--"} {
		h := parsed(t, fmt.Sprintf(`{"name": %q, "content": {}, "default_backend": %q, "on": {"no_server": "close", "no_match": "reset"}}`, backend, backend))
		logged := provisioned(t, ctx, app, h)
		client, server := frontendtest.Connected(t)
		_ = client.(*net.TCPConn).CloseWrite()
		began := time.Now()
		if err := h.Handle(layer4.WrapConnection(server, nil, zap.NewNop()), nil); err != nil {
			t.Error(err)
		}
		if fields := onlyLine(t, logged).ContextMap(); fields["termination"] != want {
			t.Errorf("%s: logged as %v", backend, fields)
		}
		if took := time.Since(began); took < time.Second && want == "SC" || took > time.Minute {
			t.Errorf("%s: took %v", backend, took)
		}
	}
}
