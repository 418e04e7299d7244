// SPDX-License-Identifier: Apache-2.0

package httpbackend

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// Requests come from the server's source. They cannot come from the client's address.
func TestSource(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		_, _ = io.WriteString(w, host)
	}))
	defer server.Close()
	r := newRig(t, "", `, "source": "127.0.0.9"`, server.Listener.Addr().String())
	answer, err := http.Get(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if seen, err := io.ReadAll(answer.Body); err != nil || string(seen) != "127.0.0.9" {
		t.Errorf("the request comes from %s, %v", seen, err)
	}
	for _, word := range []string{"client", "clientip"} {
		b, h := new(balancer.Backend), new(Handler)
		decode(t, `{"servers": [{"name": "s", "address": "10.0.0.1:80"}], "transparent": "`+word+`"}`, b)
		decode(t, `{"backend": "web"}`, h)
		app := &balancer.App{Backends: map[string]*balancer.Backend{"web": b}}
		provision(t, app)
		if err := h.provision(app); err == nil || !strings.Contains(err.Error(), `backend "web": server "s": transparent: the client's address is not available over HTTP`) {
			t.Errorf("transparent %s: %v", word, err)
		}
		_ = app.Cleanup()
	}
}
