// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"
	"testing"
)

// port80 is a frontend of mode http with these lines, and a backend acme.
func port80(lines string) string {
	return "defaults\n" + timeoutLines + "frontend www\n\tmode http\n\tbind :80\n\t" + lines +
		"\nbackend acme\n\tmode http\n\tserver certbot 127.0.0.1:8888\n\tserver spare 127.0.0.1:8889 backup\n"
}

const sorry = `{"handle": [{"handler": "static_response", "status_code": 503}]}`

func redirected(code, location, match string) string {
	if match != "" {
		match = `"match": ` + match + `, `
	}
	return `{` + match + `"terminal": true, "handle": [{"handler": "static_response", "status_code": ` + code + `, "headers": {"Location": ["` + location + `"]}}]}`
}

func TestRedirects(t *testing.T) {
	const same = "https://{http.request.hostport}{http.request.uri}"
	path := func(pattern string) string { return `{"path_regexp": {"pattern": "` + pattern + `"}}` }
	for lines, want := range map[string]string{
		"redirect scheme https code 301 if !{ ssl_fc }": redirected("301", same, `[{"not": [{"not": [{}]}]}]`),
		"redirect scheme https":                         redirected("302", same, ""),
		"http-request redirect scheme https code 301 unless { path_beg /.well-known/acme-challenge/ }":        redirected("301", same, `[{"not": [`+path(`^(?:/\\\\.well-known/acme-challenge/)`)+`]}]`),
		"http-request redirect scheme https drop-query":                                                       redirected("302", "https://{http.request.hostport}{http.request.uri.path}", ""),
		"http-request redirect prefix https://a.test/ code 308":                                               redirected("308", "https://a.test{http.request.uri}", ""),
		"http-request redirect location https://%[hdr(host)]/x{y}%[path]?%[query] code 307":                   redirected("307", `https://{http.request.hostport}/x\\{y}{http.request.uri.path}?{http.request.uri.query}`, ""),
		"acl h hdr(host) -i a.test b.test\n\tredirect location https://a.test/ if h METH_GET":                 redirected("302", "https://a.test/", `[{"not": [{"not": [{"header_regexp": {"Host": {"pattern": "(?i)^(?:a\\.test|b\\.test)$"}}}]}, {"not": [{"method": ["GET"]}]}]}]`),
		"redirect location https://a.test/ if { src 192.0.2.0/24 } or { path -m end .html }":                  redirected("302", "https://a.test/", `[{"remote_ip": {"ranges": ["192.0.2.0/24"]}}, `+path(`(?:\\\\.html)$`)+`]`),
		"redirect location https://b.test/ if TRUE\n\thttp-request redirect location https://a.test/ if TRUE": redirected("302", "https://a.test/", `[{}]`) + `, ` + redirected("302", "https://b.test/", `[{}]`),
	} {
		want = strings.ReplaceAll(want, `\\\\`, `\\`)
		got := apps(t, port80(lines))
		equal(t, lines, at(t, got, "http", "servers", "www"), `{"listen": ["durable4/0.0.0.0:80"], "protocols": ["h1"], "automatic_https": {"disable": true}, "routes": [`+want+`, `+sorry+`]}`)
	}
}

func TestPathToAnotherServer(t *testing.T) {
	got := apps(t, port80("use_backend acme if { path_beg /.well-known/ }\n\tredirect scheme https"))
	equal(t, "route", at(t, got, "http", "servers", "www", "routes", 1), `{"terminal": true, "match": [{"path_regexp": {"pattern": "^(?:/\\.well-known/)"}}], "handle": [{"handler": "subroute", "routes": [
		{"terminal": true, "handle": [{"handler": "passthrough_backend", "backend": "acme"}]}]}]}`)
	equal(t, "default", at(t, apps(t, port80("default_backend acme")), "http", "servers", "www", "routes", 0, "match"), `null`)
}

// A listener for statistics alone is not opened.
func TestStatisticsAlone(t *testing.T) {
	got := apps(t, port80("redirect scheme https")+"listen stats\n\tmode http\n\tbind :8404\n\tstats enable\n\tstats uri /\n")
	equal(t, "stats", at(t, got, "http", "servers", "stats"), `null`)
}

func TestWebMistakes(t *testing.T) {
	for lines, want := range map[string]string{
		"redirect scheme https code 200":                   "unsupported HTTP code '200'",
		"redirect code 301":                                "redirection type expected",
		"redirect scheme":                                  "'scheme' expects an argument",
		"redirect foo https":                               "(was 'foo')",
		"http-request redirect location %[req.cook(x)]":    "'%[req.cook(x)]' is not translated",
		"redirect scheme https if { hdr(user-agent) x }":   "'hdr(user-agent)' is not translated",
		"redirect scheme https if { path_len 3 }":          "the method 'len' is not translated",
		"redirect scheme https if { req.ssl_sni a }":       "'req.ssl_sni' is not translated",
		"redirect scheme https if { path -f /dev/null }":   "'path' with -f is not translated",
		"http-request deny":                                "'http-request deny' in frontend 'www': only redirects are translated",
		"http-response del-header x":                       "only redirects are translated",
		"tcp-request content accept":                       "'tcp-request' rules in mode http",
		"default_backend tcp\nbackend tcp\n\tserver s a:1": "incompatible tcp backend 'tcp'",
	} {
		r := translated(t, port80(lines))
		if !r.Failed || !strings.Contains(r.Problems[len(r.Problems)-1].String()+r.Problems[0].String(), want) {
			t.Errorf("%s: %v, want %s", lines, r.Problems, want)
		}
	}
}
