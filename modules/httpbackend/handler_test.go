// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

func TestStatuses(t *testing.T) {
	silent := web(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for name, test := range map[string]struct {
		backend, server string
		want            int
	}{
		"served":            {quick, web(t, says("a")), 200},
		"dead":              {quick, programs.Address(t), 503},
		"disabled":          {quick, programs.Address(t) + ` , "disabled": true`, 503},
		"closes":            {quick, raw(t, ""), 502},
		"no HTTP":           {quick, raw(t, "SSH-2.0-x\r\n"), 502},
		"silent":            {`, "timeouts": {"server": "50ms"}`, silent, 504},
		"its own 503 is it": {quick, raw(t, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), 503},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "", test.backend, test.server)
			if status, _, _ := r.get(t, nil); status != test.want {
				t.Errorf("status %d, want %d", status, test.want)
			}
			r.idle(t)
		})
	}
}

// Requests and responses pass unchanged: no header is added or removed.
func TestHeadersPassUnchanged(t *testing.T) {
	var seen http.Header
	var host string
	r := newRig(t, "", "", web(t, func(w http.ResponseWriter, r *http.Request) {
		seen, host = r.Header.Clone(), r.Host
		w.Header().Set("Server", "mine")
		w.Header()["Date"] = nil
	}))
	_, _, headers := r.get(t, func(r *http.Request) {
		r.Host = "a.example"
		r.Header = http.Header{"X-Forwarded-For": {"192.0.2.1", "192.0.2.2"}, "X-Forwarded-Proto": {"https"}, "Forwarded": {"for=x"}, "User-Agent": nil, "Accept-Encoding": {"br"}}
	})
	want := http.Header{"X-Forwarded-For": {"192.0.2.1", "192.0.2.2"}, "X-Forwarded-Proto": {"https"}, "Forwarded": {"for=x"}, "Accept-Encoding": {"br"}}
	if fmt.Sprint(seen) != fmt.Sprint(want) || host != "a.example" {
		t.Errorf("the server sees %v and host %s, want %v", seen, host, want)
	}
	if got := headers["Server"]; len(got) != 1 || got[0] != "mine" {
		t.Errorf("the client sees %v", headers)
	}
}

func TestForwardedFor(t *testing.T) {
	for options, want := range map[string]string{
		`{}`:                          "[192.0.2.1 127.0.0.1]",
		`{"except": ["127.0.0.0/8"]}`: "[192.0.2.1]",
		`{"if_none": true}`:           "[192.0.2.1]",
		`{"header": "X-Client"}`:      "[192.0.2.1][127.0.0.1]",
	} {
		var seen string
		r := newRig(t, `, "forwarded_for": `+options, "", web(t, func(_ http.ResponseWriter, r *http.Request) {
			seen = fmt.Sprint(r.Header["X-Forwarded-For"])
			if c := r.Header["X-Client"]; c != nil {
				seen += fmt.Sprint(c)
			}
		}))
		r.get(t, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") })
		if seen != want {
			t.Errorf("%s: %s, want %s", options, seen, want)
		}
	}
}

// A request waits while the server is full, and the server is released however the exchange ends.
func TestLeasesAreReleased(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { programs.NoLeaks(t, before) })
	release := make(chan struct{})
	r := newRig(t, "", `, "timeouts": {"queue": "-1ns"}`, web(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begins")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})+` , "maxconn": 1`)
	ask := func() (*http.Response, context.CancelFunc) {
		ctx, cancel := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := r.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		return response, cancel
	}
	first, leaves := ask()
	queued, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() { // a client that leaves while it waits
		defer close(gone)
		request, _ := http.NewRequestWithContext(queued, http.MethodGet, r.URL, http.NoBody)
		if response, err := r.Client().Do(request); err == nil {
			_ = response.Body.Close()
			t.Error("served beyond maxconn")
		}
	}()
	eventually(t, "the second waits", func() bool { return r.handler.backend.Pool().Waiting() == 1 })
	cancel()
	<-gone
	eventually(t, "nothing waits", func() bool { return r.handler.backend.Pool().Waiting() == 0 })
	if r.sessions() != 1 {
		t.Errorf("%d sessions", r.sessions())
	}
	leaves() // without having read the response
	_ = first.Body.Close()
	r.idle(t)
	next, cancel := ask()
	defer cancel()
	close(release)
	if body, err := io.ReadAll(next.Body); string(body) != "begins" || err != nil {
		t.Errorf("%q %v", body, err)
	}
	_ = next.Body.Close()
	r.idle(t)
	r.Client().CloseIdleConnections()
}

func TestQueueTimeout(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, "", `, "timeouts": {"queue": "30ms"}`, web(t, func(http.ResponseWriter, *http.Request) { <-release })+` , "maxconn": 1`)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.get(t, nil)
	}()
	eventually(t, "a session", func() bool { return r.sessions() == 1 })
	if status, _, _ := r.get(t, nil); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	close(release)
	<-done
	r.idle(t)
}

func TestRetries(t *testing.T) {
	good := web(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	for name, test := range map[string]struct {
		on, server string
		chunked    bool
		want       int
	}{
		"connect":                     {``, "", false, 200},
		"connect, length unknown":     {``, "", true, 200},
		"none":                        {`, "retry_on": ["none"]`, "", false, 503},
		"empty":                       {`, "retry_on": ["empty_response"]`, raw(t, ""), false, 200},
		"empty, unknown":              {`, "retry_on": ["empty_response"]`, raw(t, ""), true, 502},
		"empty, not asked for":        {``, raw(t, ""), false, 502},
		"junk":                        {`, "retry_on": ["junk_response"]`, raw(t, "SSH-2.0-x\r\n"), false, 200},
		"status":                      {`, "retry_on": ["503"]`, raw(t, "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"), false, 200},
		"all":                         {`, "retry_on": ["all_retryable_errors"]`, raw(t, "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"), false, 200},
		"another status is passed on": {`, "retry_on": ["503"]`, raw(t, "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"), false, 500},
	} {
		t.Run(name, func(t *testing.T) {
			if test.server == "" {
				test.server = programs.Address(t)
			}
			r := newRig(t, test.on, `, "balance": {"policy": "first"}, "timeouts": {"connect": "1m"}`, test.server, good)
			var body io.Reader = strings.NewReader("hello")
			if test.chunked {
				body = io.MultiReader(body)
			}
			response, err := r.Client().Post(r.URL, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			if response.StatusCode != test.want || test.want == 200 && string(text) != "hello" {
				t.Errorf("%d %q, want %d", response.StatusCode, text, test.want)
			}
			r.idle(t)
		})
	}
}

// An upgraded connection holds the server until it ends.
func TestUpgradeHoldsServer(t *testing.T) {
	server := web(t, func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, rw)
	})
	for name, timeout := range map[string]string{"client closes": "1m", "tunnel timeout": "2s"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "", fmt.Sprintf(`, "timeouts": {"tunnel": %q}`, timeout), server)
			c, err := net.Dial("tcp", r.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			in := bufio.NewReader(c)
			response, err := http.ReadResponse(in, nil)
			if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(response, err)
			}
			_ = response.Body.Close()
			_, _ = io.WriteString(c, "hello\n")
			if line, err := in.ReadString('\n'); line != "hello\n" {
				t.Fatalf("%q %v", line, err)
			}
			if timeout == "1m" {
				if r.sessions() != 1 {
					t.Errorf("%d sessions", r.sessions())
				}
				_ = c.Close()
			} else if _, err := in.ReadByte(); err == nil {
				t.Error("the tunnel goes on")
			}
			r.idle(t)
		})
	}
}

func TestServerHeaderAndClosing(t *testing.T) {
	r := newRig(t, `, "server_header": "X-Server", "close_client": true, "close_server": true`, "", web(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Header.Get("X-Server"), r.Close)
	}))
	if _, body, headers := r.get(t, nil); body != "s1true" {
		t.Errorf("%q %v", body, headers)
	}
}

func TestMistakes(t *testing.T) {
	for config, want := range map[string]string{
		`{"backend": "wep"}`: `backend "wep" is not defined; did you mean "web"`,
		`{"backend": "web", "retry_on": ["conn-failure"]}`:                                      `unknown word "conn-failure"`,
		`{"backend": "web", "retry_on": ["418"]}`:                                               `418: expected one of 401 403`,
		`{"backend": "web", "forwarded_for": {"except": ["x"]}}`:                                `except "x": expected an address`,
		`{"backend": "web", "tls": {"s1": {"verify": "never"}}}`:                                `tls of server "s1"`,
		`{"backend": "web", "tls": {"*": {"client_certificate": {"certificate": "/nowhere"}}}}`: `/nowhere`,
		`{"backend": "web", "tls": {"*": {"ca": "/dev/null"}}}`:                                 `holds no certificate`,
		`{"backend": "ruled"}`:   `rules of use_server look at`,
		`{"backend": "dynamic"}`: `what depends on a connection is not available over HTTP`,
	} {
		var backends map[string]*balancer.Backend
		decode(t, `{"web": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}, "dynamic": {"servers": [{"name": "s1", "address": "{l4.client_hello.sni}:443"}]}, "ruled": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}], "use_server": [{"server": "s1"}]}}`, &backends)
		app := &balancer.App{Backends: backends}
		provision(t, app)
		h := &Handler{logger: zap.NewNop()}
		decode(t, config, h)
		if err := h.provision(app); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
		_ = app.Cleanup()
	}
}
