// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// echoes sends back all bytes that it receives.
func echoes(c *net.TCPConn) { io.Copy(c, c) }

// valueScripts are scripts with variables, formats and their own codes.
var valueScripts = []script{
	{
		"a variable is sent", `{"set": {"var": "check.a", "value": "str(ping)"}}, {"connect": {}}, {"send_format": "<%[var(check.a)]>"}, {"expect": {"string": "<ping>"}}`,
		"set-var(check.a) str(ping);connect;send-lf <%[var(check.a)]>;expect string <ping>", echoes, pool.Layer7OK, "", "",
	},
	{
		"as is one of the session", `{"set": {"var": "sess.a", "format": "x%[str(y)]%%"}}, {"send_format": "%[var(sess.a)]"}, {"expect": {"string": "xy%"}}`,
		"set-var-fmt(sess.a) x%[str(y)]%%;send-lf %[var(sess.a)];expect string xy%", echoes, pool.Layer7OK, "", "",
	},
	{
		"what has come is kept", `{"expect": {"string": "HELLO"}}, {"set": {"var": "check.a", "value": "res.payload(1,4)"}}, {"send_format": "%[var(check.a),lower]"}, {"expect": {"string": "ello"}}`,
		"connect;expect string HELLO;set-var(check.a) res.payload(1,4);send-lf %[var(check.a),lower];expect string ello", func(c *net.TCPConn) {
			io.WriteString(c, "HELLO")
			echoes(c)
		}, pool.Layer7OK, "", "",
	},
	{
		"nothing is sent for nothing", `{"send_format": "%[var(check.a)]"}, {"send": "x"}, {"expect": {"regexp": "^x$"}}`,
		"send-lf %[var(check.a)];send x;expect rstring ^x$", echoes, pool.Layer7OK, "", "",
	},
	{
		"a variable without a value", `{"set": {"var": "check.a", "value": "str(x)"}}, {"unset": "check.a"}, {"send_format": "<%[var(check.a)]>"}, {"expect": {"string": "<>"}}`,
		"set-var(check.a) str(x);unset-var(check.a);send-lf <%[var(check.a)]>;expect string <>", echoes, pool.Layer7OK, "", "",
	},
	{
		"hex of a variable", `{"set": {"var": "check.a", "value": "bin(00ff)"}}, {"send_hex_format": "01%[var(check.a),hex]"}, {"expect": {"hex": "0100ff"}}`,
		"set-var(check.a) bin(00ff);send-binary-lf 01%[var(check.a),hex];expect binary 0100ff", echoes, pool.Layer7OK, "", "",
	},
	{
		"odd hex", `{"connect": {}}, {"send_hex_format": "0%[int(15)]x"}`, "connect;send-binary-lf 0%[int(15)]x", silent,
		pool.Layer7Response, `at step 2 (send): send_hex_format "015x": expected pairs of hexadecimal digits, such as 0d0a`, "",
	},
	{"a format is expected", `{"send": "hello"}, {"expect": {"string_format": "h%[str(ell)]o"}}`, "send hello;expect string-lf h%[str(ell)]o", echoes, pool.Layer7OK, "", ""},
	{
		"another than the format", `{"send": "hello"}, {"expect": {"string_format": "%[str(hallo)]", "min_recv": 5}}`, "send hello;expect min-recv 5 string-lf %[str(hallo)]", echoes,
		pool.Layer7Response, `at step 2 (expect string_format "%[str(hallo)]"): got "hello"`, "",
	},
	{
		"a format of nothing", `{"send": "hello"}, {"expect": {"string_format": "%[var(check.a)]"}}`, "send hello;expect string-lf %[var(check.a)]", echoes,
		pool.Layer7Response, `at step 2 (expect string_format "%[var(check.a)]"): the result of the format is empty`, "",
	},
	{"hex is expected", `{"send": "\u0001x"}, {"expect": {"hex_format": "01%[str(x),hex]"}}`, `send "\x01x";expect binary-lf 01%[str(x),hex]`, echoes, pool.Layer7OK, "", ""},
	{
		"a set does not end a row", `{"expect": {"string": "E", "not": true, "min_recv": 1}}, {"set": {"var": "check.a", "value": "str(x)"}}, {"expect": {"string": "D"}}`,
		"connect;expect min-recv 1 ! string E;set-var(check.a) str(x);expect string D", says("OK", "E", "D"),
		pool.Layer7Response, `at step 1 (expect not string "E"): got "OKE"`, "",
	},
	{"ok_status", `{"expect": {"string": "A", "ok_status": "L4OK"}}`, "connect;expect ok-status L4OK string A", says("A"), pool.Layer4OK, "", ""},
	{"of the last step alone", `{"expect": {"string": "A", "ok_status": "L4OK"}}, {"expect": {"string": "A"}}`, "connect;expect ok-status L4OK string A;expect string A", says("A"), pool.Layer7OK, "", ""},
	{"the server drains", `{"expect": {"string": "A", "ok_status": "L7OKC"}}`, "connect;expect ok-status L7OKC string A", says("A"), pool.Layer7Stopping, "", ""},
	{"error_status", `{"expect": {"string": "A", "error_status": "L7STS"}}`, "connect;expect error-status L7STS string A", saysAndCloses("B"), pool.Layer7Status, `at step 1 (expect string "A"): got "B"`, ""},
	{"error_status of an end", `{"expect": {"string": "A", "error_status": "L6RSP"}}`, "connect;expect error-status L6RSP string A", closes, pool.Layer6Response, `at step 1 (expect string "A"): closed by the server`, ""},
	{"an error that passes", `{"expect": {"string": "A", "error_status": "L7OKC"}}`, "connect;expect error-status L7OKC string A", saysAndCloses("B"), pool.Layer7Stopping, `at step 1 (expect string "A"): got "B"`, ""},
	{"timeout_status", `{"expect": {"string": "A", "timeout_status": "L4TOUT"}}`, "connect;expect tout-status L4TOUT string A", silent, pool.Layer4Timeout, `at step 1 (expect string "A"): got nothing`, pool.Layer4Timeout},
	{"words for success", `{"expect": {"string": "A", "on_success": "%[res.payload(0,0),cut_crlf] %[res.len]"}}`, "connect;expect on-success x string A", says("A fine\r\nday"), pool.Layer7OK, "A fine 11", ""},
	{"words for failure", `{"expect": {"string": "A", "on_error": "<%[res.payload(0,1)]>", "status_code": "res.len"}}`, "connect;expect on-error x string A", saysAndCloses("BB"), pool.Layer7Response, `at step 1 (expect string "A"): code 2, <B>`, ""},
	{"a code", `{"expect": {"string": "A", "status_code": "res.payload(1,2)"}}`, "connect;expect status-code res.payload(1,2) string A", says("A42"), pool.Layer7OK, "code 42", ""},
	{"a port of an expression", `{"connect": {"port_value": "int(1)"}}`, "connect port int(1)", silent, pool.Layer4Connection, `at step 1 (connect port_value int(1)): connection refused`, ""},
	{"a port of nothing", `{"connect": {"port_value": "var(check.p)"}}, {"expect": {"string": "A"}}`, "connect port var(check.p);expect string A", says("A"), pool.Layer7OK, "", ""},
	{
		"comments count", `{"comment": "the banner"}, {"connect": {"linger": true}}, {"expect": {"string": "A"}}, {"comment": "and then"}, {"expect": {"string": "B"}}, {"expect": {"string": "C"}}`,
		"comment the\\ banner;connect linger;expect string A;comment and\\ then;expect string B;expect string C", saysAndCloses("AB"), pool.Layer7Response, `at step 6 (expect string "C"; and then): got "AB"`, "",
	},
}

// With linger the server sees a FIN, without it a reset.
func TestScriptLingers(t *testing.T) {
	for linger, want := range map[string]string{`{"linger": true}`: "EOF", `{}`: "reset"} {
		saw := make(chan string, 1)
		address := serve(t, func(c *net.TCPConn) {
			io.WriteString(c, "A")
			for {
				if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
					saw <- "EOF"
					return
				} else if err != nil {
					saw <- "reset"
					return
				}
			}
		})
		c := provisioned(t, "tcp_script", `{"steps": [{"connect": `+linger+`}, {"expect": {"string": "A"}}]}`)
		expectResult(t, checked(c, to(address)), pool.Layer7OK, "")
		if got := <-saw; got != want {
			t.Errorf("connect %s: the server saw %s, want %s", linger, got, want)
		}
	}
}

// Expressions can use the names of the checked server.
func TestScriptNamesTheServer(t *testing.T) {
	c := provisioned(t, "tcp_script", `{"steps": [{"send_format": "%[be_name]/%[srv_name]"}, {"expect": {"string": "web/s1"}}]}`)
	target := to(serve(t, echoes))
	target.Subject = &pool.Subject{Backend: "web", Server: "s1"}
	expectResult(t, checked(c, target), pool.Layer7OK, "")
}
