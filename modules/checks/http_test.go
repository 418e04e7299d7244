// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

func TestHTTPAnswers(t *testing.T) {
	const ok, found = "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"
	big := ok + strings.Repeat("x", 1<<20-4) + "pong" + "late"
	for _, test := range []struct {
		name, config, answer string
		code                 pool.Code
		info                 string
	}{
		{"good", `{}`, ok, pool.Layer7OK, "200 OK"},
		{"redirect", `{}`, found, pool.Layer7OK, "302 Found"},
		{"just", `{}`, "HTTP/1.0 399 x\r\n\r\n", pool.Layer7OK, "399 x"},
		{"just not", `{}`, "HTTP/1.0 400 Bad\r\n\r\n", pool.Layer7Status, "400 Bad: status is not 200-399"},
		{"below", `{}`, "HTTP/1.0 199 Odd\r\n\r\nHTTP/1.0 500 Oops\r\n\r\n", pool.Layer7Status, "500 Oops: status is not 200-399"},
		{"switching", `{}`, "HTTP/1.0 101 Switching\r\n\r\n", pool.Layer7Status, "101 Switching: status is not 200-399"},
		{"list", `{"status": ["200,204", "3xx"]}`, "HTTP/1.0 204 x\r\n\r\n", pool.Layer7OK, "204 x"},
		{"class", `{"status": ["200,204", "3xx"]}`, found, pool.Layer7OK, "302 Found"},
		{"not in list", `{"status": ["200,204", "3xx"]}`, "HTTP/1.0 201 x\r\n\r\n", pool.Layer7Status, "201 x: status is not 200,204,3xx"},
		{"status_not", `{"status_not": ["5xx"]}`, "HTTP/1.0 404 x\r\n\r\n", pool.Layer7OK, "404 x"},
		{"status_not, is", `{"status_not": ["5xx", "404"]}`, "HTTP/1.0 599 x\r\n\r\n", pool.Layer7Status, "599 x: status is 5xx,404"},
		{"both", `{"status": ["2xx"], "status_not": ["204"]}`, "HTTP/1.0 204 x\r\n\r\n", pool.Layer7Status, "204 x: status is 204"},
		{"status_matches", `{"status_matches": "^4.4$"}`, "HTTP/1.0 404 x\r\n\r\n", pool.Layer7OK, "404 x"},
		{"status_matches not", `{"status_matches": "^4.4$"}`, ok, pool.Layer7Status, `200 OK: status does not match "^4.4$"`},
		{"contains", `{"body_contains": "pong"}`, ok + "ping pong", pool.Layer7OK, "200 OK"},
		{"contains not", `{"body_contains": "pong"}`, ok + "ping", pool.Layer7Status, `200 OK: body does not contain "pong"`},
		{"contains, but the status", `{"body_contains": "pong"}`, "HTTP/1.0 500 x\r\n\r\npong", pool.Layer7Status, "500 x: status is not 200-399"},
		{"matches", `{"body_matches": "p.ng$"}`, ok + "ping pong", pool.Layer7OK, "200 OK"},
		{"matches not", `{"body_matches": "p.ng$"}`, ok + "ping pong!", pool.Layer7Status, `200 OK: body does not match "p.ng$"`},
		{"not_contains", `{"body_not_contains": "fail"}`, ok + "well", pool.Layer7OK, "200 OK"},
		{"not_contains, does", `{"body_not_contains": "fail"}`, ok + "a failure", pool.Layer7Status, `200 OK: body contains "fail"`},
		{"not_matches", `{"body_not_matches": "^f"}`, ok + "well", pool.Layer7OK, "200 OK"},
		{"not_matches, does", `{"body_not_matches": "^f"}`, ok + "f", pool.Layer7Status, `200 OK: body matches "^f"`},
		{"a MiB", `{"body_contains": "pong"}`, big, pool.Layer7OK, "200 OK"},
		{"not more", `{"body_contains": "late"}`, big, pool.Layer7Status, `200 OK: body does not contain "late"`},
		{"chunked", `{"body_matches": "^pong$"}`, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\npo\r\n2\r\nng\r\n0\r\n\r\n", pool.Layer7OK, "200 OK"},
		{"cut short", `{"body_contains": "pong"}`, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npong", pool.Layer7Response, "closed by the server"},
		{"cut short, but not looked at", `{}`, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npong", pool.Layer7OK, "200 OK"},
		{"informational", `{}`, strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4) + ok, pool.Layer7OK, "200 OK"},
		{"too informational", `{}`, strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 5) + ok, pool.Layer7Response, "more than 4 informational answers"},
		{"nothing", `{}`, "", pool.Layer7Response, "closed without an answer"},
		{"not HTTP", `{}`, "SSH-2.0-x\r\n", pool.Layer7Response, `not HTTP: got "SSH-2.0-x\r\n"`},
		{"half", `{}`, "HTTP/1.1 200 OK\r\nA: b", pool.Layer7Response, `not HTTP: got "HTTP/1.1 200 OK\r\nA: b"`},
		{"endless head", `{}`, "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", pool.Layer7Response, `not HTTP: got "HTTP/1.1 200 OK\r\nA: ` + strings.Repeat("x", 40) + `"…`},
		{"odd status", `{}`, "HTTP/1.1 503 \x1b[31m\x80\r\n\r\n", pool.Layer7Status, "503 ?[31m?: status is not 200-399"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := serve(t, afterFirst(saysAndCloses(test.answer)))
			expectResult(t, checked(provisioned(t, "http", test.config), to(address)), test.code, test.info)
		})
	}
}

func TestHTTPWithoutAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server func(*net.TCPConn)
		config string
		code   pool.Code
		info   string
	}{
		"closes":           {afterFirst(closes), `{}`, pool.Layer7Response, "closed without an answer"},
		"resets":           {afterFirst(resets), `{}`, pool.Layer7Response, "connection reset by peer"},
		"silent":           {silent, `{}`, pool.Layer7Timeout, ""},
		"silent in head":   {afterFirst(says("HTTP/1.1 200 OK\r\n")), `{}`, pool.Layer7Timeout, ""},
		"silent in body":   {afterFirst(says("HTTP/1.1 200 OK\r\n\r\nx")), `{"body_contains": "x"}`, pool.Layer7Timeout, ""},
		"no end of a body": {afterFirst(says("HTTP/1.1 200 OK\r\n\r\nx")), `{}`, pool.Layer7OK, "200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			address, c := serve(t, test.server), provisioned(t, "http", test.config)
			if name == "no end of a body" {
				retryWithLongerUnits(t, func(unit time.Duration) string {
					return differs(checked(c, targetWithTimeout(unit, address)), test.code, test.info)
				})
				return
			}
			expectCheck(t, c, address, test.code, test.info)
		})
	}
	// The request does not fit into the socket buffers, and the server does not read it.
	c := provisioned(t, "http", `{"method": "POST"}`)
	c.(*HTTP).Body = strings.Repeat("x", 12<<20)
	over := make(chan struct{})
	address := serve(t, func(*net.TCPConn) { <-over })
	expectResult(t, checked(c, targetWithTimeout(soon, address)), pool.Layer7Timeout, "")
	close(over)
}

// TestHTTPRequest compares the request that the server receives.
func TestHTTPRequest(t *testing.T) {
	got := make(chan string, 1)
	address := serve(t, func(c *net.TCPConn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			got <- err.Error()
			return
		}
		body, _ := io.ReadAll(r.Body)
		lines := []string{fmt.Sprintln(r.Method, r.RequestURI, r.Proto, r.Host, r.Close, string(body))}
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			lines = append(lines, fmt.Sprintln(name, r.Header[name]))
		}
		got <- strings.Join(lines, "")
		io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	for config, want := range map[string]string{
		`{}`: "GET / HTTP/1.1 " + address + " true \nConnection [close]\nUser-Agent [caddy-passthrough]\n",
		`{"method": "POST", "path": "/a%20b?c=d", "host": "web.example:8443", "headers": {"user-agent": "x", "A": "b, c"}, "body": "hello"}`: "POST /a%20b?c=d HTTP/1.1 web.example:8443 true hello\nA [b, c]\nConnection [close]\nContent-Length [5]\nUser-Agent [x]\n",
		`{"method": "OPTIONS", "path": "*"}`: "OPTIONS * HTTP/1.1 " + address + " true \nConnection [close]\nUser-Agent [caddy-passthrough]\n",
		`{"method": "HEAD"}`:                 "HEAD / HTTP/1.1 " + address + " true \nConnection [close]\nUser-Agent [caddy-passthrough]\n",
	} {
		c := provisioned(t, "http", config)
		for range 2 { // the second request has the same body
			expectResult(t, checked(c, to(address)), pool.Layer7OK, "204 No Content")
			if g := <-got; g != want {
				t.Errorf("got  %q\nwant %q", g, want)
			}
		}
	}
}

func TestHTTPHost(t *testing.T) {
	for _, test := range []struct{ config, network, address, want string }{
		{`{}`, "tcp", "10.0.0.1:443", "10.0.0.1:443"},
		{`{"tls": {}}`, "tcp", "10.0.0.1:443", "10.0.0.1:443"},
		{`{"tls": {"server_name": "web.example"}}`, "tcp", "10.0.0.1:443", "web.example"},
		{`{"host": "a", "tls": {"server_name": "web.example"}}`, "tcp", "10.0.0.1:443", "a"},
		{`{}`, "unix", "/run/s", "localhost"},
		{`{"tls": {"server_name": "web.example"}}`, "unix", "/run/s", "web.example"},
	} {
		c := provisioned(t, "http", test.config).(*HTTP)
		if got := c.request(pool.Target{Network: test.network, Address: test.address}).Host; got != test.want {
			t.Errorf("%s, %s: got %s", test.config, test.address, got)
		}
	}
}

func TestHTTPWarnsOfExpiry(t *testing.T) {
	s := secureServer(t, leaf())
	address := serve(t, func(c *net.TCPConn) {
		secure := s.wrap(c)
		line(secure)
		io.WriteString(secure, "HTTP/1.1 200 OK\r\n\r\n")
	})
	got := checked(provisioned(t, "http", `{"tls": {"verify": "none", "warn_before": "101d"}}`), to(address))
	if want := "certificate for 127.0.0.1 expires on " + date(100*days); got.Code != pool.Layer7OK || got.Warning != want {
		t.Errorf("got %+v", got)
	}
}

func TestHTTPMistakes(t *testing.T) {
	const code = "expected a code such as 204, a range such as 200-399 or a class such as 2xx"
	for config, want := range map[string]string{
		`{"path": "x"}`:                                    `path "x": expected a path that begins with /`,
		`{"path": "/a b\r\n"}`:                             "expected a path that begins with /",
		`{"path": "http://web.example/"}`:                  "expected a path that begins with /",
		`{"method": "GET /"}`:                              `method "GET /": expected an HTTP method`,
		`{"method": "G\u00c9T"}`:                           "expected an HTTP method",
		`{"host": "a b"}`:                                  `host "a b": expected HOST or HOST:PORT`,
		`{"host": "a/b"}`:                                  "expected HOST or HOST:PORT",
		`{"headers": {"a b": "c"}}`:                        `invalid header "a b": "c"`,
		`{"headers": {"": "c"}}`:                           `invalid header "": "c"`,
		`{"headers": {"a:": "c"}}`:                         "invalid header",
		`{"headers": {"a": "c\r\nb: c"}}`:                  "invalid header",
		`{"headers": {"host": "c"}}`:                       "header Host: expected the option host",
		`{"headers": {"content-length": "1"}}`:             "header content-length: set by the check",
		`{"headers": {"Connection": "1"}}`:                 "header Connection: set by the check",
		`{"headers": {"transfer-encoding": "1"}}`:          "header transfer-encoding: set by the check",
		`{"method": "HEAD", "body_contains": "x"}`:         "method HEAD: the response has no body",
		`{"method": "HEAD", "body_matches": "x"}`:          "method HEAD",
		`{"method": "HEAD", "body_not_contains": "x"}`:     "method HEAD",
		`{"method": "HEAD", "body_not_matches": "x"}`:      "method HEAD",
		`{"status": ["abc"]}`:                              `status: "abc": ` + code,
		`{"status": ["200,"]}`:                             `status: "": ` + code,
		`{"status": ["300-200"]}`:                          code,
		`{"status": ["99"]}`:                               code,
		`{"status": ["1000"]}`:                             code,
		`{"status": ["200-1000"]}`:                         code,
		`{"status": ["0xx"]}`:                              code,
		`{"status": ["10xx"]}`:                             code,
		`{"status": ["-5xx"]}`:                             code,
		`{"status": ["200-"]}`:                             code,
		`{"status_not": ["x"]}`:                            `status_not: "x": ` + code,
		`{"status_matches": "("}`:                          `status_matches "(": expected a Go regular expression`,
		`{"body_matches": "("}`:                            `body_matches "(": expected`,
		`{"body_not_matches": "("}`:                        `body_not_matches "(": expected`,
		`{"tls": {"alpn": ["h2"]}}`:                        `tls: alpn: "h2": expected http/1.1, the protocol of the check`,
		`{"tls": {"ca": "/nowhere"}}`:                      "tls: ca: open /nowhere: ",
		`{"Pass": 1}`:                                      `unknown field "Pass"`,
		`{"headers": {"a": "\u0000"}}`:                     "invalid header",
		`{"tls": {"alpn": ["http/1.0"], "verify": "all"}}`: `tls: verify: unknown word "all"`,
	} {
		_, err := load("http", config)
		contains(t, err, want)
	}
}

func TestStatusRanges(t *testing.T) {
	for _, test := range []struct {
		words []string
		in    []int
		out   []int
	}{
		{[]string{"100"}, []int{100}, []int{101, 99}},
		{[]string{"999"}, []int{999}, []int{998}},
		{[]string{"200-200"}, []int{200}, []int{199, 201}},
		{[]string{"200 , 204"}, []int{200, 204}, []int{202}},
		{[]string{"1xx", "9xx"}, []int{100, 199, 900, 999}, []int{200, 899}},
		{[]string{"200-399"}, []int{200, 300, 399}, []int{199, 400}},
	} {
		spans, err := parseSpans("status", test.words)
		if err != nil {
			t.Error(err)
		}
		for _, code := range test.in {
			if !inSpans(spans, code) {
				t.Errorf("%q: %d is not in it", test.words, code)
			}
		}
		for _, code := range test.out {
			if inSpans(spans, code) {
				t.Errorf("%q: %d is in it", test.words, code)
			}
		}
	}
}
