// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

// port80Config is a configuration of the http app, for newServers: own sites on one port, with a
// wrapper in front of them, and routes of the HTTP port.
type port80Config struct {
	listen string // of the own sites; default: ":443"
	own    string // their routes
	sites  string // of the wrapper
	auto   string // their options of automatic HTTPS
	plain  string // routes of the HTTP port; default: the handler; "none": Caddy's own server
	app    string // more options of the http app
}

// host returns a route that answers requests for a host with its name.
func host(name string) string {
	return fmt.Sprintf(`{"match": [{"host": [%q]}], "handle": [{"handler": "static_response", "body": %q}], "terminal": true}`, name, name)
}

// handler is the route of a site block http:// with the directive passthrough.
const handler = `{"handle": [{"handler": "passthrough_http"}]}`

// newServers provisions the http app without starting it, and returns the server of its HTTP port.
func newServers(t *testing.T, c port80Config) http.Handler {
	t.Helper()
	if c.listen == "" {
		c.listen = ":443"
	}
	if c.plain == "" {
		c.plain = handler
	}
	servers := fmt.Sprintf(`"tls": {"listen": [%q], "listener_wrappers": [{"wrapper": "passthrough", "sites": [%s]}, {"wrapper": "tls"}], "routes": [%s], "automatic_https": {%s}}`,
		c.listen, c.sites, c.own, c.auto)
	name := "remaining_auto_https_redirects"
	if c.plain != "none" {
		name = "plain"
		servers += fmt.Sprintf(`, "plain": {"listen": [":80"], "routes": [%s]}`, c.plain)
	}
	storage, _ := json.Marshal(map[string]string{"module": "file_system", "root": t.TempDir()})
	frontendtest.Provisioning.Lock()
	defer frontendtest.Provisioning.Unlock()
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		StorageRaw: storage,
		AppsRaw:    caddy.ModuleMap{"http": json.RawMessage(`{"servers": {` + servers + `}` + c.app + `}`)},
		Logging:    &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "PANIC"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*caddyhttp.App).Servers[name]
}

// askPort80 returns the status, Location and body of an answer.
func askPort80(t *testing.T, h http.Handler, method, host, uri string, header ...string) string {
	t.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(""))
	r.Host, r.RequestURI = host, uri
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	r.URL = u
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	answer := w.Result()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("Location"), " ", string(body))), " ")
}

// acmeServer is a web server behind the proxy; it answers challenges with its name, others with
// 404.
type acmeServer struct {
	name, address string
	mu            sync.Mutex
	asked         []*http.Request
	answer        http.HandlerFunc
}

func newACMEServer(t *testing.T, name string) *acmeServer {
	t.Helper()
	return newACMEServerAt(t, name, "127.0.0.1:0")
}

func newACMEServerAt(t *testing.T, name, address string) *acmeServer {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &acmeServer{name: name, address: ln.Addr().String()}
	s.answer = func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, s.name) }
	web := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		s.mu.Unlock()
		s.answer(w, r)
	})}}
	web.Start()
	t.Cleanup(web.Close)
	return s
}

// requests returns the requests so far.
func (s *acmeServer) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

const challenge = "/.well-known/acme-challenge/" + "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

func TestPort80(t *testing.T) {
	acme := newACMEServer(t, "acme")
	h := newServers(t, port80Config{
		own: host("example.com"),
		sites: fmt.Sprintf(`{"names": ["git.example.com", "*.git.example.com"], "servers": [{"name": "s", "address": "unix//nowhere"}]},
			{"names": ["mail.example.com"], "servers": [{"name": "s", "address": "127.0.0.1:1"}], "redirect": true, "acme_to": %q}`, acme.address),
	})
	for _, c := range []struct{ method, host, uri, want string }{
		{"GET", "git.example.com", "/", "404 This name is served over HTTPS only."},
		{"GET", "git.example.com", challenge, "404 This name is served over HTTPS only."},
		{"GET", "Git.Example.COM.", "/", "404 This name is served over HTTPS only."},
		{"GET", "git.example.com:80", "/", "404 This name is served over HTTPS only."},
		{"GET", "mail.example.com", "/", "308 https://mail.example.com/"},
		{"GET", "MAIL.example.com.:8080", "/a/../b?c=%20d&e", "308 https://mail.example.com/a/../b?c=%20d&e"},
		{"POST", "mail.example.com", "/{env.HOME}", "308 https://mail.example.com/%7Benv.HOME%7D"},
		{"GET", "mail.example.com", "//evil.example/", "308 https://mail.example.com//evil.example/"},
		{"GET", "mail.example.com", challenge, "200 acme"},
		{"GET", "MAIL.example.com.:80", challenge, "200 acme"},
		{"HEAD", "mail.example.com", challenge, "200"},
		{"POST", "mail.example.com", challenge, "308 https://mail.example.com" + challenge},
		// Caddy's own names and unknown ones: its automatic redirects.
		{"GET", "example.com", "/a", "308 https://example.com/a"},
		{"GET", "example.com", challenge, "308 https://example.com" + challenge},
		{"GET", "other.example.com", "/a", "308 https://other.example.com/a"},
		{"GET", "192.0.2.1", "/a", "308 https://192.0.2.1/a"},
		{"GET", "mail.example.com@evil.example", "/", "400"},
	} {
		if got := askPort80(t, h, c.method, c.host, c.uri); got != c.want {
			t.Errorf("%s http://%s%s: %q, want %q", c.method, c.host, c.uri, got, c.want)
		}
	}
}

// A request over TLS is for an own site.
func TestPort80OverTLS(t *testing.T) {
	h := newServers(t, port80Config{sites: `{"names": ["git.example.com"], "servers": [{"name": "s", "address": "127.0.0.1:1"}]}`})
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "https://git.example.com/", nil)
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("%d %q, want the empty answer of a server without another route", w.Code, w.Body)
	}
}

// The challenge reaches the server with its Host, the client's address and nothing that could make
// the connection more than one request.
func TestChallengeForwarded(t *testing.T) {
	acme := newACMEServer(t, "acme")
	h := newServers(t, port80Config{sites: fmt.Sprintf(`{"names": ["mail.example.com"], "servers": [{"name": "s", "address": "127.0.0.1:1"}], "acme_to": %q}`, acme.address)})
	got := askPort80(t, h, "GET", "Mail.example.com:80", challenge+"?q",
		"Connection", "Upgrade, X-Secret", "Upgrade", "websocket", "X-Secret", "1", "X-Forwarded-For", "10.9.9.9", "Content-Length", "5", "User-Agent", "test")
	if got != "200 acme" {
		t.Fatal(got)
	}
	r := acme.requests()[0]
	if r.Host != "Mail.example.com:80" || r.RequestURI != challenge || r.ContentLength != 0 || r.Header.Get("User-Agent") != "test" {
		t.Errorf("the server got Host %q, URI %q, length %d, header %v", r.Host, r.RequestURI, r.ContentLength, r.Header)
	}
	const client = "192.0.2.1" // of httptest
	if from := r.Header.Values("X-Forwarded-For"); len(from) != 1 || from[0] != client {
		t.Errorf("X-Forwarded-For %q, want the client's address", from)
	}
	if r.Header.Get("Upgrade") != "" || r.Header.Get("Connection") == "Upgrade" {
		t.Errorf("the header has an upgrade: %v", r.Header)
	}
}

// Only requests that an ACME server makes are forwarded.
func TestNotForwarded(t *testing.T) {
	acme := newACMEServer(t, "acme")
	h := newServers(t, port80Config{sites: fmt.Sprintf(`{"names": ["mail.example.com"], "servers": [{"name": "s", "address": "127.0.0.1:1"}], "acme_to": %q}`, acme.address)})
	const prefix = "/.well-known/acme-challenge/"
	for _, uri := range []string{
		"/", prefix, prefix + ".", prefix + "..", prefix + "../../admin", prefix + "..%2f..%2fadmin", prefix + "%2e%2e/admin", prefix + "a/b", prefix + "a/../../../admin",
		prefix + `..\..\admin`, prefix + "a%00b", prefix + "a%0d%0ab", prefix + "a%20b", prefix + "%61", prefix + "ä", prefix + "a;b", "/.well-known/acme-challenge", "/.well-known//acme-challenge/a",
		"/.well-known/ACME-challenge/a", "/x" + prefix + "a", "/%2ewell-known/acme-challenge/a", prefix + "{env.HOME}",
	} {
		if got := askPort80(t, h, "GET", "mail.example.com", uri); !strings.HasPrefix(got, "404 This name") {
			t.Errorf("%s: %q", uri, got)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "PROPFIND", "get"} {
		if got := askPort80(t, h, method, "mail.example.com", challenge); !strings.HasPrefix(got, "404 This name") {
			t.Errorf("%s: %q", method, got)
		}
	}
	for _, name := range []string{"example.com", "x.mail.example.com", "mail.example.com.evil.example", "mail.example.com..", "", "[::1]", "127.0.0.1"} {
		if got := askPort80(t, h, "GET", name, challenge); strings.HasPrefix(got, "200 acme") {
			t.Errorf("host %q: %q", name, got)
		}
	}
	if n := len(acme.requests()); n != 0 {
		t.Errorf("%d requests were forwarded", n)
	}
}

// A challenge that comes back to the process is not forwarded again.
func TestChallengeLoop(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := newServers(t, port80Config{sites: fmt.Sprintf(`{"names": ["mail.example.com"], "servers": [{"name": "s", "address": "127.0.0.1:1"}], "acme_to": %q}`, ln.Addr())})
	asked := 0
	web := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		h.ServeHTTP(w, r)
	})}}
	web.Start()
	t.Cleanup(web.Close)
	if got := askPort80(t, h, "GET", "mail.example.com", challenge); got != "508" || asked != 1 {
		t.Errorf("%q after %d requests, want 508 after 1", got, asked)
	}
}
