// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
)

// patience limits each wait.
const patience = time.Minute

// rig is a backend with servers in the test, and a proxy in front of it.
type rig struct {
	*httptest.Server
	handler *Handler
	app     *balancer.App
}

// newRig starts a proxy for a backend, with options of the handler and the backend in JSON. A
// server is an ADDRESS, optionally with further options in JSON.
func newRig(t *testing.T, handler, backend string, servers ...string) *rig {
	t.Helper()
	var list []string
	for i, s := range servers {
		address, more, _ := strings.Cut(s, " ")
		list = append(list, fmt.Sprintf(`{"name": "s%d", "address": %q%s}`, i+1, address, more))
	}
	b := new(balancer.Backend)
	decode(t, `{"servers": [`+strings.Join(list, ",")+`]`+backend+`}`, b)
	h := new(Handler)
	decode(t, `{"backend": "web"`+handler+`}`, h)
	app := &balancer.App{Backends: map[string]*balancer.Backend{"web": b}}
	provision(t, app)
	h.logger = zap.NewNop()
	if err := h.provision(app); err != nil {
		t.Fatal(err)
	}
	r := &rig{handler: h, app: app}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := h.ServeHTTP(w, req, nil)
		if e, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
			w.WriteHeader(e.StatusCode)
		}
	}))
	t.Cleanup(func() {
		r.Close()
		_ = h.Cleanup()
		_ = app.Cleanup()
	})
	return r
}

func provision(t *testing.T, app *balancer.App) {
	t.Helper()
	if err := frontendtest.Provision(t, app.Provision); err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// sessions returns the number of leases on all servers.
func (r *rig) sessions() (n int64) {
	for _, s := range r.handler.backend.Pool().Servers() {
		n += s.Sessions()
	}
	return n
}

// idle waits until no lease is left.
func (r *rig) idle(t *testing.T) {
	t.Helper()
	eventually(t, "no sessions", func() bool { return r.sessions() == 0 && r.handler.backend.Pool().Waiting() == 0 })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for over := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			t.Fatal("not within ", patience, ": ", what)
		}
	}
}

// web starts a server and returns its address.
func web(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// raw starts a server that answers a request with some bytes and closes.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				_, _ = http.ReadRequest(in)
				_, _ = io.WriteString(c, answer)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, in) // closing with unread data would send a reset
			}()
		}
	}()
	return l.Addr().String()
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// get returns status and body.
func (r *rig) get(t *testing.T, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	response, err := r.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body), response.Header
}

const quick = `, "retries": 0`
