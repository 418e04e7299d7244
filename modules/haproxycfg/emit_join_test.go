// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"
	"testing"
)

// joining returns a file with a backend of mode tcp that leads to a bind with ssl. DIR is a
// directory of files.
func joining(dir, bind, server string) string {
	return strings.NewReplacer("DIR", dir, "BIND", bind, "SERVER", server).Replace(`global
	crt-base DIR
defaults
` + timeoutLines + `frontend https
	bind :443
	default_backend here
backend here
	server loop SERVER
frontend sites
	mode http
	bind BIND ssl crt a.pem
	http-request return status 200
`)
}

// The connections of a backend that leads to a bind with ssl stay in this process, if nothing else
// is done with them.
func TestJoinedBackends(t *testing.T) {
	dir := siteFiles(t)
	for what, c := range map[string]struct{ bind, server string }{
		"PROXY header":     {"127.0.0.1:8443 accept-proxy", "127.0.0.1:8443 send-proxy-v2"},
		"version 1":        {"127.0.0.1:8443 accept-proxy", "127.0.0.1:8443 send-proxy check"},
		"no header":        {"127.0.0.1:8443", "127.0.0.1:8443"},
		"all addresses":    {":8443", "127.0.0.1:8443"},
		"localhost":        {"127.0.0.1:8443", "localhost:8443"},
		"a range":          {"127.0.0.1:8440-8449", "127.0.0.1:8443"},
		"version 6":        {"[::1]:8443", "[::1]:8443"},
		"all of version 6": {":::8443", "[::1]:8443"},
		"a path":           {"/run/here.sock accept-proxy", "/run/here.sock send-proxy-v2"},
		"an abstract name": {"abns@here accept-proxy", "abns@here send-proxy-v2"},
	} {
		got := apps(t, joining(dir, c.bind, c.server))
		equal(t, what, at(t, got, "passthrough", "backends", "here", "site"), `"sites.ssl"`)
		equal(t, what+": servers", at(t, got, "passthrough", "backends", "here", "servers"), `[]`)
		equal(t, what+": the site", at(t, got, "http", "servers", "passthrough/sites.ssl", "listen"), `["passthrough/sites.ssl"]`)
		equal(t, what+": no wrapper", at(t, got, "http", "servers", "passthrough/sites.ssl", "listener_wrappers"), `null`)
		if at(t, got, "http", "servers", "sites", "tls_connection_policies") == nil {
			t.Errorf("%s: the bind itself has no TLS", what)
		}
	}
	for what, c := range map[string]struct{ bind, server string }{
		"no header expected":    {"127.0.0.1:8443", "127.0.0.1:8443 send-proxy-v2"},
		"no header sent":        {"127.0.0.1:8443 accept-proxy", "127.0.0.1:8443"},
		"another port":          {"127.0.0.1:8443", "127.0.0.1:8444"},
		"another host":          {":8443", "192.0.2.1:8443"},
		"another version":       {"127.0.0.1:8443", "[::1]:8443"},
		"another path":          {"/run/here.sock", "/run/there.sock"},
		"disabled":              {"127.0.0.1:8443", "127.0.0.1:8443 disabled"},
		"no weight":             {"127.0.0.1:8443", "127.0.0.1:8443 weight 0"},
		"a limit":               {"127.0.0.1:8443", "127.0.0.1:8443 maxconn 10"},
		"a check elsewhere":     {"127.0.0.1:8443", "127.0.0.1:8443 check port 9"},
		"an agent":              {"127.0.0.1:8443", "127.0.0.1:8443 agent-check agent-port 9"},
		"two servers":           {"127.0.0.1:8443", "127.0.0.1:8443\n\tserver other 192.0.2.1:443"},
		"rules of the backend":  {"127.0.0.1:8443", "127.0.0.1:8443\n\ttcp-request content reject if { src 192.0.2.1 }"},
		"rules of the response": {"127.0.0.1:8443", "127.0.0.1:8443\n\ttcp-response content close if { res.len gt 5 }"},
		"tracked":               {"127.0.0.1:8443", "127.0.0.1:8443 check\nbackend b\n\tserver s 192.0.2.1:443 track here/loop"},
		"asked about":           {"127.0.0.1:8443", "127.0.0.1:8443\nfrontend g\n\tbind :444\n\ttcp-request connection reject if { nbsrv(here) lt 1 }\n\tdefault_backend here"},
	} {
		got := apps(t, joining(dir, c.bind, c.server))
		equal(t, what, at(t, got, "passthrough", "backends", "here", "site"), `null`)
		equal(t, what+": no site", at(t, got, "http", "servers", "passthrough/sites.ssl"), `null`)
	}
}

// A backend becomes the site of its own bind line. Without a PROXY header, a notice says that the
// client is known there.
func TestJoinedSites(t *testing.T) {
	dir := siteFiles(t)
	text := joining(dir, "127.0.0.1:8443", "127.0.0.1:8443") + "\tbind 127.0.0.1:8444 ssl crt b.pem\n\tbind 127.0.0.1:80\nlisten other\n\tbind :444\n\tserver loop 127.0.0.1:8444\n"
	got := apps(t, text)
	equal(t, "the first", at(t, got, "passthrough", "backends", "here", "site"), `"sites.ssl"`)
	equal(t, "the second", at(t, got, "passthrough", "backends", "other", "site"), `"sites.ssl-"`)
	equal(t, "its listener", at(t, got, "http", "servers", "passthrough/sites.ssl-", "listen"), `["passthrough/sites.ssl-"]`)
	said := messages(t, text)
	if want := "differs from HAProxy: 'server here/loop', 'server other/loop': the client's address is known there, as with 'send-proxy-v2' and 'accept-proxy' (also line "; len(said) != 1 || !strings.HasPrefix(said[0], want) {
		t.Errorf("said %q, want %q", said, want)
	}
	if said := messages(t, joining(dir, "127.0.0.1:8443 accept-proxy", "127.0.0.1:8443 send-proxy")); len(said) > 0 {
		t.Errorf("said %q", said)
	}
}
