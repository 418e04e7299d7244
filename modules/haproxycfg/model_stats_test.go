// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"
	"testing"
)

// page returns the rule of the page of the section s, and its handler.
func page(t *testing.T, lines string) (rule, handler map[string]any) {
	t.Helper()
	got := apps(t, "defaults\n"+timeoutLines+"userlist people\n\tgroup admins users ann\n\tuser ann insecure-password a\n\tuser bob password "+hashOfBob+
		"\nlisten s\n\tmode http\n\tbind :8404\n\t"+lines+"\n")
	rule = at(t, got, "http", "servers", "s", "routes", 0, "handle", 0, "redirect", 0).(map[string]any)
	return rule, rule["service"].(map[string]any)
}

const hashOfBob = "$6$saltsalt$8gzUrz5S2/0AfMGfui2LllQQ2fwu.jYnAVGef2XY7gAo0jNFrzHsTq9lMr2ze7QvIJxr4BYOKdgDpx4Va9Atb1"

// A line with the address of a page becomes the condition of its rule, and the path of its handler.
func TestPageAddress(t *testing.T) {
	for lines, want := range map[string]struct{ condition, handler string }{
		"stats enable": {
			`[[{"any": [{"fetch": "pathq", "method": "beg", "values": ["/haproxy?stats"]}]}], [{"any": [{"fetch": "path", "method": "beg", "values": ["/haproxy/"]}]}]]`,
			`{"handler": "passthrough_status", "path": "/haproxy/", "uri": "/haproxy?stats"}`,
		},
		"stats uri /": {
			`[[{"any": [{"fetch": "pathq", "method": "beg", "values": ["/"]}]}]]`,
			`{"handler": "passthrough_status", "path": "/"}`,
		},
		"stats uri /stats": {
			`[[{"any": [{"fetch": "pathq", "method": "beg", "values": ["/stats"]}]}]]`,
			`{"handler": "passthrough_status", "path": "/stats/", "uri": "/stats"}`,
		},
		"stats uri /?stats": {
			`[[{"any": [{"fetch": "pathq", "method": "beg", "values": ["/?stats"]}]}], [{"any": [{"fetch": "path", "method": "beg", "values": ["/haproxy-stats/"]}]}]]`,
			`{"handler": "passthrough_status", "path": "/haproxy-stats/", "uri": "/?stats"}`,
		},
	} {
		rule, service := page(t, lines)
		equal(t, lines, at(t, rule, "if", "any"), want.condition)
		equal(t, lines, at(t, service, "routes", 0, "handle", 0), want.handler)
	}
}

// Lines about the content of a page become options of the handler.
func TestPageOptions(t *testing.T) {
	for lines, want := range map[string]string{
		"stats refresh 5": `"refresh": 5000000000`,
		"stats hide-version\n\tstats refresh 1500ms": `"hide_version": true, "refresh": 2000000000`,
		"stats show-node":                          `"node": "{system.hostname}"`,
		"stats show-node lb1":                      `"node": "lb1"`,
		"stats show-desc The web, in Bern":         `"description": "The web, in Bern"`,
		"stats scope .\n\tstats scope web":         `"scope": ["s", "web"]`,
		"stats show-legends\n\tstats show-modules": ``,
		"stats admin if TRUE\n\tno log":            ``,
	} {
		_, service := page(t, "stats uri /\n\t"+lines)
		routes := service["routes"].([]any)
		want = strings.TrimSuffix(`{"handler": "passthrough_status", "path": "/", `+want, ", ") + "}"
		equal(t, lines, at(t, routes[len(routes)-1].(map[string]any), "handle", 0), want)
	}
}

// Accounts become Caddy's authentication, before the page.
func TestPageAccess(t *testing.T) {
	auth := func(realm, accounts string) string {
		return `{"handle": [{"handler": "authentication", "providers": {"http_basic": {"accounts": [` + accounts + `], "hash": {"algorithm": "passthrough_crypt"}, "hash_cache": {}, "realm": "` + realm + `"}}}]}`
	}
	account := func(name, hash string) string { return `{"username": "` + name + `", "password": "` + hash + `"}` }
	ann := account("ann", hashOf("ann", "a"))
	const (
		shown   = `{"terminal": true, "handle": [{"handler": "passthrough_status", "path": "/"}]}`
		control = `"terminal": true, "handle": [{"handler": "passthrough_status", "path": "/", "allow_control": true}]}`
		local   = `"match": [{"acl": {"section": "s", "any": [[{"any": [{"fetch": "src", "values": ["127.0.0.1"]}]}]]}}]`
	)
	for lines, want := range map[string]string{
		"stats auth cy:c\n\tstats auth dan":                    auth("HAProxy Statistics", account("cy", hashOf("cy", "c"))+","+account("dan", hashOf("dan", ""))) + "," + shown,
		"stats auth cy:c:d\n\tstats realm Web\\ team":          auth("Web team", account("cy", hashOf("cy", "c:d"))) + "," + shown,
		"stats realm Empty":                                    auth("Empty", "") + "," + shown,
		"stats admin if { src 127.0.0.1 }":                     `{` + local + "," + control + "," + shown,
		"stats http-request auth unless { http_auth(people) }": auth("HAProxy Statistics", ann+","+account("bob", hashOfBob)) + "," + shown,
		"acl ok http_auth_group(people) admins\n\tstats http-request auth realm X if !ok\n\tstats admin if ok": auth("X", ann) + `,{"match": [{"vars": {"{http.auth.user.id}": ["ann"]}}],` + control + "," + shown,
		"stats http-request deny if { src 127.0.0.1 }":                                                         `{` + local + `,"handle": [{"handler": "error", "status_code": 403}]},` + shown,
		"stats http-request allow if { src 127.0.0.1 }\n\tstats http-request auth":                             `{"terminal": true,` + local + `,"handle": [{"handler": "subroute", "routes": [` + shown + `]}]},` + auth("HAProxy Statistics", "") + "," + shown,
	} {
		_, service := page(t, "stats uri /\n\t"+lines)
		equal(t, lines, service["routes"], "["+want+"]")
	}
}

// A page comes before redirects and after rules of requests. A backend has its own, and sections
// inherit one from defaults.
func TestPagePlaces(t *testing.T) {
	const head = "defaults\n\tmode http\n" + timeoutLines
	got := apps(t, head+"frontend www\n\tbind :80\n\tstats enable\n\thttp-request deny if { path /x }\n\tredirect scheme https\n")
	rules := at(t, got, "http", "servers", "www", "routes", 0, "handle", 0).(map[string]any)
	if n, m := len(rules["request"].([]any)), len(rules["redirect"].([]any)); n != 1 || m != 2 {
		t.Errorf("%d rules of requests, %d redirects", n, m)
	}
	got = apps(t, head+"frontend www\n\tbind :80\n\tdefault_backend st\nbackend st\n\tstats uri /st\n")
	equal(t, "a backend", at(t, got, "http", "servers", "www", "routes", 1, "handle", 0, "redirect", 0, "action"), `"use_service"`)
	if app, ok := got["passthrough"].(map[string]any); ok {
		equal(t, "a backend without servers", app["backends"], `null`)
	}
	got = apps(t, head+"\tstats uri /st\nfrontend www\n\tbind :80\nfrontend x\n\tbind :81\n\tstats refresh 5s\n")
	for server, path := range map[string]string{"www": `"/st/"`, "x": `"/haproxy/"`} {
		equal(t, server, at(t, got, "http", "servers", server, "routes", 0, "handle", 0, "redirect", 0, "service", "routes", 0, "handle", 0, "path"), path)
	}
}

func TestPageMistakes(t *testing.T) {
	const head = "defaults\n" + timeoutLines + "userlist people\n\tuser ann insecure-password a\nlisten s\n\tmode http\n\tbind :8404\n\t"
	for lines, want := range map[string]string{
		"stats uri":                                 "'stats uri' expects an argument",
		"stats uri x":                               "expected a path that begins with a slash",
		"stats refresh soon":                        "'stats refresh' in proxy 's'",
		"stats auth :x":                             "expected USER:PASSWORD",
		"stats auth a:b\n\tstats auth a:c":          "ignoring duplicated user 'a'",
		"stats show-desc":                           "'show-desc' requires a parameter",
		"stats admin":                               "'stats admin' requires either 'if' or 'unless'",
		"stats admin if NO":                         "no such ACL : 'NO'",
		"stats http-request":                        "expected allow, deny or auth",
		"stats http-request set-header a b":         "expected allow, deny or auth",
		"stats http-request auth realm":             "missing realm value",
		"stats http-request auth\n\tstats auth a:b": "can't be used at the same time",
		"stats http-request auth unless { http_auth(nobody) }":                  "unable to find userlist 'nobody'",
		"stats http-request auth if { http_auth(people) }":                      "as the only ACL",
		"stats http-request allow if { http_auth(people) }":                     "as the only ACL",
		"stats http-request auth unless { http_auth(people) } { src 10.0.0.1 }": "as the only ACL",
		"stats admin if { http_auth(people) }":                                  "expected 'stats http-request auth unless { http_auth(people) }' as well",
		"http-request deny unless { http_auth(people) }":                        "as the only ACL",
		"mode tcp\n\tserver a b:1\n\tstats enable":                              "'stats' statement ignored for proxy 's' as it requires HTTP mode",
		"stats enable\nuserlist\n":                                              "missing name for userlist section",
		"stats enable\nuserlist u\n\tgroup\n":                                   "'group' expects a name",
		"stats enable\nuserlist u\n\tuser\n":                                    "'user' expects a name",
		"stats enable\nuserlist u\n\tuser a password aXy0123456789\n":           "expected a hash of crypt(3)",
		"stats enable\nuserlist u\n\tuser a colour red\n":                       "expected password, insecure-password or groups",
		"stats enable\nuserlist u\n\tuser a password\n":                         "'password' expects an argument",
		"stats enable\nuserlist u\n\tpeople\n":                                  "expected group or user",
		"stats enable\nuserlist people\n":                                       "ignoring duplicated userlist 'people'",
	} {
		said := ""
		for _, p := range translated(t, head+lines+"\n").Problems {
			said += p.String() + "\n"
		}
		if !strings.Contains(said, want) {
			t.Errorf("%s: %s, want %s", lines, said, want)
		}
	}
}

// HAProxy's exporter becomes Caddy's handler metrics in the place of the rule, with HAProxy's
// names.
func TestExporter(t *testing.T) {
	const text = "defaults\n" + timeoutLines + "frontend m\n\tmode http\n\tbind :8405\n\thttp-request deny if { path /denied }\n\thttp-request use-service prometheus-exporter if { path /metrics }\n"
	got := apps(t, text)
	equal(t, "metrics", at(t, got, "passthrough", "metrics"), `{"haproxy_names": true}`)
	rules := at(t, got, "http", "servers", "m", "routes", 0, "handle", 0, "request").([]any)
	if len(rules) != 2 {
		t.Fatalf("%d rules", len(rules))
	}
	equal(t, "service", rules[1].(map[string]any)["service"], `{"handler": "metrics"}`)
	if r := translated(t, text+"\thttp-request use-service prometheus-exporter /metrics\n"); !r.Failed {
		t.Error("an argument of the exporter is accepted")
	}
	if r := translated(t, text+"\thttp-request use-service lua.x\n"); !r.Failed {
		t.Error("a service in Lua is accepted")
	}
}
