// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// httpScript is a case of an http_script that is compared with HAProxy.
type httpScript struct {
	name   string
	config string // JSON, without the braces
	rules  string // HAProxy's option httpchk, then its http-check rules, separated by semicolons
	server func(*net.TCPConn)
	code   pool.Code
	info   string
}

// answers returns a server that sends an answer to each request, and closes.
func answers(head, body string) func(*net.TCPConn) {
	return afterFirst(saysAndCloses("HTTP/1.1 " + head + "\r\n\r\n" + body))
}

// byPath answers with the status in the request's path, and a copy of the request.
func byPath(c *net.TCPConn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(c, "HTTP/1.1 %s X\r\nX-Got: %s %s %s host=%s test=%s\r\nContent-Length: %d\r\n\r\n%s",
		strings.Trim(r.URL.Path, "/"), r.Method, r.URL.Path, r.Proto, r.Host, r.Header.Get("X-Test"), len(body), body)
}

const fields = "200 OK\r\nX-Test1: true, next value\r\nX-Test2: true, begin-value, \"a, b\", value-end\r\nX-Begin-Test: 1"

var httpScripts = []httpScript{
	{"passes", `"request": {}`, "GET /", answers("200 OK", ""), pool.Layer7OK, "200 OK"},
	{"without what is expected", `"request": {}`, "GET /", answers("404 Not Found", ""), pool.Layer7Status, "at step 1 (expect status \"200-399\"): 404 Not Found"},
	{"no HTTP", `"request": {}`, "GET /", answersOther("SSH-2.0-x\r\n"), pool.Layer7Response, "at step 1 (expect status \"200-399\"): not HTTP: got \"SSH-2.0-x\\r\\n\""},
	{"says nothing", `"request": {}`, "GET /", afterFirst(silent), pool.Layer7Timeout, `at step 1 (expect status "200-399")`},
	{"closes", `"request": {}`, "GET /", afterFirst(closes), pool.Layer7Response, `at step 1 (expect status "200-399"): closed without an answer`},
	{"one status", `"request": {}, "steps": [{"expect": {"status": ["204", "404-405"]}}]`, "GET /;expect status 204,404-405", answers("405 No", ""), pool.Layer7OK, "405 No"},
	{"another status", `"request": {}, "steps": [{"expect": {"status": ["204"]}, "comment": "empty"}]`, "GET /;expect status 204 comment empty", answers("200 OK", ""), pool.Layer7Status, `at step 1 (expect status "204"; empty): 200 OK`},
	{"not a status", `"request": {}, "steps": [{"expect": {"status": ["200"], "not": true}}]`, "GET /;expect ! status 200", answers("200 OK", ""), pool.Layer7Status, `at step 1 (expect not status "200"): 200 OK`},
	{"status_matches", `"request": {}, "steps": [{"expect": {"status_matches": "^2"}}]`, "GET /;expect rstatus ^2", answers("299 OK", ""), pool.Layer7OK, "299 OK"},
	{"not status_matches", `"request": {}, "steps": [{"expect": {"status_matches": "^2", "not": true}}]`, "GET /;expect ! rstatus ^2", answers("299 OK", ""), pool.Layer7Status, `at step 1 (expect not status_matches "^2"): 299 OK`},
	{"body", `"request": {}, "steps": [{"expect": {"string": "pong"}}]`, "GET /;expect string pong", answers("500 Oops", "ping pong"), pool.Layer7OK, "500 Oops"},
	{"another body", `"request": {}, "steps": [{"expect": {"string": "pong"}}]`, "GET /;expect string pong", answers("200 OK", "ping"), pool.Layer7Response, `at step 1 (expect string "pong"): 200 OK: got "ping"`},
	{"not in the body", `"request": {}, "steps": [{"expect": {"string": "fail", "not": true}}]`, "GET /;expect ! string fail", answers("200 OK", "well"), pool.Layer7OK, "200 OK"},
	{"not, but it is", `"request": {}, "steps": [{"expect": {"regexp": "f.il", "not": true}}]`, "GET /;expect ! rstring f.il", answers("200 OK", "fails"), pool.Layer7Response, `at step 1 (expect not regexp "f.il"): 200 OK: got "fails"`},
	{"not, without a body", `"request": {}, "steps": [{"expect": {"string": "fail", "not": true}}]`, "GET /;expect ! string fail", answers("200 OK", ""), pool.Layer7Response, `at step 1 (expect not string "fail"): 200 OK, without a body`},
	{"a body of its own length", `"request": {}, "steps": [{"expect": {"regexp": "^pong$"}}]`, "GET /;expect rstring ^pong$", afterFirst(says("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "po", "ng")), pool.Layer7OK, "200 OK"},
	{"an open body", `"request": {}, "steps": [{"expect": {"string": "pong"}}]`, "GET /;expect string pong", afterFirst(says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "pong")), pool.Layer7OK, "200 OK"},
	{"a body that does not end", `"request": {}, "steps": [{"expect": {"string": "pang"}}]`, "GET /;expect string pang", afterFirst(says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "pong")), pool.Layer7Timeout, `at step 1 (expect string "pang"): the rest of the answer is missing: got "pong"`},
	{"min_recv decides", `"request": {}, "steps": [{"expect": {"string": "pang", "min_recv": 4}}]`, "GET /;expect min-recv 4 string pang", afterFirst(says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npong")), pool.Layer7Response, `at step 1 (expect string "pang"): 200 OK: got "pong"`},
	{"status and body", `"request": {}, "steps": [{"expect": {"status": ["200"]}}, {"expect": {"string": "pong"}}]`, "GET /;expect status 200;expect string pong", answers("200 OK", "pong"), pool.Layer7OK, "200 OK"},
	{"a format of the body", `"request": {}, "steps": [{"set": {"var": "check.a", "value": "str(pong)"}}, {"expect": {"string_format": "%[var(check.a)]"}}]`, "GET /;set-var(check.a) str(pong);expect string-lf %[var(check.a)]", answers("200 OK", "pong"), pool.Layer7OK, "200 OK"},
	{"codes of one's own", `"request": {}, "steps": [{"expect": {"status": ["200"], "error_status": "L7RSP"}}]`, "GET /;expect error-status L7RSP status 200", answers("503 Oops", ""), pool.Layer7Response, `at step 1 (expect status "200"): 503 Oops`},
	{"words of one's own", `"request": {}, "steps": [{"expect": {"status": ["200"], "on_error": "%[status] %[res.hdr(X-Why)]"}}]`, "GET /;expect on-error x status 200", answers("503 Oops\r\nX-Why: tired", ""), pool.Layer7Status, `at step 1 (expect status "200"): 503 tired`},
	{"words for success", `"request": {}, "steps": [{"expect": {"status": ["200"], "on_success": "%[res.body]"}}]`, "GET /;expect on-success x status 200", answers("200 OK\r\nContent-Length: 0", ""), pool.Layer7OK, "200 OK"},
	{"a header", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test1"}}}]`, "GET /;expect hdr name x-test1", answers(fields, ""), pool.Layer7OK, "200 OK"},
	{"no such header", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test"}}}]`, "GET /;expect hdr name x-test", answers(fields, ""), pool.Layer7Status, `at step 1 (expect header "x-test"): 200 OK`},
	{"not a header", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test"}, "not": true}}]`, "GET /;expect ! hdr name x-test", answers(fields, ""), pool.Layer7OK, "200 OK"},
	{"begins", `"request": {}, "steps": [{"expect": {"header": {"name": "X-Begin-", "name_match": "beg"}}}]`, "GET /;expect hdr name -m beg X-Begin-", answers(fields, ""), pool.Layer7OK, "200 OK"},
	{"a name by regexp", `"request": {}, "steps": [{"expect": {"header": {"name": "^x-BEGIN-[a-z]+$", "name_match": "reg"}}}]`, "GET /;expect hdr name -m reg ^x-BEGIN-[a-z]+$", answers(fields, ""), pool.Layer7OK, "200 OK"},
	{"one of the values", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test2", "value": "true"}}}]`, "GET /;expect hdr name x-test2 value true", answers(fields, ""), pool.Layer7OK, "200 OK"},
	{"the case of values counts", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test2", "value": "True"}}}]`, "GET /;expect hdr name x-test2 value True", answers(fields, ""), pool.Layer7Status, `at step 1 (expect header "x-test2: True"): 200 OK`},
	{"the whole line", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test1", "value": "true, next value", "whole": true}}}]`, "GET /;expect fhdr name x-test1 value \"true, next value\"", answers(fields, ""), pool.Layer7OK, "200 OK"},
	{"not the whole line", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test1", "value": "true", "whole": true}}}]`, "GET /;expect fhdr name x-test1 value true", answers(fields, ""), pool.Layer7Status, `at step 1 (expect header "x-test1: true"): 200 OK`},
	{"the end of a value", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test", "name_match": "beg", "value": "-end", "value_match": "end"}}}]`, "GET /;expect hdr name -m beg x-test value -m end -end", answers(fields, ""), pool.Layer7OK, "200 OK"},
	{"a value by regexp", `"request": {}, "steps": [{"expect": {"header": {"name": "x-test2", "value": "^begin-v", "value_match": "reg"}}}]`, "GET /;expect hdr name x-test2 value -m reg ^begin-v", answers(fields, ""), pool.Layer7OK, "200 OK"},
	{
		"a header of variables", `"request": {}, "steps": [{"set": {"var": "check.n", "value": "str(x-test1)"}}, {"expect": {"header": {"name_format": "%[var(check.n)]", "value_format": "%[str(true)]"}}}]`,
		"GET /;set-var(check.n) str(x-test1);expect hdr name-lf %[var(check.n)] value-lf %[str(true)]", answers(fields, ""), pool.Layer7OK, "200 OK",
	},
	{"a header of nothing", `"request": {}, "steps": [{"expect": {"header": {"name_format": "%[var(check.n)]"}}}]`, "GET /;expect hdr name-lf %[var(check.n)]", answers(fields, ""), pool.Layer7Response, `at step 1 (expect header "%[var(check.n)]"): the result of the format is empty`},
	{
		"what is sent", `"steps": [{"request": {"method": "PUT", "uri": "/201", "version": "HTTP/1.1", "headers": [{"name": "host", "value": "h.example"}, {"name": "x-test", "value": "a%[str(b)]"}], "body": "hello"}}, {"expect": {"header": {"name": "x-got", "value": "PUT /201 HTTP/1.1 host=h.example test=ab"}}}, {"expect": {"string": "hello"}}]`,
		`GET /;send meth PUT uri /201 ver HTTP/1.1 hdr host h.example hdr x-test a%[str(b)] body hello;expect hdr name x-got value "PUT /201 HTTP/1.1 host=h.example test=ab";expect string hello`, byPath, pool.Layer7OK, "201 X",
	},
	{
		"a header of nothing is not sent", `"request": {"uri": "/200", "headers": [{"name": "X-Test", "value": "%[var(check.a)]"}]}, "steps": [{"expect": {"header": {"name": "x-got", "value": "GET /200 HTTP/1.0 host= test="}}}]`,
		"GET /200;send meth GET uri /200 hdr X-Test %[var(check.a)];expect hdr name x-got value \"GET /200 HTTP/1.0 host= test=\"", byPath, pool.Layer7OK, "200 X",
	},
	{
		"several exchanges", `"steps": [{"connect": {}}, {"request": {"uri": "/200"}}, {"expect": {"status": ["200"]}}, {"set": {"var": "check.next", "value": "res.hdr(x-got),field(2, )"}}, {"connect": {}}, {"request": {"uri_format": "%[var(check.next)]", "body_format": "x%[status]"}}, {"expect": {"status": ["404"]}}]`,
		`GET /;connect;send meth GET uri /200;expect status 200;set-var(check.next) "res.hdr(x-got),field(2, )";connect;send meth GET uri-lf %[var(check.next)] body-lf x;expect status 404`, byPath, pool.Layer7Status, `at step 7 (expect status "404"): 200 X`,
	},
	{
		"the last one is implied", `"steps": [{"connect": {}}, {"request": {"uri": "/200"}}, {"expect": {"status": ["200"]}}, {"connect": {}}, {"request": {"uri": "/500"}}]`,
		"GET /;connect;send meth GET uri /200;expect status 200;connect;send meth GET uri /500", byPath, pool.Layer7Status, `at step 5 (expect status "200-399"): 500 X`,
	},
	{
		"the second does not connect", `"steps": [{"connect": {}}, {"request": {"uri": "/200"}}, {"expect": {"status": ["200"]}}, {"connect": {"port": 1}}, {"request": {}}]`,
		"GET /;connect;send meth GET uri /200;expect status 200;connect port 1;send meth GET", byPath, pool.Layer4Connection, `at step 4 (connect port 1): connection refused`,
	},
	{"nothing is asked for", `"steps": [{"expect": {"status": ["200"]}}]`, "", saysAndCloses("HTTP/1.0 200 OK\r\n\r\n"), pool.Layer7Response, `at step 1 (expect status "200"): an answer without a request: got "HTTP/1.0 200 OK\r\n\r\n"`},
	{"drains", `"request": {}, "drain_on_404": true`, "GET /;disable-on-404", answers("404 Gone", ""), pool.Layer7Stopping, "404 Gone"},
	{"drains, whatever is expected", `"request": {}, "drain_on_404": true, "steps": [{"expect": {"status": ["200"]}}, {"expect": {"string": "x"}}]`, "GET /;disable-on-404;expect status 200;expect string x", answers("404 Gone", ""), pool.Layer7Stopping, "404 Gone"},
	// HAProxy takes an informational response for the final one; this checker skips it.
	{"informational", `"request": {}`, "GET /", answersOther("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), pool.Layer7OK, "200 OK"},
	{"switching", `"request": {}, "steps": [{"expect": {"status": ["101"]}}]`, "GET /;expect status 101", answers("101 Switching", ""), pool.Layer7OK, "101 Switching"},
}

func answersOther(text string) func(*net.TCPConn) { return afterFirst(saysAndCloses(text)) }

func TestHTTPScripts(t *testing.T) {
	for _, s := range httpScripts {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			expectCheck(t, provisioned(t, "http_script", "{"+s.config+"}"), serve(t, s.server), s.code, s.info)
		})
	}
}

func TestHTTPScriptsAgainstHAProxy(t *testing.T) {
	t.Parallel()
	var tests []haproxyCase
	for _, s := range httpScripts {
		request, rules, _ := strings.Cut(s.rules, ";")
		lines := " option httpchk " + request + "\n"
		if s.rules == "" {
			continue // in HAProxy that needs a defaults section
		}
		for rule := range strings.SplitSeq(rules, ";") {
			if rule != "" {
				lines += " http-check " + rule + "\n"
			}
		}
		if s.name == "informational" {
			s.code = pool.Layer7Status
		}
		tests = append(tests, haproxyCase{s.name, lines + " server s " + serve(t, s.server) + " check inter 900ms\n", s.code})
	}
	expectHAProxyCodes(t, tests)
}

// A 404 does not drain a server that is down.
func TestHTTPScript404DoesNotDrainDownServer(t *testing.T) {
	c := provisioned(t, "http_script", `{"request": {}, "drain_on_404": true}`)
	target := to(serve(t, answers("404 Gone", "")))
	target.Subject = &pool.Subject{Down: true}
	expectResult(t, checked(c, target), pool.Layer7Status, `at step 1 (expect status "200-399"): 404 Gone`)
}

// Text from a server cannot add a header when it is part of a header's value.
func TestHTTPScriptPreventsHeaderInjection(t *testing.T) {
	saw := make(chan string, 1)
	address := serve(t, func(c *net.TCPConn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			saw <- err.Error()
			return
		}
		saw <- fmt.Sprint(r.Header)
		io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
	})
	c := provisioned(t, "http_script", `{"steps": [{"set": {"var": "check.a", "value": "bin(610d0a583a2062)"}}, {"request": {"headers": [{"name": "A", "value": "%[var(check.a)]"}]}}]}`)
	expectResult(t, checked(c, to(address)), pool.Layer7OK, "200 OK")
	if got := <-saw; got != "map[A:[aX: b]]" {
		t.Error(got)
	}
}

// send_state sends the state of the server.
func TestHTTPScriptSendsTheState(t *testing.T) {
	saw := make(chan string, 1)
	address := serve(t, func(c *net.TCPConn) {
		if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			saw <- r.Header.Get("X-Haproxy-Server-State")
		}
		io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
	})
	c := provisioned(t, "http_script", `{"request": {}, "send_state": true}`)
	target := to(address)
	host, port, _ := net.SplitHostPort(address)
	for _, test := range []struct {
		now  pool.Snapshot
		want string
	}{
		{pool.Snapshot{Counter: 3, Of: 3, Weight: 1, TotalWeight: 2, Sessions: 4, TotalSessions: 5, Queued: 6}, "UP; %s name=b/s; node=%s; weight=1/2; scur=4/5; qcur=6"},
		{pool.Snapshot{Counter: 2, Of: 3}, "UP 2/3; %s name=b/s; node=%s; weight=0/0; scur=0/0; qcur=0"},
		{pool.Snapshot{Down: true, Of: 2}, "DOWN; %s name=b/s; node=%s; weight=0/0; scur=0/0; qcur=0"},
		{pool.Snapshot{Down: true, Counter: 1, Of: 2}, "DOWN 1/2; %s name=b/s; node=%s; weight=0/0; scur=0/0; qcur=0"},
		{pool.Snapshot{Draining: true, Counter: 3, Of: 3}, "NOLB; %s name=b/s; node=%s; weight=0/0; scur=0/0; qcur=0"},
	} {
		target.Subject = &pool.Subject{Backend: "b", Server: "s", Snapshot: func() pool.Snapshot { return test.now }}
		expectResult(t, checked(c, target), pool.Layer7OK, "200 OK")
		if got, want := <-saw, fmt.Sprintf(test.want, "address="+host+"; port="+port+";", hostname()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestHTTPScriptMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{}`: "script without a request or expect: expected a request",
		`{"request": {"uri": "/x", "uri_format": "/y"}}`:                                         "request: uri and uri_format are mutually exclusive",
		`{"request": {"body": "x", "body_format": "y"}}`:                                         "request: body and body_format",
		`{"request": {"method": "G\nT"}}`:                                                        "request: method",
		`{"request": {"uri": "/\r\nx"}}`:                                                         "request: uri",
		`{"request": {"uri_format": "%[foo]"}}`:                                                  "request: uri_format",
		`{"request": {"headers": [{"name": "a b", "value": "x"}]}}`:                              `header "a b"`,
		`{"request": {"headers": [{"name": "Content-Length", "value": "x"}]}}`:                   "header Content-Length: set by the check",
		`{"request": {"headers": [{"name": "A", "value": "%x"}]}}`:                               `header A "%x"`,
		`{"steps": [{"request": {}, "send": "x"}]}`:                                              "step 1: expected exactly one action",
		`{"steps": [{"send": "x"}, {"request": {}}]}`:                                            "step 1: send, send_hex, send_format and send_hex_format are for tcp_script",
		`{"request": {}, "steps": [{"expect": {"hex": "00"}}]}`:                                  "expect: hex is not supported by this checker",
		`{"request": {}, "steps": [{"expect": {"status": ["2"]}}]}`:                              "expect: status",
		`{"request": {}, "steps": [{"expect": {"header": {}}}]}`:                                 "expect: expected one of string, regexp",
		`{"request": {}, "steps": [{"expect": {"header": {"name": "a", "name_format": "b"}}}]}`:  "expect: header: expected name or name_format",
		`{"request": {}, "steps": [{"expect": {"header": {"name": "(", "name_match": "reg"}}}]}`: "expect: header: name",
		`{"request": {}, "steps": [{"expect": {"header": {"name": "a", "name_match": "is"}}}]}`:  `name_match: unknown word "is"`,
		`{"request": {}, "steps": [{"expect": {"status": ["200"]}}, {"request": {}}]}`:           "step 2: a request needs a connection of its own",
		`{"steps": [{"connect": {}}, {"expect": {"status": ["200"]}}]}`:                          "step 2: expect without a request",
		`{"steps": [{"connect": {}}, {"request": {}}, {"connect": {}}, {"request": {}}]}`:        "step 3: connect follows a request without an expect",
		`{"request": {}, "tls": {"alpn": ["h2"]}}`:                                               `tls: alpn: "h2": expected http/1.1`,
	} {
		_, err := load("http_script", config)
		contains(t, err, want)
	}
}

func TestHTTPScriptCaddyfile(t *testing.T) {
	got, err := fromCaddyfile("http_script", `
		drain_on_404
		send_state
		connect port 8080
		request GET /ready {
			version HTTP/1.1
			header Host web.example
			header X-Check "%[srv_name]"
		}
		expect status 200,204 error_status L7RSP comment "is it there?"
		expect not header Server name_match beg value nginx value_match sub
		set check.a value res.hdr(x-next)
		connect
		request POST / {
			uri_format "%[var(check.a)]"
			body ping
		}
		expect string pong`)
	const want = `{"steps":[{"connect":{"port":8080}},` +
		`{"request":{"method":"GET","uri":"/ready","version":"HTTP/1.1","headers":[{"name":"Host","value":"web.example"},{"name":"X-Check","value":"%[srv_name]"}]}},` +
		`{"expect":{"status":["200","204"],"error_status":"L7RSP"},"comment":"is it there?"},` +
		`{"expect":{"header":{"name":"Server","name_match":"beg","value":"nginx","value_match":"sub"},"not":true}},` +
		`{"set":{"var":"check.a","value":"res.hdr(x-next)"}},{"connect":{}},` +
		`{"request":{"method":"POST","uri_format":"%[var(check.a)]","body":"ping"}},{"expect":{"string":"pong"}}],"drain_on_404":true,"send_state":true}`
	if err != nil || got != want {
		t.Errorf("%v\n%s\n%s", err, got, want)
	}
	if _, err := load("http_script", got); err != nil {
		t.Error(err)
	}
	_, err = fromCaddyfile("http_script", "expect hex 00")
	contains(t, err, `expect: unknown word "hex"`)
	_, err = fromCaddyfile("http_script", "send x")
	contains(t, err, `unknown option "send"`)
}
