// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// aCertificate is what a ca-file may hold.
const aCertificate = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUD/tPreY2zqKz7ySwH8QRmAvbIOEwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyMzE1MzM1OVoYDzIxMjYxMDMw
MTUzMzU5WjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASAM3a+ExgoEFbTqr5nTgPXGKjGJbaRzvJq+5o0xK1klOJ0WP6Vez0g
VHUCSBiYORYeVG2vUcu8fAjmFPpUEjA+o1MwUTAdBgNVHQ4EFgQUqMNV023ohd3+
AGqgeeiJtMqFZZYwHwYDVR0jBBgwFoAUqMNV023ohd3+AGqgeeiJtMqFZZYwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiB8+NZcs8+sW8LCojmWNWP4
iJZWVRso1mMW1oSrRQuLnwIhAMUlCdgYIHdGcpW3tIKdcISDe6fE2REfMp2extjB
xc1D
-----END CERTIFICATE-----
`

func TestHealthChecks(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(aCertificate), 0o600); err != nil {
		t.Fatal(err)
	}
	const s1 = "server s1 192.0.2.2:443 check"
	for lines, want := range map[string]string{
		s1:                             `{"checker": {"module": "tcp"}}`,
		s1 + " addr ipv4@c.example":    `{"checker": {"module": "tcp"}, "address": "tcp4/c.example"}`,
		s1 + " addr ipv6@c.example:80": `{"checker": {"module": "tcp"}, "address": "tcp6/c.example:80"}`,
		s1 + " addr [2001:db8::1]":     `{"checker": {"module": "tcp"}, "address": "2001:db8::1"}`,
		s1 + " addr ipv4@192.0.2.3:80": `{"checker": {"module": "tcp"}, "address": "192.0.2.3:80"}`,
		s1 + " inter 3s fastinter 1s downinter 9000 rise 4 fall 5 port 8443 addr 192.0.2.3 check-send-proxy": `{"checker": {"module": "tcp"}, "interval": 3000000000,
			"fast_interval": 1000000000, "down_interval": 9000000000, "rise": 4, "fall": 5, "port": 8443, "address": "192.0.2.3", "send_proxy": "v1"}`,
		"option log-health-checks; " + s1:                                                                 `{"checker": {"module": "tcp"}, "log": true}`,
		s1 + " check-ssl verify none check-sni a.test check-alpn h2,http/1.1":                             `{"checker": {"module": "tls", "verify": "none", "server_name": "a.test", "alpn": ["h2", "http/1.1"], "alpn_optional": true}}`,
		s1 + " check-ssl ca-file CA":                                                                      `{"checker": {"module": "tls", "ca": "CA", "verify": "chain"}}`,
		s1 + " check-ssl ca-file CA verify required check-sni a.test":                                     `{"checker": {"module": "tls", "ca": "CA", "server_name": "a.test"}}`,
		s1 + " check-ssl ca-file CA verifyhost b.test":                                                    `{"checker": {"module": "tls", "ca": "CA", "server_name": "b.test"}}`,
		s1 + " check-ssl ca-file CA verifyhost b.test check-sni a.test":                                   `{"checker": {"module": "tls", "ca": "CA", "server_name": "a.test"}}`,
		s1 + " check-ssl ca-file @system-ca":                                                              `{"checker": {"module": "tls", "verify": "chain"}}`,
		"option ssl-hello-chk; " + s1:                                                                     `{"checker": {"module": "ssl_hello"}}`,
		"option ssl-hello-chk; no option ssl-hello-chk; " + s1:                                            `{"checker": {"module": "tcp"}}`,
		"option httpchk; " + s1:                                                                           `{"checker": {"module": "http", "method": "OPTIONS"}}`,
		"option httpchk GET /readyz; " + s1 + " check-ssl verify none check-sni a.test":                   `{"checker": {"module": "http", "method": "GET", "path": "/readyz", "tls": {"verify": "none", "server_name": "a.test"}}}`,
		"option httpchk /x; http-check connect ssl sni b.test port 81 send-proxy; " + s1 + " verify none": `{"checker": {"module": "http", "method": "OPTIONS", "path": "/x", "tls": {"verify": "none", "server_name": "b.test"}}, "port": 81, "send_proxy": "v1"}`,
		"option httpchk /x; http-check connect; " + s1 + " check-ssl verify none check-send-proxy":        `{"checker": {"module": "http", "method": "OPTIONS", "path": "/x"}}`,
		"option httpchk /x; http-check send hdr Host a.test hdr X y; http-check expect ! status 500-599; " + s1: `{"checker": {"module": "http", "method": "OPTIONS", "path": "/x", "host": "a.test",
			"headers": {"X": "y"}, "status_not": ["500-599"]}}`,
		"option httpchk; http-check send meth GET uri /y body z; http-check expect string ok; http-check expect ! rstring ^no; " + s1: `{"checker": {"module": "http", "method": "GET", "path": "/y", "body": "z",
			"status": ["100-999"], "body_contains": "ok", "body_not_matches": "^no"}}`,
		"option httpchk; http-check expect rstatus ^2; http-check expect ! string bad; http-check expect rstring good; " + s1: `{"checker": {"module": "http", "method": "OPTIONS", "status_matches": "^2",
			"body_not_contains": "bad", "body_matches": "good"}}`,
		"option httpchk GET / HTTP/1.1\\r\\nHost:\\ a.test; " + s1: `{"checker": {"module": "http", "method": "GET", "path": "/", "host": "a.test"}}`,
		"option tcp-check; " + s1:                                  `{"checker": {"module": "tcp"}}`,
		"option tcp-check; " + s1 + " check-ssl verify none":       `{"checker": {"module": "tls", "verify": "none"}}`,
		"tcp-check expect string x; " + s1:                         `{"checker": {"module": "tcp"}}`, // the rules do not count
		"option tcp-check; tcp-check connect port 90 ssl sni a.test alpn h2 comment here; tcp-check send x comment there; tcp-check expect min-recv 3 ! rstring ^y comment everywhere; " + s1 + " verify none": `{"checker": {"module": "tcp_script", "steps": [
			{"connect": {"port": 90, "tls": {"server_name": "a.test", "alpn": ["h2"], "alpn_optional": true, "verify": "none"}}, "comment": "here"}, {"send": "x", "comment": "there"},
			{"expect": {"regexp": "^y", "not": true, "min_recv": 3}, "comment": "everywhere"}]}}`,
		"option tcp-check; tcp-check connect default; tcp-check connect addr 192.0.2.9 send-proxy linger; tcp-check connect; tcp-check connect addr ipv6@c.example; " + s1 + " check-ssl verify none check-send-proxy": `{"checker": {"module": "tcp_script", "steps": [
			{"connect": {"tls": {"verify": "none"}, "send_proxy": 1}}, {"connect": {"address": "192.0.2.9", "send_proxy": 1}}, {"connect": {}}, {"connect": {"address": "tcp6/c.example"}}]}}`,
		"option tcp-check; tcp-check send-binary 0d0a; tcp-check expect binary 2b; tcp-check expect rbinary ^2B; tcp-check expect string-lf x; " + s1 + " check-ssl verify none check-send-proxy": `{"checker": {"module": "tcp_script", "steps": [
			{"connect": {"tls": {"verify": "none"}, "send_proxy": 1}}, {"send_hex": "0d0a"}, {"expect": {"hex": "2b"}}, {"expect": {"hex_regexp": "^2B"}}, {"expect": {"string": "x"}}]}, "send_proxy": "v1"}`,
		"option tcp-check; tcp-check send \"\\xff\"; tcp-check expect min-recv 0 string \"\\xfe\"; " + s1: `{"checker": {"module": "tcp_script", "steps": [{"send_hex": "ff"}, {"expect": {"hex": "fe", "min_recv": 1}}]}}`,
		"option redis-check; " + s1:                                      `{"checker": {"module": "redis"}}`,
		"option smtpchk; " + s1:                                          `{"checker": {"module": "smtp"}}`,
		"option smtpchk HELO a.test; " + s1:                              `{"checker": {"module": "smtp", "helo": "a.test"}}`,
		"option smtpchk EHLO a.test; " + s1:                              `{"checker": {"module": "smtp", "ehlo": "a.test"}}`,
		"option smtpchk EHLO; " + s1:                                     `{"checker": {"module": "smtp"}}`,
		"option smtpchk NOOP x; " + s1:                                   `{"checker": {"module": "smtp"}}`,
		"option mysql-check; " + s1:                                      `{"checker": {"module": "mysql"}}`,
		"option mysql-check user u; " + s1:                               `{"checker": {"module": "mysql", "user": "u"}}`,
		"option mysql-check user u post-41; " + s1:                       `{"checker": {"module": "mysql", "user": "u"}}`,
		"option mysql-check user u pre-41; " + s1:                        `{"checker": {"module": "mysql", "user": "u", "old": true}}`,
		"option mysql-check user u post-80; " + s1:                       `{"checker": {"module": "mysql", "user": "u", "accept_auth_switch": true}}`,
		"option mysql-check user u; option mysql-check; " + s1:           `{"checker": {"module": "mysql"}}`,
		"option pgsql-check user u; " + s1:                               `{"checker": {"module": "pgsql", "user": "u"}}`,
		"option ldap-check; " + s1 + " check-ssl verify none port 636":   `{"checker": {"module": "ldap", "tls": {"verify": "none"}}, "port": 636}`,
		"option spop-check; " + s1 + " check-send-proxy":                 `{"checker": {"module": "spop"}, "send_proxy": "v1"}`,
		"option pgsql-check user u; tcp-check connect port 1 ssl; " + s1: `{"checker": {"module": "pgsql", "user": "u"}}`,
	} {
		lines, want = strings.ReplaceAll(lines, "CA", ca), strings.ReplaceAll(want, `"CA"`, `"`+ca+`"`)
		got := apps(t, backend(strings.Split(lines, "; ")...))
		equal(t, lines, at(t, got, "passthrough", "backends", "b", "check"), want)
	}
	r := translated(t, backend("option tcp-check", "tcp-check connect ssl", s1))
	if text := fmt.Sprint(r.Problems); !r.Failed || !strings.Contains(text, "verify is enabled by default but no CA file specified") {
		t.Errorf("a step with TLS and nobody to trust: %s", text)
	}
	// Of global.
	got := apps(t, "global\n\tspread-checks 7\n\tssl-server-verify none\n"+backend(s1+" check-ssl"))
	equal(t, "global", at(t, got, "passthrough", "backends", "b", "check"), `{"checker": {"module": "tls", "verify": "none"}, "spread": 7}`)
	got = apps(t, "global\n\tca-base "+filepath.Dir(ca)+"\n"+backend(s1+" check-ssl ca-file "+filepath.Base(ca)))
	equal(t, "ca-base", at(t, got, "passthrough", "backends", "b", "check"), `{"checker": {"module": "tls", "ca": "`+ca+`", "verify": "chain"}}`)
	// Where not all servers have the same check, each has its own.
	got = apps(t, backend("server s1 192.0.2.2:443 check inter 3s", "server s2 192.0.2.3:443"))
	equal(t, "two servers", at(t, got, "passthrough", "backends", "b", "check"), "null")
	equal(t, "two servers", at(t, got, "passthrough", "backends", "b", "servers", 0, "check"), `{"checker": {"module": "tcp"}, "interval": 3000000000}`)
}
