// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

func alertRecord(description byte) string { return string([]byte{21, 3, 1, 0, 2, 2, description}) }

// A client without a backend sees its refusal, and the log line names it.
func TestRefusals(t *testing.T) {
	helloA := newSpecimen(t, "a.example.test", "").raw
	broken := bytes.Clone(helloA)
	broken[5+4+2+32] = 33 // a session ID may have 32 bytes
	for _, c := range []struct {
		name, outcome, action string
		sent                  []byte
		want                  string
		wantReset             bool
	}{
		{name: "no match, by default", outcome: "hello", sent: helloA, want: alertRecord(112)},
		{name: "no match, reject", outcome: "hello", action: "no_match reject", sent: helloA, want: alertRecord(112)},
		{name: "no match, close", outcome: "hello", action: "no_match close", sent: helloA},
		{name: "no match, reset", outcome: "hello", action: "no_match reset", sent: helloA, wantReset: true},
		{name: "malformed, by default", outcome: "malformed", sent: broken, want: alertRecord(50)},
		{name: "malformed, close", outcome: "malformed", action: "malformed close", sent: broken},
		{name: "too large, by default", outcome: "too_large", sent: []byte{22, 3, 1, 1, 0, 1, 2, 0, 0, 3, 3}, want: alertRecord(50)},
		{name: "not TLS, by default", outcome: "not_tls", sent: []byte("GET / HTTP/1.1\r\n\r\n")},
		{name: "not TLS, reset", outcome: "not_tls", action: "not_tls reset", sent: []byte("GET / HTTP/1.1\r\n\r\n"), wantReset: true},
		{name: "half a hello, by default", outcome: "timeout", sent: helloA[:100]},
		{name: "silence, by default", outcome: "timeout"},
		{name: "silence, reset", outcome: "timeout", action: "timeout reset", wantReset: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := Handler{InspectDelay: caddy.Duration(time.Minute), Rules: parseRules(t, `[%s]`, exactB)}
			if c.outcome == "timeout" {
				h.InspectDelay = caddy.Duration(100 * time.Millisecond)
			}
			if outcome, words, ok := strings.Cut(c.action, " "); ok {
				h.On = map[string]string{outcome: words}
			}
			got, line, err := handle(t, &h, c.sent)
			if string(got) != c.want || errors.Is(err, syscall.ECONNRESET) != c.wantReset {
				t.Errorf("the client got %x (%v), want %x", got, err, c.want)
			}
			fields, letters := line.ContextMap(), "PR"
			if c.outcome == "hello" { // refused for another reason
				letters = "SC"
			}
			if fields["outcome"] != c.outcome || fields["termination"] != letters || fields["ended_by"] != "proxy" || line.Level != zapcore.InfoLevel {
				t.Errorf("logged as %v %v", line.Level, fields)
			}
		})
	}
}

// A client that spoke TLS gets an alert if no server is available. Others, sent to a backend
// nevertheless, would not understand it.
func TestNoServerAlertOnlyForTLS(t *testing.T) {
	for sent, want := range map[string]string{
		string(newSpecimen(t, "a.example.test", "").raw): alertRecord(80),
		"GET / HTTP/1.1\r\n\r\n":                         "",
	} {
		h := Handler{Rules: parseRules(t, `[%s]`, bare), On: map[string]string{"not_tls": "backend api"}}
		got, line, err := handle(t, &h, []byte(sent))
		if string(got) != want || err != nil {
			t.Errorf("%.10q: the client got %x (%v), want %x", sent, got, err, want)
		}
		if fields := line.ContextMap(); fields["termination"] != "SC" || fields["end"] != "connect_failed" {
			t.Errorf("%.10q: logged as %v", sent, fields)
		}
	}
}

// If a matcher fails, it is unknown whether its rule matches: neither later rules nor the default
// backend may take the connection.
func TestFailingMatcherRefuses(t *testing.T) {
	for _, failing := range []string{
		`{"match": [{"test_answer": {"answer": "error"}}], "backend": "web"}`,
		`{"match": [{"test_answer": {"answer": "error"}}, {"test_answer": {"answer": "yes"}}], "backend": "web"}`,
		`{"match": [{"not": [{"test_answer": {"answer": "error"}}]}], "backend": "web"}`,
		`{"match": [{"client_hello": {"sni": ["a.example.test"]}, "test_answer": {"answer": "error"}}], "backend": "web"}`,
	} {
		h := Handler{Rules: parseRules(t, `[%s, %s, %s]`, exactB, failing, bare)}
		got, line, _ := handle(t, &h, newSpecimen(t, "a.example.test", "").raw)
		if string(got) != alertRecord(80) {
			t.Errorf("%s: the client got %x, want an alert internal_error", failing, got)
		}
		fields := line.ContextMap()
		if line.Level != zapcore.ErrorLevel || fields["termination"] != "IR" || fields["backend"] != "" || fields["error"] != "rule 2: the matcher failed" {
			t.Errorf("%s: logged as %v %v", failing, line.Level, fields)
		}
	}
}

// A matcher that wants more than the hello does not match; it does not fail.
func TestMatcherThatWantsMoreDoesNotMatch(t *testing.T) {
	h := Handler{Rules: parseRules(t, `[{"match": [{"test_answer": {"answer": "more"}}], "backend": "web"}]`)}
	got, line, _ := handle(t, &h, newSpecimen(t, "a.example.test", "").raw)
	if string(got) != alertRecord(112) || line.ContextMap()["error"] != "no rule matches and there is no default backend" {
		t.Errorf("the client got %x; logged as %v", got, line.ContextMap())
	}
}

// handle has a frontend handle a client that sends some bytes and then listens.
// It returns all that the client got, with the error of its last read, and the
// log line.
func handle(t *testing.T, h *Handler, sent []byte) (got []byte, line observer.LoggedEntry, err error) {
	t.Helper()
	app, ctx := newApp(t, "web", "api")
	logged := provisioned(t, ctx, app, h)
	client, server := frontendtest.Connected(t)
	explained := h.frontend.Explain(probe(server, sent))
	done := make(chan error, 1)
	go func() {
		done <- h.Handle(layer4.WrapConnection(server, nil, zap.NewNop()), nil)
		server.Close() // as caddy-l4 does
	}()
	_, _ = client.Write(sent) // a rule may have refused the connection by then, with a reset
	_ = client.SetDeadline(time.Now().Add(time.Minute))
	got, err = io.ReadAll(client)
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	line = onlyLine(t, logged)
	explainedAs(t, explained, line.ContextMap())
	await(t, "the frontend to have no connection", func() bool { return counted(sample.ObjectFrontend, "fe_conn", h.Name) == 0 })
	return got, line, err
}

// provisioned sets up a frontend that logs to the returned observer.
func provisioned(t *testing.T, ctx caddy.Context, app *balancer.App, h *Handler) *observer.ObservedLogs {
	t.Helper()
	h.setDefaults()
	core, logged := observer.New(zapcore.DebugLevel)
	h.logger = zap.New(core)
	if err := h.provision(ctx, app); err != nil {
		t.Fatal(err)
	}
	return logged
}

func onlyLine(t *testing.T, logged *observer.ObservedLogs) observer.LoggedEntry {
	t.Helper()
	// A session goes on after its frontend's handler has returned.
	await(t, "the log line", func() bool { return logged.Len() > 0 })
	if logged.Len() != 1 {
		t.Fatalf("%d log lines, want 1: %v", logged.Len(), logged.All())
	}
	return logged.All()[0]
}

// The log says which rule has refused a connection: its kind, its number and what it
// does, or what the file that it comes from calls it.
func TestRefusedByRule(t *testing.T) {
	hello := newSpecimen(t, "a.example.test", "").raw
	yes := `"match": [{"test_answer": {"answer": "yes", "blind": true}}]`
	no := `{"action": "accept", "match": [{"test_answer": {"answer": "no", "blind": true}}]}`
	for _, c := range []struct{ config, want string }{
		{`{"connection": [` + no + `, {"action": "close", ` + yes + `}], "content": {}}`, "connection rule 2: close"},
		{`{"session": [{"action": "reset"}]}`, "session rule 1: reset"},
		{`{"content": {"rules": [` + no + `, {"action": "set_var", "var": "sess.x", "value": "src"}, {"action": "reject"}]}}`, "content rule 3: reject"},
		{`{"content": {"rules": [{"action": "close", "origin": "haproxy.cfg:17: tcp-request content reject"}]}}`, "haproxy.cfg:17: tcp-request content reject"},
		{`{"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`, `backend "default" content rule 1: close`},
		{`{"inspect_delay": "20ms"}`, "on timeout: reject"},
		{`{"inspect_delay": "20ms", "on": {"timeout": "reset"}}`, "on timeout: reset"},
	} {
		h := Handler{DefaultBackend: "web"}
		if err := caddy.StrictUnmarshalJSON([]byte(c.config), &h); err != nil {
			t.Fatal(err)
		}
		if h.Servers != nil {
			h.DefaultBackend, h.Backend.Content = "", &rules.Config{Rules: []*rules.Rule{{Action: "close"}}}
		}
		sent := hello
		if h.InspectDelay != 0 {
			sent = hello[:10]
		}
		_, line, _ := handle(t, &h, sent)
		if fields := line.ContextMap(); fields["termination"] != "PR" || fields["error"] != c.want || fields["ended_by"] != "proxy" {
			t.Errorf("%s: logged as %v, want error %q", c.config, fields, c.want)
		}
	}
}

// A rule of the frontend may refuse, in its turn among those that lead on.
func TestRulesThatRefuse(t *testing.T) {
	const block = "use_backend web sni a.example.test\nreject sni *.example.test\nreset alpn h2\nclose acl always_false\nuse_backend_map FILE\nreset acl always_true\ndefault_backend api"
	file := tempFile(t, "mapped.test web\n")
	for _, c := range []struct {
		sni, alpn, error, want string
		wantReset              bool
	}{
		{sni: "a.example.test", alpn: "h2", want: alertRecord(80)}, // web cannot be reached
		{sni: "b.example.test", alpn: "h2", error: "rule 2: reject", want: alertRecord(49)},
		{sni: "mapped.test", alpn: "h2", error: "rule 3: reset", wantReset: true},
		{sni: "mapped.test", want: alertRecord(80)},
		{sni: "other.test", error: "rule 6: reset", wantReset: true},
	} {
		h, err := parseFrontend(strings.ReplaceAll(block, "FILE", file))
		if err != nil {
			t.Fatal(err)
		}
		got, line, err := handle(t, h, newSpecimen(t, c.sni, c.alpn).raw)
		if string(got) != c.want || errors.Is(err, syscall.ECONNRESET) != c.wantReset {
			t.Errorf("%s: the client got %x (%v), want %x", c.sni, got, err, c.want)
		}
		fields := line.ContextMap()
		if refused := fields["termination"] == "PR" && fields["end"] == "refused" && fields["backend"] == ""; refused != (c.error != "") || refused && fields["error"] != c.error {
			t.Errorf("%s: logged as %v, want error %q", c.sni, fields, c.error)
		}
	}
}

func TestRulesThatRefuseInJSON(t *testing.T) {
	h, err := parseFrontend("reject sni a.test\ndrop unless alpn h2\ndefault_backend web")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(h.Rules)
	if want := `[{"match":[{"client_hello":{"sni":["a.test"]}}],"action":"reject"},{"unless":[{"client_hello":{"alpn":["h2"]}}],"action":"drop"}]`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for config, want := range map[string]string{
		`{"rules": [{"action": "rejct"}], "default_backend": "web"}`:                                `rule 1: unknown action "rejct"; did you mean "reject"?`,
		`{"rules": [{"action": "default"}], "default_backend": "web"}`:                              `rule 1: unknown action "default"`,
		`{"rules": [{"action": "reject", "backend": "web"}]}`:                                       `rule 1: it has backend "web" and action "reject": expected one of the two`,
		`{"rules": [{"action": "reject"}, {"backend": "web"}]}`:                                     `rule 2 (backend "web") can never match: earlier rules take all that it would, first of them rule 1 (reject)`,
		`{"rules": [{"match": [{"client_hello": {"sni": ["a.test"]}}], "action": "reject"}]}`:       "no backend for its connections",
		`{"rules": [{"match": [{"client_hello": {"sni": ["a.test"]}}]}], "default_backend": "web"}`: "rule 1: it has no backend and no action",
	} {
		h := new(Handler)
		if err := caddy.StrictUnmarshalJSON([]byte(config), h); err != nil {
			t.Fatal(err)
		}
		app, ctx := newApp(t, "web")
		h.setDefaults()
		h.logger = zap.NewNop()
		if err := h.provision(ctx, app); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", config, err, want)
		}
	}
}
