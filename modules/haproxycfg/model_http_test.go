// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// port80 returns a configuration with a frontend in mode http of these lines and a backend acme.
func port80(lines string) string {
	return "defaults\n" + timeoutLines + "frontend www\n\tmode http\n\tbind :80\n\t" + lines +
		"\nbackend acme\n\tmode http\n\tserver certbot 127.0.0.1:8888\n\tserver spare 127.0.0.1:8889 backup\n"
}

// Lines become rules, which hold HAProxy's own expressions.
func TestHTTPRules(t *testing.T) {
	for lines, want := range map[string]string{
		"http-request deny":                              `{"action": "deny", "reply": {}}`,
		"http-request deny deny_status 429":              `{"action": "deny", "reply": {"status": 429}}`,
		"http-request deny status 429 hdr Retry-After 5": `{"action": "deny", "reply": {"status": 429, "plain": true, "headers": [{"name": "Retry-After", "value": "5"}]}}`,
		"http-request tarpit":                            `{"action": "tarpit", "reply": {}, "delay": 1000000000}`,
		"http-request return status 200 content-type text/plain string \"a %[path]\"": `{"action": "return", "reply": {"status": 200, "plain": true, "content_type": "text/plain", "body": "a %[path]"}}`,
		"http-request return content-type text/plain lf-string %[path]":               `{"action": "return", "reply": {"plain": true, "content_type": "text/plain", "body": "%[path]", "formatted": true}}`,
		"http-request set-header X-Forwarded-Proto https if { ssl_fc }":               `{"action": "set_header", "name": "X-Forwarded-Proto", "value": "https", "if": {"section": "www", "any": [[{"any": [{"fetch": "ssl_fc"}]}]]}}`,
		"http-request del-header X- -m beg":                                           `{"action": "del_header", "name": "X-", "method": "beg"}`,
		"http-request replace-path /a/(.*) /b/\\\\1":                                  `{"action": "replace_path", "pattern": "/a/(.*)", "value": "/b/\\1"}`,
		"http-request set-var(txn.host) hdr(host),lower":                              `{"action": "set_var", "name": "txn.host", "value": "hdr(host),lower"}`,
		"http-request redirect scheme https drop-query code 301":                      `{"action": "redirect", "redirect": {"kind": "scheme", "to": "https", "drop_query": true, "code": 301}}`,
		"acl h hdr(host) -i a.test\n\thttp-request deny if h !METH_GET":               `{"action": "deny", "reply": {}, "if": {"section": "www", "any": [[{"name": "h", "any": [{"fetch": "hdr(host)", "ignore_case": true, "values": ["a.test"]}]}, {"name": "METH_GET", "not": true, "any": [{"fetch": "method", "values": ["GET", "HEAD"]}]}]]}}`,
		"http-request set-path /x unless { path_beg /x } or { src 10.0.0.0/8 }":       `{"action": "set_path", "value": "/x", "if": {"section": "www", "unless": true, "any": [[{"any": [{"fetch": "path_beg", "values": ["/x"]}]}], [{"any": [{"fetch": "src", "values": ["10.0.0.0/8"]}]}]]}}`,
	} {
		got := apps(t, port80(lines))
		rule := at(t, got, "http", "servers", "www", "routes", 0, "handle", 0, "request", 0).(map[string]any)
		delete(rule, "origin")
		equal(t, lines, rule, want)
	}
}

func TestHTTPServer(t *testing.T) {
	got := apps(t, port80("redirect scheme https if TRUE\n\ttimeout client 10s\n\ttimeout http-request 5s\n\tlog stdout local0\n\tuse_backend acme if { path_beg /.well-known/ }\n\tuse_backend %[hdr(host),lower]"))
	equal(t, "server", at(t, got, "http", "servers", "www"), `{"listen": ["durable4/0.0.0.0:80"], "protocols": ["h1"], "automatic_https": {"disable": true}, "logs": {"default_logger_name": "www"},
		"read_header_timeout": 5000000000, "idle_timeout": 5000000000, "read_idle_timeout": 10000000000, "write_idle_timeout": 10000000000,
		"routes": [
			{"handle": [{"handler": "passthrough_rules", "section": "www", "last": true, "redirect": [{"action": "redirect", "origin": "/etc/haproxy/haproxy.cfg:8: redirect", "redirect": {"kind": "scheme", "to": "https"}, "if": {"section": "www", "any": [[{"name": "TRUE", "any": [{"fetch": "always_true"}]}]]}}]}]},
			{"terminal": true, "match": [{"acl": {"section": "www", "any": [[{"any": [{"fetch": "path_beg", "values": ["/.well-known/"]}]}]]}}], "handle": [{"handler": "passthrough_backend", "backend": "acme"}]},
			{"terminal": true, "match": [{"log_format": {"format": "%[hdr(host),lower]", "value": "acme"}}], "handle": [{"handler": "passthrough_backend", "backend": "acme"}]},
			{"handle": [{"handler": "error", "status_code": 503}]}]}`)
	equal(t, "default", at(t, apps(t, port80("default_backend acme")), "http", "servers", "www", "routes", 1), `{"terminal": true, "handle": [{"handler": "passthrough_backend", "backend": "acme"}]}`)
}

// Rules of a backend run after those of the frontend, and both inherit from defaults.
func TestHTTPBackend(t *testing.T) {
	file := filepath.Join(t.TempDir(), "503.http")
	if err := os.WriteFile(file, []byte("HTTP/1.0 503 Sorry\r\nContent-Type: text/plain\r\n\r\nsorry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := apps(t, "defaults\n\tmode http\n\toption forwardfor except 127.0.0.0/8\n\terrorfile 503 "+file+"\n\tretry-on 503 conn-failure\n"+timeoutLines+
		"frontend www\n\tbind :80\n\tdefault_backend app\nbackend app\n\tbalance uri whole\n\toption http-server-close\n\toption forwardfor header X-Client\n\thttp-request set-header X-A b\n\thttp-response del-header Server\n\tserver a 127.0.0.1:81 weight 3\n\tserver b 127.0.0.1:82 backup\n")
	equal(t, "handlers", at(t, got, "http", "servers", "www", "routes", 1, "handle"), `[
		{"handler": "passthrough_rules", "section": "app", "request": [{"action": "set_header", "name": "X-A", "value": "b", "origin": "/etc/haproxy/haproxy.cfg:16: http-request set-header"}],
			"response": [{"action": "del_header", "name": "Server", "origin": "/etc/haproxy/haproxy.cfg:17: http-response del-header"}], "errors": {"503": {"plain": true, "error_file": "`+file+`"}}},
		{"handler": "passthrough_backend", "backend": "app", "close_server": true, "retry_on": ["503", "conn_failure"], "forwarded_for": {"header": "X-Client", "except": ["127.0.0.0/8"]}}]`)
	equal(t, "balance", at(t, got, "passthrough", "backends", "app", "balance"), `{"policy": "hash", "expression": "url", "http": true}`)
	equal(t, "server", at(t, got, "passthrough", "backends", "app", "servers", 1), `{"name": "b", "address": "127.0.0.1:82", "backup": true}`)
}

func TestWebMistakes(t *testing.T) {
	for lines, want := range map[string]string{
		"redirect scheme https code 200":                     "unsupported HTTP code '200'",
		"redirect code 301":                                  "redirection type expected",
		"redirect scheme":                                    "'scheme' expects an argument",
		"redirect foo https":                                 "(was 'foo')",
		"http-request redirect location %[req.body]":         "'req.body'",
		"redirect scheme https if { req.ssl_sni a }":         "it examines a connection's first bytes",
		"http-request deny status 99":                        "expected a status from 100 to 999",
		"http-request deny deny_status 418":                  "status code '418' not handled by default",
		"http-request return string x":                       "a content type must be defined",
		"http-request return content-type a/b file /nowhere": "no such file",
		"http-request set-header X":                          "expects a header's name and its value",
		"http-request set-hedaer X y":                        "did you mean 'set-header' maybe ?",
		"http-request set-header X %[status]":                "'HTTP response headers', none of which is available here",
		"http-response set-header X %[path]":                 "'HTTP request headers', none of which is available here",
		"http-request set-var(sess.x) path":                  "expected the scope 'txn'",
		"http-request replace-path ( x":                      "missing closing )",
		"http-request silent-drop":                           "expected reject",
		"http-request track-sc0 src":                         "stick tables are not available in mode http yet",
		"http-request auth realm x":                          "asking for passwords is not available",
		"http-response set-path /x":                          "'http-response' expects an action",
		"http-request lua.x":                                 "there is no Lua",
		"cookie SRV insert":                                  "stickiness by cookies is not available yet",
		"option forwardfor foo":                              "only supports optional values",
		"errorfile 503 /nowhere":                             "no such file",
		"errorfile 503":                                      "expects a status and a file",
		"http-error status 418 content-type a/b string x":    "is not one that HAProxy answers with",
		"unique-id-header X":                                 "requests are not numbered",
		"tcp-request content accept":                         "'tcp-request' rules in mode http",
		"default_backend tcp\nbackend tcp\n\tserver s a:1":   "incompatible tcp backend 'tcp'",
	} {
		r := translated(t, port80(lines))
		said := ""
		for _, p := range r.Problems {
			said += p.String() + "\n"
		}
		if !r.Failed || !strings.Contains(said, want) {
			t.Errorf("%s: %v, want %s", lines, r.Problems, want)
		}
	}
}

// Requests and checks of a server with ssl use TLS; in mode tcp it is refused.
func TestTLSToHTTPServers(t *testing.T) {
	const head = "defaults\n\tmode http\n" + timeoutLines + "frontend www\n\tbind :80\n\tdefault_backend app\nbackend app\n\t"
	got := apps(t, head+"server a 192.0.2.1:443 ssl verify none check sni str(a.test)\n\tserver b 192.0.2.2:443 ssl verify none sni req.hdr(host) ssl-min-ver TLSv1.3\n\tserver c 192.0.2.3:80\n")
	equal(t, "tls", at(t, got, "http", "servers", "www", "routes", 1, "handle", 0, "tls"), `{"a": {"server_name": "a.test", "verify": "none"}, "b": {"server_name": "{http.request.host}", "verify": "none", "min_version": "1.3"}}`)
	equal(t, "check", at(t, got, "passthrough", "backends", "app", "servers", 0, "check", "checker"), `{"module": "tls", "verify": "none"}`)
	for line, want := range map[string]string{
		"server a 192.0.2.1:443 ssl":                         "no CA file specified",
		"server a 192.0.2.1:443 ssl verify none sni src":     "'sni src' is not available",
		"server a 192.0.2.1:443 ssl verify none alpn h2":     "requests go to servers as HTTP/1.1",
		"server a 192.0.2.1:443 proto h2":                    "requests go to servers as HTTP/1.1",
		"mode tcp\n\tserver a 192.0.2.1:443 ssl verify none": "TLS is not terminated here",
	} {
		r := translated(t, head+line+"\n")
		said := ""
		for _, p := range r.Problems {
			said += p.String() + "\n"
		}
		if !r.Failed || !strings.Contains(said, want) {
			t.Errorf("%s: %s, want %s", line, said, want)
		}
	}
}
