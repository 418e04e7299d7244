// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// website serves HTTP on passthrough/NAME.
func website(t *testing.T, name string, handler http.HandlerFunc) {
	t.Helper()
	address, err := caddy.ParseNetworkAddress("passthrough/" + name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := address.Listen(t.Context(), 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l.(net.Listener)) }()
	t.Cleanup(func() { _ = s.Close() })
}

// visited has a frontend handle a client of a backend with a site. done is closed when
// the handler has returned.
func visited(t *testing.T, site string, h *Handler) (client net.Conn, logged *observer.ObservedLogs, done chan struct{}) {
	t.Helper()
	app, ctx := frontendtest.App(t, map[string]string{"web": fmt.Sprintf(`{"site": %q}`, site)})
	logged = provisioned(t, ctx, app, h)
	client, server := frontendtest.Connected(t)
	t.Cleanup(func() { _ = client.Close() })
	_ = client.SetDeadline(time.Now().Add(time.Minute))
	done = make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Handle(layer4.WrapConnection(server, nil, zap.NewNop()), nil); err != nil {
			t.Error(err)
		}
		_ = server.Close() // as caddy-l4 does
	}()
	return client, logged, done
}

// A connection goes on as HTTP with the bytes that were read and the client's address, and has one
// log line.
func TestSite(t *testing.T) {
	website(t, "site-test", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.URL, r.RemoteAddr, body)
	})
	for name, config := range map[string]string{
		"at once":         `{"default_backend": "web", "content": {}}`,
		"inspected":       `{"default_backend": "web", "content": {"inspect_delay": "5s", "rules": [{"action": "accept", "match": [{"acl": [{"any": [{"fetch": "req.len", "method": "int", "values": ["1:"]}]}]}]}]}}`,
		"not a TLS hello": `{"default_backend": "web", "on": {"not_tls": "default"}}`,
	} {
		h := parsed(t, config)
		client, logged, done := visited(t, "site-test", h)
		in := bufio.NewReader(client)
		sent, got := 0, 0
		for i := range 3 {
			request := fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody", i)
			sent += len(request)
			if _, err := io.WriteString(client, request); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if want := fmt.Sprintf("/%d %s body", i, client.LocalAddr()); string(body) != want {
				t.Errorf("%s: got %q, want %q", name, body, want)
			}
			got += len(body)
		}
		select {
		case <-done:
			t.Errorf("%s: the handler has returned before the connection has ended", name)
		default:
		}
		_ = client.Close()
		<-done
		fields := onlyLine(t, logged).ContextMap()
		if fields["bytes_in"] != int64(sent) || fields["bytes_out"].(int64) <= int64(got) {
			t.Errorf("%s: %v bytes in, want %d; %v out", name, fields["bytes_in"], sent, fields["bytes_out"])
		}
		if fields["termination"] != "--" || fields["backend"] != "web" || fields["server"] != "" || fields["server_address"] != "passthrough/site-test" {
			t.Errorf("%s: logged as %v", name, fields)
		}
		if n := counted(sample.ObjectFrontend, "fe_conn", h.Name); n != 0 {
			t.Errorf("%s: the frontend has %d connections", name, n)
		}
	}
}

// Where no site listens, on says what becomes of the connection.
func TestSiteThatIsNot(t *testing.T) {
	const noSite = "passthrough/nowhere: no http server of the configuration listens there"
	for name, config := range map[string]string{
		"closed":   `{"default_backend": "web", "content": {}, "on": {"no_server": "close"}}`,
		"rejected": `{"default_backend": "web", "content": {}}`,
		"the same": `{"default_backend": "web", "content": {}, "on": {"no_server": "default"}}`,
	} {
		client, logged, done := visited(t, "nowhere", parsed(t, config))
		if got, err := io.ReadAll(client); err != nil || len(got) > 0 {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		<-done
		if fields := onlyLine(t, logged).ContextMap(); fields["termination"] != "SC" || fields["error"] != noSite {
			t.Errorf("%s: logged as %v", name, fields)
		}
	}
}

// A connection whose first request comes when its server is shutting down is served by the
// next one; a request with a body, which may have been served in part, is not repeated.
func TestSiteMoves(t *testing.T) {
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n":                           "second",
		"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody": "",
	} {
		name := "site-moves-" + request[:3]
		accepted := make(chan struct{})
		first := &http.Server{
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "first") }),
			ReadHeaderTimeout: 20 * time.Second,
			ConnState:         func(_ net.Conn, s http.ConnState) { accept(s, accepted) },
		}
		address, err := caddy.ParseNetworkAddress("passthrough/" + name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := address.Listen(t.Context(), 0, net.ListenConfig{})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = first.Serve(l.(net.Listener)) }()
		website(t, name, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "second") })
		client, logged, done := visited(t, name, parsed(t, `{"default_backend": "web", "content": {}}`))
		<-accepted
		stopped := make(chan error, 1)
		go func() { stopped <- first.Shutdown(t.Context()) }()
		for _, err := l.(net.Listener).Accept(); err == nil; _, err = l.(net.Listener).Accept() {
			t.Error("accepted a second connection")
		}
		if _, err := io.WriteString(client, request); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(client)
		if err != nil || !strings.HasSuffix(string(answer), want) || want == "" && len(answer) > 0 {
			t.Errorf("%s got %q, %v, want %q", request[:4], answer, err, want)
		}
		<-done
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if fields := onlyLine(t, logged).ContextMap(); fields["bytes_in"] != int64(len(request)) {
			t.Errorf("logged as %v, want %d bytes in", fields, len(request))
		}
	}
}

func accept(s http.ConnState, accepted chan struct{}) {
	if s == http.StateNew {
		close(accepted)
	}
}
