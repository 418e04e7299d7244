// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// script is a case of a script and a server that is also compared with HAProxy.
type script struct {
	name   string
	steps  string // JSON, without the brackets
	rules  string // HAProxy's rules, separated by semicolons; empty: HAProxy has no equivalent
	server func(*net.TCPConn)
	code   pool.Code
	info   string
	differ pool.Code // HAProxy's code where ours differs on purpose
}

var scripts = []script{
	{"pong", `{"expect": {"string": "PONG"}}`, "connect;expect string PONG", says("+PONG\r\n"), pool.Layer7OK, "", ""},
	{"same again", `{"expect": {"string": "PONG"}}, {"expect": {"string": "PONG"}}`, "connect;expect string PONG;expect string PONG", says("PONG"), pool.Layer7OK, "", ""},
	{"any order", `{"expect": {"string": "B"}}, {"expect": {"string": "A"}}`, "connect;expect string B;expect string A", says("AB"), pool.Layer7OK, "", ""},
	{"in pieces", `{"expect": {"string": "PONG"}}`, "connect;expect string PONG", says("PO", "N", "G"), pool.Layer7OK, "", ""},
	{"other, open", `{"expect": {"string": "PONG"}}`, "connect;expect string PONG", says("-ERR"), pool.Layer7Timeout, `at step 1 (expect string "PONG"): got "-ERR"`, ""},
	{"other, closed", `{"expect": {"string": "PONG"}, "comment": "redis"}`, "connect;expect string PONG", saysAndCloses("-ERR"), pool.Layer7Response, `at step 1 (expect string "PONG"; redis): got "-ERR"`, ""},
	{"short, closed", `{"expect": {"string": "PONG"}}`, "connect;expect string PONG", saysAndCloses("PO"), pool.Layer7Response, `at step 1 (expect string "PONG"): got "PO"`, ""},
	{"silent", `{"expect": {"string": "PONG"}}`, "connect;expect string PONG", silent, pool.Layer7Timeout, `at step 1 (expect string "PONG"): got nothing`, ""},
	{"closed", `{"expect": {"string": "PONG"}}`, "connect;expect string PONG", closes, pool.Layer7Response, `at step 1 (expect string "PONG"): closed by the server`, ""},
	{"reset", `{"send": "x"}, {"expect": {"string": "PONG"}}`, "connect;send x;expect string PONG", afterFirst(resets), pool.Layer7Response, `at step 2 (expect string "PONG"): connection reset by peer`, pool.SocketError},
	{"nothing matches nothing", `{"expect": {"regexp": "^$"}}`, "connect;expect rstring ^$", closes, pool.Layer7Response, `at step 1 (expect regexp "^$"): closed by the server`, ""},
	{"not, silent", `{"expect": {"string": "ERR", "not": true}}`, "connect;expect ! string ERR", silent, pool.Layer7Timeout, `at step 1 (expect not string "ERR"): got nothing`, ""},
	{"not, open", `{"expect": {"string": "ERR", "not": true}}`, "connect;expect ! string ERR", says("HELLO"), pool.Layer7Timeout, `at step 1 (expect not string "ERR"): got "HELLO"`, ""},
	{"not, closed", `{"expect": {"string": "ERR", "not": true}}`, "connect;expect ! string ERR", saysAndCloses("HELLO"), pool.Layer7OK, "", ""},
	{"not, nothing", `{"expect": {"string": "ERR", "not": true}}`, "connect;expect ! string ERR", closes, pool.Layer7Response, `at step 1 (expect not string "ERR"): closed by the server`, ""},
	{"not, there", `{"expect": {"string": "ERR", "not": true}}`, "connect;expect ! string ERR", says("-ERR"), pool.Layer7Response, `at step 1 (expect not string "ERR"): got "-ERR"`, ""},
	{"not, enough", `{"expect": {"string": "ERR", "not": true, "min_recv": 5}}`, "connect;expect min-recv 5 ! string ERR", says("HELLO"), pool.Layer7OK, "", ""},
	{"not, not enough", `{"expect": {"string": "ERR", "not": true, "min_recv": 6}}`, "connect;expect min-recv 6 ! string ERR", says("HELLO"), pool.Layer7Timeout, `at step 1 (expect not string "ERR"): got "HELLO"`, ""},
	{"not, there but not enough", `{"expect": {"string": "ERR", "not": true, "min_recv": 6}}`, "connect;expect min-recv 6 ! string ERR", says("ERR"), pool.Layer7Timeout, `at step 1 (expect not string "ERR"): got "ERR"`, ""},
	{"not, not enough, closed", `{"expect": {"string": "ERR", "not": true, "min_recv": 6}}`, "connect;expect min-recv 6 ! string ERR", saysAndCloses("HELLO"), pool.Layer7OK, "", ""},
	{"not, shorter than the text", `{"expect": {"string": "HELLO", "not": true, "min_recv": 1}}`, "connect;expect min-recv 1 ! string HELLO", says("HE"), pool.Layer7Timeout, `at step 1 (expect not string "HELLO"): got "HE"`, ""},
	{"min_recv decides", `{"expect": {"regexp": "HELLO", "min_recv": 2}}`, "connect;expect min-recv 2 rstring HELLO", says("HE", "LLO"), pool.Layer7Response, `at step 1 (expect regexp "HELLO"): got "HE"`, ""},
	{"min_recv and a longer text", `{"expect": {"string": "HELLO", "min_recv": 2}}`, "connect;expect min-recv 2 string HELLO", says("HE", "LLO"), pool.Layer7OK, "", ""},
	{"min_recv delays", `{"expect": {"string": "HELLO", "min_recv": 6}}`, "connect;expect min-recv 6 string HELLO", says("HELLO"), pool.Layer7Timeout, `at step 1 (expect string "HELLO"): got "HELLO"`, ""},
	{"found stays found", `{"expect": {"regexp": "^OK$"}}, {"expect": {"string": "DONE"}}`, "connect;expect rstring ^OK$;expect string DONE", says("OK", "xx", "DONE"), pool.Layer7OK, "", ""},
	{"not is looked at again", `{"expect": {"string": "ERR", "not": true, "min_recv": 2}}, {"expect": {"string": "DONE"}}`, "connect;expect min-recv 2 ! string ERR;expect string DONE", says("OKOK", "ERR", "DONE"), pool.Layer7Response, `at step 1 (expect not string "ERR"): got "OKOKERR"`, ""},
	{"and what follows it", `{"expect": {"string": "E", "not": true, "min_recv": 1}}, {"expect": {"regexp": "^OK$"}}, {"expect": {"string": "DON"}}`, "connect;expect min-recv 1 ! string E;expect rstring ^OK$;expect string DON", says("OK", "DON"), pool.Layer7Timeout, `at step 2 (expect regexp "^OK$"): got "OKDON"`, ""},
	{"from the first not on", `{"expect": {"regexp": "^OK$"}}, {"expect": {"string": "E", "not": true, "min_recv": 1}}, {"expect": {"string": "F", "not": true, "min_recv": 1}}, {"expect": {"string": "D"}}`, "connect;expect rstring ^OK$;expect min-recv 1 ! string E;expect min-recv 1 ! string F;expect string D", says("OK", "E", "D"), pool.Layer7Response, `at step 2 (expect not string "E"): got "OKE"`, ""},
	{"a send ends the row", `{"expect": {"string": "E", "not": true, "min_recv": 1}}, {"send": "x"}, {"expect": {"string": "D"}}`, "connect;expect min-recv 1 ! string E;send x;expect string D", func(c *net.TCPConn) {
		io.WriteString(c, "A")
		afterFirst(says("ED"))(c)
	}, pool.Layer7OK, "", ""},
	{"a send forgets", `{"expect": {"string": "A"}}, {"send": "x"}, {"expect": {"string": "B"}}`, "connect;expect string A;send x;expect string B", says("AB"), pool.Layer7Timeout, `at step 3 (expect string "B"): got nothing`, ""},
	{"a banner waits", `{"send": "x"}, {"expect": {"string": "BAN"}}`, "connect;send x;expect string BAN", says("BAN"), pool.Layer7OK, "", ""},
	{"a connect begins anew", `{"expect": {"string": "A"}}, {"connect": {}}, {"expect": {"string": "A"}}`, "connect;expect string A;connect;expect string A", says("A"), pool.Layer7OK, "", ""},
	{"what came before it is forgotten", `{"expect": {"string": "B", "not": true}}, {"connect": {}}, {"expect": {"regexp": "^A$"}}`, "connect;expect ! string B;connect;expect rstring ^A$", saysAndCloses("A"), pool.Layer7OK, "", ""},
	{"even without an end", `{"expect": {"string": "A"}}, {"connect": {}}, {"expect": {"regexp": "^A$"}}`, "connect;expect string A;connect;expect rstring ^A$", says("A"), pool.Layer7OK, "", ""},
	{"connect last", `{"expect": {"string": "A"}}, {"connect": {}}`, "connect;expect string A;connect", says("A"), pool.Layer4OK, "", ""},
	{"send last", `{"connect": {}}, {"send": "x"}`, "connect;send x", silent, pool.Layer7OK, "", ""},
	{"send alone", `{"send": "x"}`, "send x", silent, pool.Layer7OK, "", ""},
	{"nothing to do", ``, "", silent, pool.Layer4OK, "", ""},
	{"refused", `{"send": "x"}, {"connect": {"port": 1}, "comment": "one"}`, "connect;send x;connect port 1", silent, pool.Layer4Connection, `at step 2 (connect port 1; one): connection refused`, ""},
	{"hex", `{"send_hex": "50494e470D0a"}, {"expect": {"hex": "2b504f4e47"}}`, "connect;send-binary 50494e470D0a;expect binary 2b504f4e47", func(c *net.TCPConn) {
		if line(c) == "PING\r\n" {
			io.WriteString(c, "+PONG")
		}
		silent(c)
	}, pool.Layer7OK, "", ""},
	{"hex_regexp", `{"expect": {"hex_regexp": "^2B(..)*0D0A$"}}`, "connect;expect rbinary ^2B(..)*0D0A$", says("+PONG\r\n"), pool.Layer7OK, "", ""},
	{"hex_regexp, small letters", `{"expect": {"hex_regexp": "^2b"}}`, "connect;expect rbinary ^2b", saysAndCloses("+PONG"), pool.Layer7Response, `at step 1 (expect hex_regexp "^2b"): got "+PONG"`, ""},
	{"regexp and zeroes", `{"expect": {"regexp": "b$"}}`, "connect;expect rstring b$", says("a\x00b"), pool.Layer7OK, "", ""},
	{"regexp and lines", `{"expect": {"regexp": "a.b"}}`, "connect;expect rstring a.b", saysAndCloses("a\nb"), pool.Layer7Response, `at step 1 (expect regexp "a.b"): got "a\nb"`, ""},
	{"regexp and lines, told", `{"expect": {"regexp": "(?s)a.b"}}`, "connect;expect rstring (?s)a.b", says("a\nb"), pool.Layer7OK, "", ""},
	{"not hex", `{"expect": {"hex": "504f", "not": true, "min_recv": 1}}`, "connect;expect min-recv 1 ! binary 504f", says("PON"), pool.Layer7Response, `at step 1 (expect not hex "504f"): got "PON"`, ""},
}

func TestScripts(t *testing.T) {
	for _, s := range slices.Concat(scripts, valueScripts) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			expectCheck(t, provisioned(t, "tcp_script", `{"steps": [`+s.steps+`]}`), serve(t, s.server), s.code, s.info)
		})
	}
}

// At most 64 KiB are examined.
func TestScriptExamines64KiB(t *testing.T) {
	flood := func(n int) string {
		return serve(t, says(strings.Repeat("x", n)+"END"))
	}
	c := provisioned(t, "tcp_script", `{"steps": [{"expect": {"string": "END"}}]}`)
	expectResult(t, checked(c, to(flood(maxReceived-3))), pool.Layer7OK, "")
	expectResult(t, checked(c, to(flood(maxReceived-2))), pool.Layer7Response, fmt.Sprintf("at step 1 (expect string %q): got %q…", "END", strings.Repeat("x", 60)))
	odd := serve(t, says("x", strings.Repeat("x", 65536)))
	expectResult(t, checked(c, to(odd)), pool.Layer7Response, fmt.Sprintf("at step 1 (expect string %q): got %q…", "END", strings.Repeat("x", 60)))
	c = provisioned(t, "tcp_script", `{"steps": [{"expect": {"string": "END", "not": true, "min_recv": 65536}}]}`)
	expectResult(t, checked(c, to(flood(maxReceived))), pool.Layer7OK, "")
}

// A canceled check is not a failed one, even if half an answer has arrived.
func TestCanceledScriptIsNotChecked(t *testing.T) {
	c, address := provisioned(t, "tcp_script", `{"steps": [{"expect": {"string": "END"}}]}`), serve(t, says("half"))
	retryWithLongerUnits(t, func(unit time.Duration) string {
		ctx, cancel := context.WithCancel(context.Background())
		defer time.AfterFunc(unit, cancel).Stop()
		return differs(c.Check(ctx, to(address)), pool.CodeNotChecked, `at step 1 (expect string "END"): canceled`)
	})
}

func TestScriptConnects(t *testing.T) {
	s := secureServer(t, leaf())
	secure, plain := s.serve(t), serve(t, func(c *net.TCPConn) { io.WriteString(c, line(c)); silent(c) })
	_, port, _ := net.SplitHostPort(secure)
	tls := fmt.Sprintf(`{"ca": %q, "warn_before": "101d"}`, s.ca)
	for _, test := range []struct {
		steps   string
		code    pool.Code
		warning bool
	}{
		{`{"connect": {"port": ` + port + `, "tls": ` + tls + `}}`, pool.Layer6OK, true},
		{`{"connect": {"port": ` + port + `, "tls": ` + tls + `}}, {"connect": {}}`, pool.Layer4OK, true},
		{`{"connect": {"address": "` + secure + `", "tls": ` + tls + `}}, {"send": "x"}`, pool.Layer7OK, true},
		{`{"connect": {"address": "127.0.0.1", "port": ` + port + `}}`, pool.Layer4OK, false},
		{`{"connect": {"send_proxy": 2}}, {"send_hex": "0a"}, {"expect": {"string": "QUIT\n"}}`, pool.Layer7Timeout, false},
		{`{"connect": {"send_proxy": 1}}, {"expect": {"regexp": "^PROXY TCP4 127.0.0.1 127.0.0.1 .*\r\n$"}}`, pool.Layer7OK, false},
		{`{"connect": {}}, {"send": "x\n"}, {"expect": {"regexp": "^x\n$"}}`, pool.Layer7OK, false},
	} {
		c, target := provisioned(t, "tcp_script", `{"steps": [`+test.steps+`]}`), to(plain)
		retryWithLongerUnits(t, func(unit time.Duration) string {
			if test.code == pool.Layer7Timeout {
				target.Timeout = unit
			}
			got := checked(c, target)
			if got.Code != test.code || (got.Warning != "") != test.warning {
				return fmt.Sprintf("%s: %s %q %q", test.steps, got.Code, got.Info, got.Warning)
			}
			return ""
		})
	}
	// The check's own header is sent unless a step says otherwise.
	target := to(plain)
	target.SendProxy = 2
	got := checked(provisioned(t, "tcp_script", `{"steps": [{"connect": {"send_proxy": 1}}, {"expect": {"string": "PROXY TCP4"}}]}`), target)
	expectResult(t, got, pool.Layer7OK, "")
	target.SendProxy = 1
	got = checked(provisioned(t, "tcp_script", `{"steps": [{"connect": {}}, {"expect": {"string": "PROXY TCP4"}}]}`), target)
	expectResult(t, got, pool.Layer7OK, "")
}

func TestConnectTargets(t *testing.T) {
	tcp := pool.Target{Network: "tcp", Address: "10.0.0.1:443", SendProxy: 1, Timeout: time.Second}
	six := pool.Target{Network: "tcp", Address: "[2001:db8::1]:443"}
	unix := pool.Target{Network: "unix", Address: "/run/s"}
	for _, test := range []struct {
		step ConnectStep
		from pool.Target
		want string
	}{
		{ConnectStep{}, tcp, "tcp 10.0.0.1:443 1"},
		{ConnectStep{Port: 80, SendProxy: 2}, tcp, "tcp 10.0.0.1:80 2"},
		{ConnectStep{Address: "web.example"}, tcp, "tcp web.example:443 1"},
		{ConnectStep{Address: "web.example:8443"}, tcp, "tcp web.example:8443 1"},
		{ConnectStep{Address: "web.example:8443", Port: 80}, tcp, "tcp web.example:80 1"},
		{ConnectStep{Address: "2001:db8::2", Port: 80}, tcp, "tcp [2001:db8::2]:80 1"},
		{ConnectStep{Address: "[2001:db8::2]"}, tcp, "tcp [2001:db8::2]:443 1"},
		{ConnectStep{Port: 80}, six, "tcp [2001:db8::1]:80 0"},
		{ConnectStep{}, unix, "unix /run/s 0"},
		{ConnectStep{Port: 80}, unix, "unix /run/s 0"},
		{ConnectStep{Address: "10.0.0.1", Port: 80}, unix, "tcp 10.0.0.1:80 0"},
	} {
		got := test.step.target(test.from, nil)
		if text := fmt.Sprint(got.Network, " ", got.Address, " ", got.SendProxy); text != test.want || got.Timeout != test.from.Timeout {
			t.Errorf("%+v from %s: got %s", test.step, test.from.Address, text)
		}
	}
}

func TestScriptMistakes(t *testing.T) {
	const one = "expected exactly one action, such as connect, send or expect"
	for steps, want := range map[string]string{
		`{}`:                              "step 1: " + one,
		`{"send": "x"}, {}`:               "step 2: " + one,
		`{"send": "x", "send_hex": "00"}`: one,
		`{"connect": {}, "expect": {"string": "x"}}`:                           one,
		`{"send_hex": "0"}`:                                                    `send_hex "0": expected pairs of hexadecimal digits`,
		`{"send_hex": "xx"}`:                                                   "expected pairs of hexadecimal digits",
		`{"expect": {}}`:                                                       "expect: expected one of string, regexp, hex, hex_regexp, string_format, hex_format, with a value that is not empty",
		`{"request": {}}`:                                                      "request is for http_script",
		`{"expect": {"status": ["200"]}}`:                                      "expect: status is not supported by this checker",
		`{"expect": {"string": "x", "ok_status": "L7RSP"}}`:                    `expect: ok_status: unknown word "L7RSP"`,
		`{"expect": {"string": "x", "error_status": "L7OK"}}`:                  `expect: error_status: unknown word "L7OK"`,
		`{"expect": {"string": "x", "timeout_status": "L7RSP"}}`:               "expect: timeout_status: unknown word",
		`{"expect": {"string": "x", "on_error": "%[foo]"}}`:                    "expect: on_error",
		`{"expect": {"string": "x", "status_code": "foo"}}`:                    "expect: status_code",
		`{"expect": {"string_format": "%[req.len]"}}`:                          "a check has no client",
		`{"send_format": "%"}`:                                                 "send_format",
		`{"set": {"var": "check.a"}}`:                                          "set check.a: expected value or format",
		`{"set": {"var": "a", "value": "str(x)"}}`:                             `variable "a"`,
		`{"set": {"var": "txn.a", "value": "str(x)"}}`:                         "expected a scope of check or sess",
		`{"unset": "a b"}`:                                                     `variable "a b"`,
		`{"connect": {"port": 1, "port_value": "int(1)"}}`:                     "port and port_value",
		`{"connect": {"port_value": "foo"}}`:                                   "port_value",
		`{"expect": {"string": "x", "hex": "00"}}`:                             "expect: string and hex are mutually exclusive",
		`{"expect": {"hex": "x"}}`:                                             `expect: hex "x": expected pairs`,
		`{"expect": {"regexp": "("}}`:                                          `expect: regexp "(": expected a Go regular expression: error parsing`,
		`{"expect": {"hex_regexp": "("}}`:                                      `expect: hex_regexp "("`,
		`{"expect": {"string": "x", "min_recv": -1}}`:                          "expect: min_recv -1: expected a number from 1 to 65536",
		`{"expect": {"string": "x", "min_recv": 65537}}`:                       "expect: min_recv 65537: expected",
		`{"expect": {"string": "` + strings.Repeat("x", maxReceived+1) + `"}}`: "expect: string: expected at most 65536 bytes",
		`{"connect": {"port": 65536}}`:                                         "connect: port 65536: expected a port from 1 to 65535",
		`{"connect": {"port": -1}}`:                                            "connect: port -1: expected",
		`{"connect": {"send_proxy": 3}}`:                                       "connect: send_proxy 3: expected 1 or 2",
		`{"connect": {"send_proxy": -1}}`:                                      "connect: send_proxy -1: expected 1 or 2",
		`{"connect": {"address": "a b"}}`:                                      `connect: address "a b": expected HOST or HOST:PORT`,
		`{"connect": {"address": "http://a"}}`:                                 "expected HOST or HOST:PORT",
		`{"sned": "x"}`:                                                        `unknown field "sned"`,
	} {
		_, err := load("tcp_script", `{"steps": [`+steps+`]}`)
		contains(t, err, want)
	}
	for _, steps := range []string{
		`{"expect": {"string": "x", "min_recv": 65536}}`, `{"connect": {"port": 65535}}`,
		`{"expect": {"string": "` + strings.Repeat("x", maxReceived) + `"}}`,
	} {
		if _, err := load("tcp_script", `{"steps": [`+steps+`]}`); err != nil {
			t.Error(err)
		}
	}
}
