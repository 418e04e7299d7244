// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

// TestLogging lists what the options about the log of a frontend become.
func TestLogging(t *testing.T) {
	const log = "log 192.0.2.1:514 local0\n"
	for _, c := range []struct{ lines, want string }{
		{`log-format "%ci %B"`, `{}`}, // there is no target
		{log, `{"log_format": "Connect from %ci:%cp to %fi:%fp (%f/TCP)", "log_as_soon_as": "accepted"}`},
		{log + "option logasap", `{"log_format": "Connect from %ci:%cp to %fi:%fp (%f/TCP)", "log_as_soon_as": "accepted"}`},
		{log + "option tcplog", `{}`},
		{log + "option tcplog\noption logasap", `{"log_as_soon_as": "connected"}`},
		{log + "option httplog", `{}`},
		{log + "log-format %ci\noption tcplog", `{}`},
		{log + "option tcplog\nlog-format %ci%B", `{"log_format": "%ci%B"}`},
		{log + `log-format "%ci %s %[var(sess.sni)]"`, `{"log_format": "%ci %s %[var(sess.sni)]", "log_as_soon_as": "connected"}`},
		{log + `log-format "%ci %[lat_ns_avg] %{+Q}[lat_ns_avg] %B"`, `{"log_format": "%ci %[var(txn.not_available)] %{+Q}[var(txn.not_available)] %B"}`},
		{log + "log-steps accept,request,close\noption tcplog", `{"log_steps": ["accepted", "closed"]}`},
		{log + "log-steps all\nlog-format %ci", `{"log_format": "%ci", "log_steps": ["accepted", "connected", "closed"]}`},
		{log + "option tcplog\noption dontlognull\noption dontlog-normal\noption log-separate-errors", `{"dontlognull": true, "dontlog_normal": true, "log_separate_errors": true}`},
		{log + "option tcplog\noption dontlognull\nno option dontlognull", `{}`},
		{log + "option tcplog\nerror-log-format %ci\nlog-format-sd [x@1\\ y=\\\"%ci\\\"]", `{"error_log_format": "%ci", "log_format_sd": "[x@1 y=\"%ci\"]"}`},
	} {
		got := apps(t, frontend(strings.Split(c.lines+"\ndefault_backend b", "\n")...))
		text, err := json.Marshal(at(t, got, "passthrough", "frontends", "f"))
		if err != nil {
			t.Fatal(err)
		}
		var of l4passthrough.Logging
		if err := json.Unmarshal(text, &of); err != nil {
			t.Fatal(err)
		}
		text, _ = json.Marshal(of)
		var fields any
		_ = json.Unmarshal(text, &fields)
		equal(t, c.lines, fields, c.want)
	}
}

// TestCaptures lists the rules that captures become.
func TestCaptures(t *testing.T) {
	const capture = "tcp-request content capture req.ssl_sni len 64\ntcp-request content capture src len 8\n"
	rules := func(lines string) any {
		got := apps(t, frontend(strings.Split(lines+"default_backend b", "\n")...))
		return at(t, got, "passthrough", "frontends", "f", "content", "rules")
	}
	equal(t, "captures", rules("log 192.0.2.1:514 local0\n"+capture+"log-format %B%[capture.req.hdr(1)]\n"),
		`[{"action": "set_var", "var": "txn.capture_req_hdr_0", "value": "req.ssl_sni,concat(),bytes(0,64)"}, {"action": "set_var", "var": "txn.capture_req_hdr_1", "value": "src,concat(),bytes(0,8)"}]`)
	for _, text := range []string{"log 192.0.2.1:514 local0\n" + capture + "option tcplog\n", capture + "log-format %hr\n"} {
		if got := apps(t, frontend(strings.Split(text+"default_backend b", "\n")...)); strings.Contains(asText(t, got), "capture") {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func asText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
