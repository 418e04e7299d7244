// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// aCertificate is valid in a ca-file.
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
		"option httpchk; " + s1:                                                                           `{"checker": {"module": "http_script", "request": {"method": "OPTIONS"}}}`,
		"option httpchk GET /readyz; " + s1 + " check-ssl verify none check-sni a.test":                   `{"checker": {"module": "http_script", "request": {"method": "GET", "uri": "/readyz"}, "tls": {"verify": "none", "server_name": "a.test"}}}`,
		"option httpchk /x; http-check connect ssl sni b.test port 81 send-proxy; " + s1 + " verify none": `{"checker": {"module": "http_script", "request": {"method": "OPTIONS", "uri": "/x"}, "steps": [{"connect": {"port": 81, "send_proxy": 1, "tls": {"verify": "none", "server_name": "b.test"}}}]}}`,
		"option httpchk /x; http-check connect; " + s1 + " check-ssl verify none check-send-proxy":        `{"checker": {"module": "http_script", "request": {"method": "OPTIONS", "uri": "/x"}, "steps": [{"connect": {}}]}}`,
		"option httpchk /x; " + s1 + " check-ssl verify none check-send-proxy":                            `{"checker": {"module": "http_script", "request": {"method": "OPTIONS", "uri": "/x"}, "tls": {"verify": "none"}}, "send_proxy": "v1"}`,
		"option httpchk /x; http-check send hdr Host a.test hdr X y; http-check expect ! status 500-599; " + s1: `{"checker": {"module": "http_script", "steps": [{"request": {"method": "OPTIONS", "uri": "/x",
			"headers": [{"name": "Host", "value": "a.test"}, {"name": "X", "value": "y"}]}}, {"expect": {"status": ["500-599"], "not": true}}]}}`,
		"option httpchk; http-check send meth GET uri /y body z; http-check expect string ok; http-check expect ! rstring ^no; " + s1: `{"checker": {"module": "http_script", "steps": [{"request": {"method": "GET", "uri": "/y", "body": "z"}},
			{"expect": {"string": "ok"}}, {"expect": {"regexp": "^no", "not": true}}]}}`,
		"option httpchk; http-check expect rstatus ^2; http-check expect status 200,204-206,7; " + s1: `{"checker": {"module": "http_script", "request": {"method": "OPTIONS"}, "steps": [{"expect": {"status_matches": "^2"}}, {"expect": {"status": ["200", "204-206"]}}]}}`,
		"option httpchk GET / HTTP/1.1\\r\\nHost:\\ a.test\\r\\nX:\\ y; " + s1:                        `{"checker": {"module": "http_script", "request": {"method": "GET", "uri": "/", "version": "HTTP/1.1", "headers": [{"name": "Host", "value": "a.test"}, {"name": "X", "value": "y"}]}}}`,
		"option httpchk GET / HTTP/1.1 a.test; " + s1:                                                 `{"checker": {"module": "http_script", "request": {"method": "GET", "uri": "/", "version": "HTTP/1.1", "headers": [{"name": "Host", "value": "a.test"}]}}}`,
		"option httpchk GET / HTTP/1.1 a.test; http-check send uri /y; " + s1:                         `{"checker": {"module": "http_script", "steps": [{"request": {"method": "GET", "uri": "/y", "version": "HTTP/1.1", "headers": [{"name": "Host", "value": "a.test"}]}}]}}`,
		"option httpchk GET / HTTP/1.1 a.test; http-check send hdr A b; " + s1:                        `{"checker": {"module": "http_script", "steps": [{"request": {"method": "GET", "uri": "/", "version": "HTTP/1.1", "headers": [{"name": "A", "value": "b"}]}}]}}`,
		"http-check send meth PUT uri /y hdr A b; option httpchk GET /x; " + s1:                       `{"checker": {"module": "http_script", "steps": [{"request": {"method": "GET", "uri": "/x", "headers": [{"name": "A", "value": "b"}]}}]}}`,
		"option httpchk GET /x; http-check expect status 204; option httpchk; " + s1:                  `{"checker": {"module": "http_script", "request": {"method": "OPTIONS"}, "steps": [{"expect": {"status": ["204"]}}]}}`,
		"option httpchk GET /x HTTP/2; " + s1:                                                         `{"checker": {"module": "http_script", "request": {"method": "GET", "uri": "/x", "version": "HTTP/1.1"}}}`,
		"option httpchk OPTIONS/master; " + s1:                                                        `{"checker": {"module": "http_script", "request": {"method": "OPTIONS", "uri": "OPTIONS/master"}}}`,
		"option httpchk; http-check disable-on-404; http-check send-state; " + s1:                     `{"checker": {"module": "http_script", "request": {"method": "OPTIONS"}, "drain_on_404": true, "send_state": true}}`,
		"option httpchk; http-check comment hello; http-check set-var(check.p) int(81); http-check connect port var(check.p) linger proto h1; http-check send meth GET uri-lf /%[var(check.p)] hdr X %[srv_name] body-lf %[date]; http-check expect status 200; http-check set-var-fmt(check.q) %[res.hdr(x)]-; http-check unset-var(check.p); http-check connect default; http-check send uri /z comment last; " + s1 + " check-ssl verify none": `{"checker": {"module": "http_script", "steps": [
			{"comment": "hello"}, {"set": {"var": "check.p", "value": "int(81)"}}, {"connect": {"port_value": "var(check.p)", "linger": true}},
			{"request": {"method": "GET", "uri_format": "/%[var(check.p)]", "headers": [{"name": "X", "value": "%[srv_name]"}], "body_format": "%[date]"}}, {"expect": {"status": ["200"]}},
			{"set": {"var": "check.q", "format": "%[res.hdr(x)]-"}}, {"unset": "check.p"}, {"connect": {"tls": {"verify": "none"}}}, {"request": {"method": "OPTIONS", "uri": "/z"}, "comment": "last"}]}}`,
		"option httpchk; http-check expect hdr name x; http-check expect ! fhdr name -m beg X- value -m end y; http-check expect hdr name-lf %[str(a)] value-lf -m sub %[str(b)]; http-check expect hdr name -m str a value -m reg ^b; " + s1: `{"checker": {"module": "http_script", "request": {"method": "OPTIONS"}, "steps": [
			{"expect": {"header": {"name": "x"}}}, {"expect": {"header": {"name": "X-", "name_match": "beg", "value": "y", "value_match": "end", "whole": true}, "not": true}},
			{"expect": {"header": {"name_format": "%[str(a)]", "value_format": "%[str(b)]", "value_match": "sub"}}}, {"expect": {"header": {"name": "a", "value": "^b", "value_match": "reg"}}}]}}`,
		"option tcp-check; tcp-check send-lf a%%b; tcp-check send-lf %[srv_name]; tcp-check send-binary-lf 00%[str(a),hex]; tcp-check expect ! ! string-lf %[be_name] ok-status l7okc error-status L4CON tout-status L6TOUT on-success %[res.len] on-error a%%b status-code int(3) min-recv 2; tcp-check expect !!binary-lf %[str(a),hex]; " + s1: `{"checker": {"module": "tcp_script", "steps": [
			{"send": "a%b"}, {"send_format": "%[srv_name]"}, {"send_hex_format": "00%[str(a),hex]"}, {"expect": {"string_format": "%[be_name]", "min_recv": 2, "ok_status": "L7OKC", "error_status": "L4CON", "timeout_status": "L6TOUT",
			"on_success": "%[res.len]", "on_error": "a%%b", "status_code": "int(3)"}}, {"expect": {"hex_format": "%[str(a),hex]"}}]}}`,
		"option tcp-check; " + s1:                            `{"checker": {"module": "tcp"}}`,
		"option tcp-check; " + s1 + " check-ssl verify none": `{"checker": {"module": "tls", "verify": "none"}}`,
		"tcp-check expect string x; " + s1:                   `{"checker": {"module": "tcp"}}`, // no option
		"option tcp-check; tcp-check connect port 90 ssl sni a.test alpn h2 comment here; tcp-check send x comment there; tcp-check expect min-recv 3 ! rstring ^y comment everywhere; " + s1 + " verify none": `{"checker": {"module": "tcp_script", "steps": [
			{"connect": {"port": 90, "tls": {"server_name": "a.test", "alpn": ["h2"], "alpn_optional": true, "verify": "none"}}, "comment": "here"}, {"send": "x", "comment": "there"},
			{"expect": {"regexp": "^y", "not": true, "min_recv": 3}, "comment": "everywhere"}]}}`,
		"option tcp-check; tcp-check connect default; tcp-check connect addr 192.0.2.9 send-proxy linger; tcp-check connect; tcp-check connect addr ipv6@c.example; " + s1 + " check-ssl verify none check-send-proxy": `{"checker": {"module": "tcp_script", "steps": [
			{"connect": {"tls": {"verify": "none"}, "send_proxy": 1}}, {"connect": {"address": "192.0.2.9", "send_proxy": 1, "linger": true}}, {"connect": {}}, {"connect": {"address": "tcp6/c.example"}}]}}`,
		"option tcp-check; tcp-check send-binary 0d0a; tcp-check expect binary 2b; tcp-check expect rbinary ^2B; tcp-check expect string-lf x; " + s1 + " check-ssl verify none check-send-proxy": `{"checker": {"module": "tcp_script", "steps": [
			{"send_hex": "0d0a"}, {"expect": {"hex": "2b"}}, {"expect": {"hex_regexp": "^2B"}}, {"expect": {"string": "x"}}], "tls": {"verify": "none"}}, "send_proxy": "v1"}`,
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
	// Settings of global.
	got := apps(t, "global\n\tspread-checks 7\n\tssl-server-verify none\n"+backend(s1+" check-ssl"))
	equal(t, "global", at(t, got, "passthrough", "backends", "b", "check"), `{"checker": {"module": "tls", "verify": "none"}, "spread": 7}`)
	got = apps(t, "global\n\tca-base "+filepath.Dir(ca)+"\n"+backend(s1+" check-ssl ca-file "+filepath.Base(ca)))
	equal(t, "ca-base", at(t, got, "passthrough", "backends", "b", "check"), `{"checker": {"module": "tls", "ca": "`+ca+`", "verify": "chain"}}`)
	// If the servers have different checks, each has its own.
	got = apps(t, backend("server s1 192.0.2.2:443 check inter 3s", "server s2 192.0.2.3:443"))
	equal(t, "two servers", at(t, got, "passthrough", "backends", "b", "check"), "null")
	equal(t, "two servers", at(t, got, "passthrough", "backends", "b", "servers", 0, "check"), `{"checker": {"module": "tcp"}, "interval": 3000000000}`)
}

func TestExternalCheck(t *testing.T) {
	const asked, program = "\toption external-check\n", "\texternal-check command /bin/check\n"
	const behind = "frontend f\n\tbind :1\n\tdefault_backend b\nbackend b\n"
	for _, test := range []struct{ global, defaults, section, want string }{
		{"", "", "listen b\n\tbind :8443-8445\n\tbind [::1]:9\n\texternal-check path /bin\n" + asked + program + "\tserver s1 192.0.2.1:443 check addr 192.0.2.2 port 80 maxconn 7\n", `{"checker": {
			"module": "external", "command": "/bin/check", "listener": "0.0.0.0:8443",
			"environment": {"PATH": "/bin", "HAPROXY_SERVER_ID": "1", "HAPROXY_SERVER_MAXCONN": "7", "HAPROXY_SERVER_PROTO": "tcp", "HAPROXY_SERVER_SSL": "0"}}}`},
		{"", asked + program, behind + "\tserver s1 192.0.2.1:443 check id 9\n", `{"checker": {
			"module": "external", "command": "/bin/check", "environment": {"HAPROXY_SERVER_ID": "9", "HAPROXY_SERVER_MAXCONN": "0", "HAPROXY_SERVER_PROTO": "tcp", "HAPROXY_SERVER_SSL": "0"}}}`},
		{"", asked + program, behind + "\toption ldap-check\n\tserver s1 192.0.2.1:443 check\n", `{"checker": {"module": "ldap"}}`},
		{" preserve-env", "", "listen b\n\tbind /run/b\n" + asked + program + "\tserver s1 192.0.2.1:443 check\n", `{"checker": {
			"module": "external", "command": "/bin/check", "listener": "/run/b", "inherit_environment": true,
			"environment": {"HAPROXY_SERVER_ID": "1", "HAPROXY_SERVER_MAXCONN": "0", "HAPROXY_SERVER_PROTO": "tcp", "HAPROXY_SERVER_SSL": "0"}}}`},
	} {
		text := "global\n\texternal-check" + test.global + "\ndefaults\n" + timeoutLines + test.defaults + test.section
		equal(t, text, at(t, apps(t, text), "passthrough", "backends", "b", "check"), test.want)
	}
	for section, want := range map[string]string{
		asked + program:                    "unable to find required 'global.external-check'",
		"\texternal-check command check\n": "'check' is not an absolute path",
	} {
		r := translated(t, "defaults\n"+timeoutLines+behind+section+"\tserver s1 192.0.2.1:443 check\n")
		if text := fmt.Sprint(r.Problems); !r.Failed || !strings.Contains(text, want) {
			t.Errorf("%q: %s, want %s", section, text, want)
		}
	}
}
