// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// servedBackend returns a backend as the admin endpoint shows it, without the fields that change by
// themselves.
func (p *process) servedBackend(t *testing.T) string {
	t.Helper()
	status, text := p.ask(t, http.MethodGet, "/passthrough/backends", "")
	var all map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	again, _ := json.Marshal(all)
	return string(again)
}

// sendRaw sends a request to the admin endpoint unchanged and returns the status.
func (p *process) sendRaw(t *testing.T, request string) (status int, answer string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.admin, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	// A request may be refused before all of it is sent.
	go func() { _, _ = io.WriteString(c, request) }()
	got, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.200q: no valid answer: %v", request, err)
	}
	defer got.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(got.Body, 1<<20))
	return got.StatusCode, string(text)
}

// hostile is a request; the expected status is always 4xx.
type hostile struct{ method, path, headers, body string }

func (h hostile) String() string {
	return fmt.Sprintf("%s %.100q %q %.100q", h.method, h.path, h.headers, h.body)
}

func (h hostile) text(host string) string {
	headers := h.headers
	if !strings.Contains(headers, "Host:") {
		headers += "Host: " + host + "\r\n"
	}
	if !strings.Contains(headers, "Content-Length:") && !strings.Contains(headers, "Transfer-Encoding:") {
		headers += fmt.Sprintf("Content-Length: %d\r\n", len(h.body))
	}
	return h.method + " " + h.path + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n" + h.body
}

// hostileRequests returns requests that must neither succeed nor change anything.
func hostileRequests() (all []hostile) {
	const s1, change = "/passthrough/backends/web/servers/s1", `{"weight": 7}`
	long := strings.Repeat("a", 100_000)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PROPFIND", "patch", "GETX", "\x01"} {
		for _, path := range []string{"/passthrough/backends", "/passthrough/backends/web", s1} {
			all = append(all, hostile{method: method, path: path, body: change})
		}
	}
	for _, path := range []string{
		"/passthrough/backends", "/passthrough/backends/", "/passthrough/backends/web", "/passthrough/backends/web/servers", "/passthrough/backends/web/servers/",
		"/passthrough", "/passthrough/", "/passthrough/x", "/passthrough/backendsweb/servers/s1", "/Passthrough/Backends/web/servers/s1",
		"/passthrough/backends/WEB/servers/s1", "/passthrough/backends/web/SERVERS/s1", s1 + "x", s1 + "/x", s1 + "%00", s1 + "%20", s1 + "%0d%0a",
		"/passthrough/backends/web%2fservers%2fs1", "/passthrough/backends/web%2Fservers/s1", "/passthrough/backends/web/servers%2fs1",
		"/passthrough/backends%2fweb/servers/s1", "/passthrough%2fbackends/web/servers/s1", "/passthrough/backends/web%00/servers/s1",
		"/passthrough/backends/%2e%2e/backends/web/servers/s1", "/passthrough/backends/../backends/web/servers/s1", "/passthrough/backends/web/servers/../servers/s1",
		"/passthrough/backends/./web/servers/s1", "//passthrough/backends/web/servers/s1", "/passthrough//backends/web/servers/s1", "/passthrough/backends//web/servers/s1",
		"/passthrough/backends/web//servers/s1", s1 + "/", s1 + "//", "/passthrough/backends/web/servers//s1", "/passthrough/backends/web\\servers\\s1",
		"/passthrough/backends/" + long, "/passthrough/backends/web/servers/" + long, "/passthrough/backends/" + strings.Repeat("/", 10_000),
		"/passthrough/backends/" + strings.Repeat("../", 10_000) + "passthrough/backends/web/servers/s1", "/passthrough/backends/%s%n%x/servers/{s1}",
		"/passthrough/backends/*/servers/*", "/passthrough/backends/web/servers/*", s1 + ";a=b", "/passthrough/backends/web;x/servers/s1",
		"/config/../passthrough/backends/web/servers/s1", "/passthrough/backends/\xff\xfe/servers/s1", "/passthrough/backends/%ff%fe/servers/s1",
	} {
		all = append(all, hostile{method: "PATCH", path: path, body: change})
	}
	for _, body := range []string{
		"", " ", "null", "true", "0", `"x"`, "[]", "[{}]", "{}", "{", `{"weight"`, `{"weight":`, `{"weight": 7`, `{"weight": 7}}`, `{"weight": 7} x`, `{"weight": 7}{"weight": 8}`,
		`{"weight": 7}` + strings.Repeat(" ", 10_000) + `{"weight": 8}`, `{"weight": 7}` + strings.Repeat(" ", 10_000), `{"weight": 7, "weihgt": 8}`, `{"weight": -1}`,
		`{"weight": 257}`, `{"weight": 1e999}`, `{"weight": 1.5}`, `{"weight": "1.5%"}`, `{"weight": "-5%"}`, `{"weight": "99999999999999999999%"}`, `{"weight": 99999999999999999999}`,
		`{"weight": {}}`, `{"weight": [7]}`, `{"weight": "7\u0000"}`, `{"weight": null}`, `{"weight": true}`, `{"maxconn": -1}`, `{"maxconn": "7"}`, `{"maxconn": 1e30}`, `{"maxconn": 1.5}`, `{"maxconn": null}`,
		`{"admin": "READY"}`, `{"admin": "drain "}`, `{"admin": 7}`, `{"admin": ["drain"]}`, `{"admin": ""}`, `{"health": "DOWN"}`, `{"health": false}`, `{"health": "down\n"}`,
		`{"admin": "drain", "weight": 999}`, `{"admin": "drain", "health": "sick"}`, `{"maxconn": 5, "admin": "off"}`, `{"weight": 3, "maxconn": -1}`,
		strings.Repeat("[", 1_000_000), strings.Repeat(`{"a":`, 200_000), `{"weight": "` + long + `"}`, `{"` + long + `": 7}`, "\x00", "\xff\xfe{\x00}\x00", "\xef\xbb\xbf{}", `weight=7`, `<weight>7</weight>`,
	} {
		all = append(all, hostile{method: "PATCH", path: s1, body: body})
	}
	for _, headers := range []string{
		"Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin: http://localhost.evil.example\r\nContent-Type: text/plain\r\n", "Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site\r\n",
		"Host: evil.example\r\n", "Host: evil.example:2019\r\nOrigin: http://evil.example:2019\r\n", "Host: \r\n", "Host: a\r\nHost: b\r\n",
	} {
		all = append(all, hostile{method: "PATCH", path: s1, headers: headers, body: change})
		if strings.Contains(headers, "evil") {
			all = append(all, hostile{method: "POST", path: s1, headers: headers, body: change}, hostile{method: "OPTIONS", path: s1, headers: headers},
				hostile{method: "GET", path: "/passthrough/backends", headers: headers})
		}
	}
	return append(all,
		hostile{method: "PATCH", path: s1, headers: "Content-Length: 99999999999999999999\r\n", body: change},
		hostile{method: "PATCH", path: s1, headers: "Content-Length: -1\r\n", body: change},
		hostile{method: "PATCH", path: s1, headers: "Content-Length: 13\r\nContent-Length: 14\r\n", body: change},
		hostile{method: "PATCH", path: s1, headers: "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", body: "zz\r\n"},
		hostile{method: "PATCH", path: s1, headers: "Transfer-Encoding: chunked\r\n", body: "zz\r\n"},
		hostile{method: "PATCH", path: s1, headers: "X: " + strings.Repeat("a", 2<<20) + "\r\n", body: change},
	)
}

// The admin endpoint's routes for backends answer every wrong request with 4xx, soon, and change
// nothing. A path that is not in its plain form redirects (307) to that form.
func TestHostileAdmin(t *testing.T) {
	p := start(t, fmt.Sprintf("passthrough {\n backend web {\n server s1 %s\n server s2 %s\n }\n}", freeAddress(t), freeAddress(t)), "")
	before := p.servedBackend(t)
	for _, h := range hostileRequests() {
		status, answer := p.sendRaw(t, h.text(p.admin))
		if (status < 400 || status > 499) && status != http.StatusTemporaryRedirect {
			t.Errorf("%v: %d %.200s", h, status, answer)
		}
		if after := p.servedBackend(t); after != before {
			t.Errorf("%v: %d %.200s: it changed %s to %s", h, status, answer, before, after)
			before = after
		}
	}
	together(200, func(i int) {
		weight := 1 + i%256
		if status, text := p.sendRaw(t, hostile{method: "PATCH", path: "/passthrough/backends/web/servers/s1", body: fmt.Sprintf(`{"weight": %d, "maxconn": %d}`, weight, weight)}.text(p.admin)); status != http.StatusOK {
			t.Errorf("%d %s", status, text)
		}
	})
	var got struct{ Weight, MaxConn int }
	_, text := p.ask(t, http.MethodGet, "/passthrough/backends/web/servers/s1", "")
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Weight != got.MaxConn {
		t.Errorf("two simultaneous changes were mixed: %s", text)
	}
}
