// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

func init() {
	caddy.RegisterModule(passing{})
}

// passing is a checker that finds every server well.
type passing struct{}

func (passing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "passthrough.checks.test_passing", New: func() caddy.Module { return new(passing) }}
}

func (passing) Check(context.Context, pool.Target) pool.Result {
	return pool.Result{Code: pool.Layer4OK}
}

// That the DNS fails says nothing of a server: another one is tried, and no failure is
// counted. The log says DNS.
func TestUnresolvedServer(t *testing.T) {
	failing := fmt.Errorf("no luck: %w", &net.DNSError{Err: "server misbehaving", Server: "192.0.2.53:53"})
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"SERVFAIL": {failing, "resolving bad.test: server misbehaving (DNS); asked 192.0.2.53:53"},
		"NXDOMAIN": {&net.DNSError{Err: "no such host", IsNotFound: true}, "resolving bad.test: no such host (DNS)"},
	} {
		t.Run(name, func(t *testing.T) {
			at, received := frontendtest.Listening(t, "tcp", "127.0.0.1:0")
			frontendtest.AnswersOf(t, func(string, resolve.Family) ([]netip.Addr, error) { return nil, c.err })
			app, ctx := frontendtest.App(t, map[string]string{
				"two": fmt.Sprintf(`{"check": {"checker": {"module": "test_passing"}}, "servers": [{"name": "s1", "address": "bad.test:443", "observe": "layer4", "error_limit": 1, "on_error": "mark_down"}, {"name": "s2", "address": %q}]}`, at),
				"one": `{"check": {"checker": {"module": "test_passing"}}, "servers": [{"name": "s1", "address": "bad.test:443", "observe": "layer4", "error_limit": 1, "on_error": "mark_down"}], "retries": 1, "redispatch": false, "timeouts": {"connect": "100ms"}}`,
			})
			for backend, want := range map[string]string{"two": "complete", "one": "dns_failed"} {
				app.Backends[backend].Pool().Activate()
				h := &Handler{Name: backend, DefaultBackend: backend}
				logged := provisioned(t, ctx, app, h)
				client, far := frontendtest.Connected(t)
				hello := hellotest.Plain().Raw()
				if _, err := client.Write(hello); err != nil {
					t.Fatal(err)
				}
				_ = client.(*net.TCPConn).CloseWrite()
				go func() {
					if err := h.Handle(layer4.WrapConnection(far, nil, zap.NewNop()), nil); err != nil {
						t.Error(err)
					}
				}()
				fields := onlyLine(t, logged).ContextMap()
				if fields["end"] != want || fields["retries"] != int64(1) {
					t.Errorf("%s: %v", backend, fields)
				}
				if want == "complete" {
					<-received
				} else if fields["error"] != c.want || fields["termination"] != "SC" || fields["ended_by"] != "proxy" {
					t.Errorf("%v", fields)
				}
				if s := app.Backends[backend].Pool().Servers()[0]; s.Failed() != 0 || !app.Backends[backend].Pool().Running(s) {
					t.Errorf("%s: %d failures of the server", backend, s.Failed())
				}
				client.Close()
			}
		})
	}
}
