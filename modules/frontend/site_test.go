// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
)

// The end of the process also cuts connections of sites.
func TestShutdownCutsSites(t *testing.T) {
	began := make(chan struct{})
	address, err := caddy.ParseNetworkAddress("passthrough/site-cut")
	if err != nil {
		t.Fatal(err)
	}
	l, err := address.Listen(t.Context(), 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})}
	go func() { _ = s.Serve(l.(net.Listener)) }()
	t.Cleanup(func() { _ = s.Close() })
	f, logged := frontendTo(newAppOf(t, map[string]string{"web": `{"site": "site-cut"}`}), "web", Config{Content: new(rules.Config)})
	client, server := frontendtest.Connected(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.ServeRouted(layer4.WrapConnection(server, nil, zap.NewNop()))
	}()
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-began
	liveConns.mu.Lock()
	for c := range liveConns.onGoroutine {
		if c.f == f {
			go c.kill(errShutdown)
		}
	}
	liveConns.mu.Unlock()
	<-done
	if fields := linesOf(t, f, logged)[0].ContextMap(); fields["termination"] != "KD" || fields["error"] != errShutdown.Error() {
		t.Errorf("logged as %v", fields)
	}
}
