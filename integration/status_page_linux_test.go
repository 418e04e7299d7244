// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/html"
)

// statusUser is the user of the page in tests, with the bcrypt hash of the password secret.
const statusUser = "alice $2a$04$8yMJyKRkO2FqzgdZKOQg4OlvYSLU68unAHtDQiW.ArmiLE2QX4jO6"

// statusSite is a running program with the page in a site, behind basic_auth and TLS.
type statusSite struct {
	*process
	address string // of the site
	front   string // of the frontend
}

func startStatusSite(t *testing.T, origin string) *statusSite {
	t.Helper()
	s := &statusSite{process: new(process), address: freeAddress(t), front: freeAddress(t)}
	options := fmt.Sprintf(`	servers %s {
		protocols h1 h2 h3
	}
	passthrough {
		frontend tls {
			bind %s
			default_backend web
		}
		backend web {
			server s1 %s
			server s2 %s backup
		}
	}`, s.address, s.front, origin, origin)
	site := fmt.Sprintf(`https://www.example.test:%s, https://*.example.test:%s, https://other.test:%s {
	bind 127.0.0.1
	tls internal
	encode {
		minimum_length 1
		match {
			header Content-Type text/*
		}
	}
	basic_auth {
		%s
	}
	passthrough_status {
		allow_control
		title "<i>Edge</i>"
	}
	respond "something else"
}
`, portOf(t, s.address), portOf(t, s.address), portOf(t, s.address), statusUser)
	s.start(t, options, site)
	return s
}

// client returns a client of the site by a version of HTTP.
func (s *statusSite) client(t *testing.T, version string) *http.Client {
	t.Helper()
	_, roots := s.certificate(t)
	config := &tls.Config{RootCAs: roots, ServerName: "www.example.test"}
	var transport http.RoundTripper
	if version == "HTTP/3.0" {
		by := &http3.Transport{TLSClientConfig: config, Dial: func(ctx context.Context, _ string, tls *tls.Config, config *quic.Config) (*quic.Conn, error) {
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { conn.Close() })
			return quic.Dial(ctx, conn, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s.address)), tls, config)
		}}
		t.Cleanup(func() { by.Close() })
		transport = by
	} else {
		by := &http.Transport{TLSClientConfig: config, Protocols: new(http.Protocols), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.address)
		}}
		by.Protocols.SetHTTP1(version == "HTTP/1.1")
		by.Protocols.SetHTTP2(version == "HTTP/2.0")
		t.Cleanup(by.CloseIdleConnections)
		transport = by
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// request sends a request to the site as the user.
func (s *statusSite) request(t *testing.T, client *http.Client, method, target string, form url.Values) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://www.example.test:"+portOf(t, s.address)+target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("alice", "secret")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// page returns a view of the site.
func (s *statusSite) page(t *testing.T, target string) string {
	t.Helper()
	answer := s.request(t, s.client(t, "HTTP/2.0"), http.MethodGet, target, nil)
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", target, answer.Status, err, body)
	}
	return string(body)
}

// TestStatusPage serves the page behind Caddy's authentication and TLS, and drains a server by it.
func TestStatusPage(t *testing.T) {
	t.Parallel()
	s := startStatusSite(t, echoingServer(t))
	code, err := s.curl(t, s.address, "www.example.test", "%{http_code}", "--output", s.dir+"/x", "--path-as-is", "--request-target", "/status/")
	if err != nil || code != "401" {
		t.Errorf("without a user: %s, %v", code, err)
	}
	if body := s.page(t, "/elsewhere"); body != "something else" {
		t.Errorf("another path: %q", body)
	}
	if body := s.page(t, "/status/"); !strings.Contains(body, "&lt;i&gt;Edge&lt;/i&gt;") {
		t.Errorf("the title is not in the page:\n%s", body)
	}
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(s.page(t, "/status/?view=backends"))
	if token == nil {
		t.Fatal("the page has no form")
	}
	form := url.Values{"token": token[1:], "kind": {"server"}, "action": {"drain"}, "target": {"web/s1"}, "back": {"?view=backends"}}
	answer := s.request(t, s.client(t, "HTTP/2.0"), http.MethodPost, "/status/", form)
	if answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("POST: %s", answer.Status)
	}
	location, err := answer.Location()
	if err != nil {
		t.Fatal(err)
	}
	if body := s.page(t, location.RequestURI()); !strings.Contains(body, "DRAIN") || !strings.Contains(body, "changed 1.") {
		t.Errorf("the page does not show the drain:\n%s", body)
	}
	until(t, "the log line of the change", func() bool {
		return strings.Contains(s.log(), `"by":"status page, user \"alice\", from 127.0.0.1:`)
	})
}

// TestStatusStream reads the first events by each version of HTTP, with and without compression,
// and the end of the stream at a reload.
func TestStatusStream(t *testing.T) {
	t.Parallel()
	s := startStatusSite(t, echoingServer(t))
	var streams []*bufio.Scanner
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"} {
		for _, coding := range []string{"identity", "gzip"} {
			streams = append(streams, s.stream(t, version, coding))
		}
	}
	if err := s.load(t); err != nil { // the same configuration changes nothing
		t.Fatal(err)
	}
	s.write(t, "	passthrough {\n		frontend tls {\n			bind "+s.front+"\n			server s1 127.0.0.1:1\n		}\n	}", "")
	if err := s.load(t); err != nil {
		t.Fatal(err)
	}
	for _, lines := range streams {
		for lines.Scan() { // until the end
		}
	}
}

// stream begins a stream, and reads up to its first event.
func (s *statusSite) stream(t *testing.T, version, coding string) *bufio.Scanner {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://www.example.test:"+portOf(t, s.address)+"/status/page/live?view=backends", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("alice", "secret")
	r.Header.Set("Accept-Encoding", coding)
	answer, err := s.client(t, version).Do(r)
	if err != nil {
		t.Fatalf("%s, %s: %v", version, coding, err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if got := answer.Header.Get("Content-Encoding"); answer.Proto != version || (got == "gzip") != (coding == "gzip") {
		t.Errorf("%s, %s: answered by %s, %q", version, coding, answer.Proto, got)
	}
	body := io.Reader(answer.Body)
	if coding == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
			var full struct{ Tables map[string]any }
			if err := json.Unmarshal([]byte(data), &full); err != nil || full.Tables["servers-web"] == nil {
				t.Errorf("%s, %s: the first event is %s, %v", version, coding, data, err)
			}
			return lines
		}
	}
	t.Errorf("%s, %s: no event: %v", version, coding, lines.Err())
	return lines
}

// TestStatusNumbers compares the page with the admin endpoint after traffic.
func TestStatusNumbers(t *testing.T) {
	t.Parallel()
	s := startStatusSite(t, echoingServer(t))
	for i := range 5 {
		c := say(t, s.front, "www.example.test")
		if _, err := fmt.Fprintf(c, "%0*d", 100*i, i); err != nil {
			t.Fatal(err)
		}
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}
	s.sessions(t, 5)
	_, text := s.ask(t, http.MethodGet, "/passthrough/backends/web", "")
	var backend struct {
		Servers map[string]struct {
			Total int   `json:"sessions_total"`
			In    int64 `json:"bytes_in"`
			Out   int64 `json:"bytes_out"`
			Max   int   `json:"sessions_max"`
		} `json:"servers"`
	}
	if err := json.Unmarshal([]byte(text), &backend); err != nil {
		t.Fatal(err)
	}
	s1 := backend.Servers["s1"]
	table := rowsOf(t, s.page(t, "/status/?view=backends&backend=web"), "servers-web")
	if len(table) != 2 || table[0][0] != "s1" || table[1][0] != "s2" {
		t.Fatalf("the rows are %q", table)
	}
	got := fmt.Sprint(table[0][11], table[0][13], table[0][15], table[0][16])
	if want := fmt.Sprint(fmt.Sprint(s1.Max), fmt.Sprint(s1.Total), grouped(s1.In), grouped(s1.Out)); got != want || s1.Total != 5 || s1.Out == 0 {
		t.Errorf("the page has %s, the endpoint %s", got, want)
	}
}

// TestStatusSessions shows a session, and ends it by the page.
func TestStatusSessions(t *testing.T) {
	t.Parallel()
	s := startStatusSite(t, echoingServer(t))
	c := say(t, s.front, "")
	var rows [][]string
	until(t, "the session on the page", func() bool {
		rows = rowsOf(t, s.page(t, "/status/?view=sessions&source=127.0.0.1"), "sessions")
		return len(rows) == 1 && rows[0][4] == "web/s1"
	})
	if client := c.LocalAddr().String(); rows[0][2] != client {
		t.Errorf("the client is %q, want %s", rows[0][2], client)
	}
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(s.page(t, "/status/?view=sessions"))
	form := url.Values{"token": token[1:], "kind": {"session"}, "action": {"end"}, "target": {rows[0][0]}}
	if answer := s.request(t, s.client(t, "HTTP/2.0"), http.MethodPost, "/status/", form); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("POST: %s", answer.Status)
	}
	_, _ = io.Copy(io.Discard, c) // until the end
	if l := s.sessions(t, 1)[0]; l.Termination[0] != 'K' {
		t.Errorf("the session ended with %s, want K", l.Termination)
	}
	if answer := s.request(t, s.client(t, "HTTP/2.0"), http.MethodPost, "/status/", form); answer.StatusCode != http.StatusNotFound {
		t.Errorf("POST again: %s", answer.Status)
	}
}

// grouped returns a number as the page shows the exact numbers of bytes.
func grouped(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d\u202f%03d bytes", n/1000, n%1000)
}

// rowsOf returns the cells of a table: their titles if they are numbers of bytes, or else their
// texts.
func rowsOf(t *testing.T, page, table string) (rows [][]string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Data != "tr" || attribute(n, "data-key") == "" || attribute(n.Parent.Parent, "id") != table {
			continue
		}
		var cells []string
		for c := range n.ChildNodes() {
			text := ""
			for d := range c.Descendants() {
				if d.Type == html.TextNode {
					text += d.Data
				}
			}
			if title := attribute(c, "title"); strings.HasSuffix(title, " bytes") {
				text = title
			}
			cells = append(cells, strings.TrimSpace(text))
		}
		rows = append(rows, cells)
	}
	return rows
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// TestStatusAdmin serves the page at the admin endpoint, which refuses foreign hosts and origins.
func TestStatusAdmin(t *testing.T) {
	t.Parallel()
	backend := "	passthrough {\n%s		backend web {\n			server s1 127.0.0.1:1\n		}\n	}"
	p := start(t, fmt.Sprintf(backend, ""), "")
	get := func(path, headers string) (int, string) {
		return p.sendRaw(t, "GET "+path+" HTTP/1.1\r\nConnection: close\r\n"+headers+"\r\n")
	}
	own := "Host: " + p.admin + "\r\n"
	for name, c := range map[string]struct {
		path, headers string
		status        int
	}{
		"page":           {"/passthrough/", own, http.StatusOK},
		"view":           {"/passthrough/?view=sessions", own, http.StatusOK},
		"asset":          {"/passthrough/page/page.css", own, http.StatusOK},
		"foreign host":   {"/passthrough/", "Host: evil.example\r\n", http.StatusForbidden},
		"foreign origin": {"/passthrough/page/live", own + "Origin: https://evil.example\r\n", http.StatusForbidden},
		"API":            {"/passthrough/backends", own, http.StatusOK},
		"neither":        {"/passthrough/none", own, http.StatusNotFound},
	} {
		if status, text := get(c.path, c.headers); status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, status, c.status, text)
		}
	}
	if status, text := p.ask(t, http.MethodPost, "/passthrough/", ""); status != http.StatusForbidden || !strings.Contains(text, "allow_control") {
		t.Errorf("a change of a page that only shows: %d %s", status, text)
	}
	if err := p.reload(t, fmt.Sprintf(backend, "		status_page {\n			allow_control\n		}\n"), ""); err != nil {
		t.Fatal(err)
	}
	if status, text := p.ask(t, http.MethodGet, "/passthrough/?view=backends", ""); status != http.StatusOK || !strings.Contains(text, `name="token"`) {
		t.Errorf("the page of a configuration with allow_control: %d %s", status, text)
	}
	if status, text := p.ask(t, http.MethodPost, "/passthrough/", ""); status != http.StatusForbidden || !strings.Contains(text, "load the page again") {
		t.Errorf("a change without a token: %d %s", status, text)
	}
}
