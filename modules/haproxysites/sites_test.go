// SPDX-License-Identifier: Apache-2.0

package haproxysites

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// draft returns the text for the first section of a configuration.
func draft(t *testing.T, text string) Site {
	t.Helper()
	sections, problems := haproxyfile.Read([]haproxyfile.Source{{Name: "haproxy.cfg", Text: []byte(text)}}, haproxyfile.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c := &Config{
		CrtBase: "/certs", CaBase: "/cas",
		BindValues:   values,
		ServerValues: values,
	}
	for _, s := range sections {
		mode := "http"
		for _, l := range s.Lines {
			if l.Words[0] == "mode" {
				mode = l.Words[1]
			}
		}
		c.Sections = append(c.Sections, Section{Pos: s.Pos, Kind: s.Kind, Name: s.Args[0], Mode: mode, Lines: s.Lines})
	}
	return c.Of(&c.Sections[0], nil)
}

// values returns 1 for options with a value.
func values(option string) int {
	if slices.Contains(strings.Fields("ssl check backup accept-proxy v6only disabled send-proxy send-proxy-v2 enabled no-check"), option) {
		return 0
	}
	return 1
}

// wantLines checks that lines occur in a text in this order.
func wantLines(t *testing.T, name, text string, want ...string) {
	t.Helper()
	got := " " + strings.Join(strings.Fields(text), " ") + " "
	if !strings.Contains(got, " "+strings.Join(strings.Fields(strings.Join(want, " ")), " ")+" ") {
		t.Errorf("%s: want\n%s\nin\n%s", name, strings.Join(want, "\n"), text)
	}
}

func TestRules(t *testing.T) {
	for line, want := range map[string]string{
		"redirect scheme https code 301":                                  "redir `https://{hostport}{uri}` 301",
		"redirect prefix https://a.test/ drop-query":                      "redir `https://a.test{path}` 302",
		"http-request redirect location https://a.test/%[path]?%[query]":  "redir `https://a.test/{path}?{query}` 302",
		"redirect location /%[req.cook(x)]":                               "# NOT TRANSLATED, line 4: redirect location /%[req.cook(x)]",
		"http-request set-header X-Client %[src]:%[src_port]":             "request_header X-Client `{remote_host}:{remote_port}`",
		"http-request add-header X-A a{b}":                                "request_header +X-A `a\\{b\\}`",
		"http-request del-header X-A":                                     "request_header -X-A",
		"http-response set-header X-A 100%%":                              "header >X-A 100%",
		"http-response del-header Server":                                 "header -Server",
		"http-request deny":                                               "respond 403",
		"http-request deny deny_status 429":                               "respond 429",
		"http-request return status 200 content-type text/plain string a": "respond a 200",
		"http-request use-service prometheus-exporter if { path /m }":     "@line4 expression `path_regexp('^(?:/m)$')` metrics @line4",
		"monitor-uri /up":                                                 "respond /up 200",
		"compression algo gzip":                                           "encode gzip",
		"option httplog":                                                  "log",
		"stats enable":                                                    "passthrough_status /haproxy/",
		"stats uri /stats":                                                "passthrough_status /stats/",
		"stats auth a:b":                                                  "# NOT TRANSLATED, line 4: stats auth a:b (expected basic_auth or a matcher) # passthrough_status /haproxy/",
		"http-request auth realm x":                                       "# NOT TRANSLATED, line 4: http-request auth realm x",
		"http-request deny if { nbsrv(a) lt 1 }":                          "# NOT TRANSLATED, line 4: http-request deny if { nbsrv(a) lt 1 }",
		"tcp-request connection reject if { src 192.0.2.1 }":              "# NOT TRANSLATED, line 4: tcp-request connection reject if { src 192.0.2.1 }",
		"use_backend b unless { path /a }":                                "@line4 expression `!(path_regexp('^(?:/a)$'))` handle @line4 { # backend b, line 5 route { reverse_proxy 192.0.2.2:80 } }",
		"use_backend %[hdr(host)]":                                        "# NOT TRANSLATED, line 4: use_backend %[hdr(host)]",
		"default_backend b":                                               "handle { # backend b, line 5 route { reverse_proxy 192.0.2.2:80 } }",
	} {
		wantLines(t, line, draft(t, "frontend f\n\tbind :80\n\n\t"+line+"\nbackend b\n\tserver s 192.0.2.2\n").Text, want)
	}
	wantLines(t, "nothing", draft(t, "frontend f\n\tbind :80\n").Text, "handle { respond 503 }")
}

func TestBinds(t *testing.T) {
	const body = "route { handle { respond 503 } }"
	for lines, want := range map[string]string{
		"bind :80":                               "http://:80 { " + body + " }",
		"bind 192.0.2.1:80,192.0.2.1:81":         "http://:80, http://:81 { bind 192.0.2.1 " + body + " }",
		"bind :80\n\tbind 192.0.2.1:8080":        "(haproxy-frontend-f) { " + body + " } http://:80 { import haproxy-frontend-f } http://:8080 { bind 192.0.2.1 import haproxy-frontend-f }",
		"bind :8000-8002":                        "http://:8000, http://:8001, http://:8002 {",
		"bind [::]:80 v6only":                    "http://:80 { bind `tcp6/[::]`",
		"bind /run/web.sock":                     "http://:80 { bind unix//run/web.sock",
		"bind :443 ssl crt a.pem":                "https://:443 { # a crt of HAProxy is one PEM file with the certificate, its chain and the key: it is both files here tls /certs/a.pem /certs/a.pem",
		"bind :443 ssl crt /x/ alpn h2,http/1.1": "tls { load /x/ alpn h2 http/1.1 }",
		"bind :443 ssl crt a.pem ca-file ca.pem verify required ssl-min-ver TLSv1.3": "tls /certs/a.pem /certs/a.pem { protocols tls1.3 client_auth { mode require_and_verify trust_pool file /cas/ca.pem } }",
		"bind :443 ssl crt a.pem crt b.pem":                                          "tls /certs/a.pem /certs/a.pem tls /certs/b.pem /certs/b.pem",
		"bind :443 ssl crt-list l":                                                   "# NOT TRANSLATED: crt-list l: write a line 'tls FILE FILE' for each of its certificates",
		"bind :443":                                                                  "# NOT TRANSLATED, line 2: bind :443 (Caddy serves no HTTP on 443, and no HTTPS on 80)",
		"bind fd@3":                                                                  "# NOT TRANSLATED, line 2: bind fd@3",
		"bind :80 crt a.pem":                                                         "http://:80 {",
	} {
		want = strings.ReplaceAll(want, "`tcp6/[::]`", "tcp6/[::]")
		wantLines(t, lines, draft(t, "frontend f\n\t"+lines+"\n").Text, want)
	}
	proxied := draft(t, "frontend f\n\tbind :443 ssl crt a.pem accept-proxy\n\tbind 192.0.2.1:80 accept-proxy\n")
	const wrappers = "{ listener_wrappers { proxy_protocol { fallback_policy require } tls } }"
	wantLines(t, "PROXY", Global([]Site{proxied}), "servers :443 "+wrappers+" servers 192.0.2.1:80 "+wrappers)
}

func TestUpstreams(t *testing.T) {
	for lines, want := range map[string]string{
		"server a 192.0.2.1:80\n\tserver b [2001:db8::1]:81":                             "reverse_proxy 192.0.2.1:80 [2001:db8::1]:81 { lb_policy round_robin }",
		"server a 192.0.2.1:80 weight 3\n\tserver b 192.0.2.2:80":                        "lb_policy weighted_round_robin 3 1",
		"server a 192.0.2.1:80 weight 3\n\tserver b 192.0.2.2:80 weight 3":               "lb_policy round_robin",
		"balance source\n\tserver a 192.0.2.1:80\n\tserver b 192.0.2.2:80":               "lb_policy client_ip_hash",
		"balance hdr(X-User)\n\tserver a 192.0.2.1:80\n\tserver b 192.0.2.2:80":          "lb_policy header X-User",
		"balance url_param id\n\tserver a 192.0.2.1:80\n\tserver b 192.0.2.2:80":         "lb_policy query id",
		"balance rdp-cookie\n\tserver a 192.0.2.1:80\n\tserver b 192.0.2.2:80":           "# NOT TRANSLATED: balance rdp-cookie",
		"cookie S insert\n\tserver a 192.0.2.1:80 cookie a\n\tserver b 192.0.2.2:80":     "lb_policy cookie S",
		"server a 192.0.2.1:80 backup\n\tserver b 192.0.2.2:80":                          "reverse_proxy 192.0.2.2:80 192.0.2.1:80 { lb_policy first",
		"server a 192.0.2.1:80\n\tserver b 192.0.2.2:80\n\tserver c 192.0.2.3:80 backup": "# NOT TRANSLATED, line 5: server c 192.0.2.3:80 backup (Caddy has no backup servers)",
		"server a 192.0.2.1:80 disabled":                                                 "# NOT TRANSLATED, line 3: server a 192.0.2.1:80 disabled (disabled) respond 503",
		"server a 192.0.2.1:80 check inter 500":                                          "reverse_proxy 192.0.2.1:80 { # HAProxy checks by connecting; Caddy leaves a server out for a time when it has failed a request fail_duration 500ms }",
		"default-server check inter 5s fall 2\n\toption httpchk GET /up\n\thttp-check expect status 204\n\thttp-check send hdr Host a.test\n\tserver a 192.0.2.1:80 port 81": "health_uri /up health_port 81 health_headers { Host a.test } health_interval 5s health_fails 2 health_passes 2 health_status 204",
		"option httpchk\n\thttp-check expect string a.b\n\ttimeout check 3s\n\tserver a 192.0.2.1:80 check":                                                                  "health_uri / health_method OPTIONS health_interval 2s health_fails 3 health_passes 2 health_timeout 3s health_body `a\\.b`",
		"option httpchk\n\thttp-check expect ! status 500\n\tserver a 192.0.2.1:80 check":                                                                                    "# NOT TRANSLATED, line 4: http-check expect ! status 500",
		"server a 192.0.2.1:8443 ssl verify none sni str(a.test)":                                                                                                            "reverse_proxy https://192.0.2.1:8443 { transport http { tls tls_insecure_skip_verify tls_server_name a.test } }",
		"server a 192.0.2.1:8443 ssl ca-file ca.pem":                                                                                                                         "tls tls_trust_pool file /cas/ca.pem",
		"server a 192.0.2.1:8443 ssl\n\tserver b 192.0.2.1:80":                                                                                                               "# NOT TRANSLATED, line 4: server b 192.0.2.1:80 (its neighbours differ in ssl)",
		"timeout connect 5s\n\ttimeout server 1m\n\tserver a 192.0.2.1:80 proto h2":                                                                                          "transport http { dial_timeout 5s response_header_timeout 1m0s versions h2c 2 }",
		"server a unix@/run/a send-proxy-v2":                                                                                                                                 "reverse_proxy unix//run/a { transport http { proxy_protocol v2 } }",
		"retries 2\n\tserver a 192.0.2.1:80":                                                                                                                                 "lb_retries 2",
		"server a 192.0.2.1":                                                                                                                                                 "reverse_proxy 192.0.2.1:80",
		"server a *:80":                                                                                                                                                      "# NOT TRANSLATED, line 3: server a *:80 (its address)",
		"server-template a 3 a.test:80":                                                                                                                                      "# NOT TRANSLATED, line 3: server-template a 3 a.test:80",
	} {
		wantLines(t, lines, draft(t, "listen l\n\tbind :80\n\t"+lines+"\n").Text, want)
	}
}

// TLS terminated at the proxy, with servers that do not speak HTTP.
func TestLayer4(t *testing.T) {
	s := draft(t, "frontend imaps\n\tmode tcp\n\tbind :993 ssl crt mail.pem\n\tuse_backend x if { src 192.0.2.1 }\n\tdefault_backend imap\nbackend imap\n\tmode tcp\n\tserver i 192.0.2.1:143\n")
	wantLines(t, "options", Global([]Site{s}), "# NOT TRANSLATED, line 4: use_backend x if { src 192.0.2.1 } layer4 { :993 { route { tls proxy 192.0.2.1:143 } } }")
	wantLines(t, "certificates", s.Text, "https://imaps.invalid:0 { bind 127.0.0.1", "# a crt of HAProxy is one PEM file with the certificate, its chain and the key: it is both files here", "tls /certs/mail.pem /certs/mail.pem")
	if s.Untranslated != 1 || !strings.HasPrefix(s.Lines(), "{\n") {
		t.Errorf("%d lines are not translated\n%s", s.Untranslated, s.Lines())
	}
	wantLines(t, "HTTP behind it", draft(t, "listen l\n\tmode tcp\n\tbind :8443 ssl crt a.pem\n\tdefault_backend w\nbackend w\n\tserver i 192.0.2.1:80\n").Text, "https://:8443 {")
}
