// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// A client that leaves while its server is connected to, or during the pause before a
// retry, gives its slot back at once, and the log says that it was the client: where its
// connection is broken, always; where it has closed its direction, with abortonclose.
func TestClientLeavesWhileConnecting(t *testing.T) {
	const slow = `"timeouts": {"connect": "1h"},`
	for i, c := range []struct {
		name, server, more string
		reset              bool
		letters, end, by   string
	}{
		{"reset", programs.Unanswering(t), slow, true, "CD", "client_reset", "client"},
		{"reset, abortonclose", programs.Unanswering(t), slow + `"abortonclose": true,`, true, "CD", "client_reset", "client"},
		{"close, abortonclose", programs.Unanswering(t), slow + `"abortonclose": true,`, false, "CC", "client_left", "client"},
		{"close", programs.Unanswering(t), `"timeouts": {"connect": "700ms"}, "retries": 0,`, false, "sC", "connect_timeout", "server"},
		{"reset in a pause", programs.Address(t), `"retries": 100, "redispatch": false,`, true, "CD", "client_reset", "client"},
		{"reset in a pause, redispatch", programs.Address(t), `"retries": 100,`, true, "CD", "client_reset", "client"},
		{"close in a pause, abortonclose", programs.Address(t), `"retries": 100, "redispatch": -1, "abortonclose": true,`, false, "CC", "client_left", "client"},
	} {
		for kind, connected := range map[string]func(testing.TB) (client, server net.Conn){"net": frontendtest.Connected, "socket": connectedSocket} {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				h := &Handler{Name: fmt.Sprintf("leaving-%s-%d", kind, i)} // its backend bears its name
				config := fmt.Sprintf(`{%s "servers": [{"name": "s1", "address": %q, "maxconn": 1}]}`, c.more, c.server)
				if err := json.Unmarshal([]byte(config), &h.Backend); err != nil {
					t.Fatal(err)
				}
				app, ctx := frontendtest.App(t, nil)
				logged := provisioned(t, ctx, app, h)
				t.Cleanup(h.Backend.Close)
				client, server := connected(t)
				done := make(chan error, 1)
				go func() {
					done <- h.Handle(layer4.WrapConnection(server, nil, zap.NewNop()), nil)
					server.Close()
				}()
				if _, err := client.Write(newSpecimen(t, "a.example.test", "").raw); err != nil {
					t.Fatal(err)
				}
				s := h.Backend.Pool().Servers()[0]
				await(t, "the slot to be taken", func() bool { return s.Sessions() == 1 || s.Failed() > 0 })
				time.Sleep(50 * time.Millisecond) // it is being connected to, or the pause has begun
				began := time.Now()
				if c.reset {
					_ = client.(*net.TCPConn).SetLinger(0)
				}
				client.Close()
				if err := <-done; err != nil {
					t.Error(err)
				}
				t.Logf("over %v after it has left", time.Since(began).Round(time.Millisecond))
				if n := s.Sessions(); n != 0 {
					t.Errorf("%d slots are taken", n)
				}
				fields := onlyLine(t, logged).ContextMap()
				if fields["termination"] != c.letters || fields["end"] != c.end || fields["ended_by"] != c.by || fields["server"] != "s1" {
					t.Errorf("logged as %v, want %s %s by %s", fields, c.letters, c.end, c.by)
				}
			})
		}
	}
}

// connectedSocket returns a connection whose server side was accepted by a durable listener.
func connectedSocket(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the connection to be accepted", func() bool {
		err := raw.Control(func(fd uintptr) {
			if s, err := relay.Accept(fd, ln.Addr()); err == nil {
				server = s
			}
		})
		return err != nil || server != nil
	})
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}
