// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"testing"
)

// TestCaddyfile compares each checker's options with the JSON that they produce.
func TestCaddyfile(t *testing.T) {
	for _, test := range []struct{ name, block, want string }{
		{"tcp", "", `{}`},
		{"ssl_hello", "", `{}`},
		{"ssl_hello", "server_name web.example", `{"server_name":"web.example"}`},
		{"tls", "", `{}`},
		{"tls", "server_name web.example\nca /x.pem\nalpn h2 http/1.1\nalpn_optional\nmin_version 1.3\nwarn_before 30d\nfail_before 1d", `{"server_name":"web.example","ca":"/x.pem","alpn":["h2","http/1.1"],"alpn_optional":true,"min_version":"1.3","warn_before":2592000000000000,"fail_before":86400000000000}`},
		{"tls", "verify none", `{"verify":"none"}`},
		{"tls", "crl /x.crl\nclient_certificate /c.pem\nmax_version 1.2\nciphers A B\ncurves x25519 secp256r1", `{"crl":"/x.crl","client_certificate":{"certificate":"/c.pem"},"max_version":"1.2","ciphers":["A","B"],"curves":["x25519","secp256r1"]}`},
		{"tls", "client_certificate /c.pem /c.key", `{"client_certificate":{"certificate":"/c.pem","key":"/c.key"}}`},
		{"http", "", `{}`},
		{"http", "tls", `{"tls":{}}`},
		{
			"http", "method POST\npath /x?y\nhost web.example\nheader A b\nheader C \"d e\"\nbody hello\ntls {\nserver_name web.example\n}\nstatus 200 2xx\nstatus_not 204\nstatus_matches ^2\nbody_contains a\nbody_matches b\nbody_not_contains c\nbody_not_matches d",
			`{"method":"POST","path":"/x?y","host":"web.example","headers":{"A":"b","C":"d e"},"body":"hello","tls":{"server_name":"web.example"},"status":["200","2xx"],"status_not":["204"],"status_matches":"^2","body_contains":"a","body_matches":"b","body_not_contains":"c","body_not_matches":"d"}`,
		},
		{"tcp_script", "", `{}`},
		{"tcp_script", "connect\nsend x", `{"steps":[{"connect":{}},{"send":"x"}]}`},
		{"tcp_script", `send "PING\r\n" comment a` + "\nsend_hex 0d0a comment b", `{"steps":[{"send":"PING\r\n","comment":"a"},{"send_hex":"0d0a","comment":"b"}]}`},
		{"tcp_script", "connect address a.example port 80 send_proxy v1 comment \"the other\" tls {\nverify none\n}\nconnect send_proxy v2\nconnect tls", `{"steps":[{"connect":{"address":"a.example","port":80,"tls":{"verify":"none"},"send_proxy":1},"comment":"the other"},{"connect":{"send_proxy":2}},{"connect":{"tls":{}}}]}`},
		{"tcp_script", `expect string "a\x41\\" min_recv 3 comment c` + "\nexpect not regexp ^\\d\\r\\n$\nexpect hex 00\nexpect not hex_regexp ^00", `{"steps":[{"expect":{"string":"aA\\","min_recv":3},"comment":"c"},{"expect":{"regexp":"^\\d\\r\\n$","not":true}},{"expect":{"hex":"00"}},{"expect":{"hex_regexp":"^00","not":true}}]}`},
		{"mysql", "", `{}`},
		{"mysql", "user haproxy\nold\ntls {\nverify none\n}", `{"user":"haproxy","old":true,"tls":{"verify":"none"}}`},
		{"mysql", "user haproxy\naccept_auth_switch", `{"user":"haproxy","accept_auth_switch":true}`},
		{"pgsql", "user haproxy\ntls", `{"user":"haproxy","tls":{}}`},
		{"ldap", "tls", `{"tls":{}}`},
		{"spop", "tls", `{"tls":{}}`},
		{"smtp", "helo mx.example\ntls", `{"helo":"mx.example","tls":{}}`},
		{"smtp", "ehlo mx.example", `{"ehlo":"mx.example"}`},
		{"redis", "tls", `{"tls":{}}`},
	} {
		got, err := fromCaddyfile(test.name, test.block)
		if err != nil || got != test.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", test.name, err, got, test.want)
		}
		if _, err := load(test.name, got); err != nil && test.name != "tls" { // the file does not exist
			t.Errorf("%s: %v", got, err)
		}
	}
}

func TestCaddyfileMistakes(t *testing.T) {
	for _, test := range []struct{ name, block, want string }{
		{"tcp", "path /", `unknown option "path"`},
		{"ssl_hello", "server_name", `"server_name" needs an argument`},
		{"ssl_hello", "servername x", `unknown option "servername"; did you mean "server_name"?`},
		{"tls", "verify all", `verify: unknown word "all" (known: chain, none)`},
		{"tls", "min_version 1.4", `min_version: unknown word "1.4"`},
		{"tls", "client_certificate", `"client_certificate" needs an argument`},
		{"tls", "client_certificate a b c", `unexpected "c"`},
		{"tls", "warn_before soon", `warn_before: "soon" is not a duration`},
		{"tls", "alpn", `"alpn" needs an argument`},
		{"tls", "alpn_optional yes", `unexpected "yes"`},
		{"tls", "ca a\nca b", `option "ca" is given twice`},
		{"http", "status", `"status" needs an argument`},
		{"http", "header a", "expected header NAME VALUE"},
		{"http", "header a b c", `unexpected "c"`},
		{"http", "header a b\nheader A c", "header A is given twice"},
		{"http", "tls web.example", `unexpected "web.example"`},
		{"http", "tls {\nserver web.example\n}", `unknown option "server"`},
		{"http", "body {\n}", `"body" needs an argument`},
		{"tcp_script", "send", `"send" needs an argument`},
		{"tcp_script", "send x y", `unknown option "y"`},
		{"tcp_script", `send "x\q"`, `send "x\\q": expected \r, \n, \t, \0, \\ or \xHH after a backslash`},
		{"tcp_script", "send_hex", `"send_hex" needs an argument`},
		{"tcp_script", "send_hex 00 x", `unknown option "x"`},
		{"tcp_script", "expect", `"expect" needs an argument`},
		{"tcp_script", "expect not", `"not" needs an argument`},
		{"tcp_script", "expect strnig x", `expect: unknown word "strnig"; did you mean "string"?`},
		{"tcp_script", "expect not no x", `expect: unknown word "no"`},
		{"tcp_script", "expect string", `"string" needs an argument`},
		{"tcp_script", `expect string "\x4"`, "expect string: expected"},
		{"tcp_script", "expect string x min_recv 0", `min_recv: "0": expected a whole number from 1 to 65536`},
		{"tcp_script", "connect port 0", `port: "0": expected a whole number from 1 to 65535`},
		{"tcp_script", "connect send_proxy 1", `send_proxy: unknown word "1"`},
		{"tcp_script", "connect tls comment x", `unexpected "comment"`},
		{"tcp_script", "connect port 1 port 2", `option "port" is given twice`},
		{"mysql", "user", `"user" needs an argument`},
		{"mysql", "user a b", `unexpected "b"`},
		{"mysql", "post-41", `unknown option "post-41"`},
		{"smtp", "helo", `"helo" needs an argument`},
		{"redis", "user a", `unknown option "user"`},
	} {
		_, err := fromCaddyfile(test.name, test.block)
		contains(t, err, test.want)
	}
}

// The options of the checkers share a block with those of every check.
func TestCheckerOptionsDoNotShadowCommonOptions(t *testing.T) {
	taken := []string{"interval", "fast_interval", "down_interval", "rise", "fall", "timeout", "spread", "address", "port", "source", "send_proxy", "log"}
	for _, name := range []string{"tcp", "ssl_hello", "tls", "http", "tcp_script", "mysql", "pgsql", "ldap", "spop", "smtp", "redis"} {
		for _, word := range taken {
			_, err := fromCaddyfile(name, word)
			contains(t, err, "unknown option")
		}
	}
}
