// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

func TestRelayOptions(t *testing.T) {
	const s = time.Second
	backend := balancer.Backend{Timeouts: balancer.Timeouts{
		Client: caddy.Duration(1 * s), Server: caddy.Duration(2 * s), Tunnel: caddy.Duration(3 * s),
		ClientFin: caddy.Duration(4 * s), ServerFin: caddy.Duration(5 * s),
	}}
	for _, c := range []struct {
		f    *Frontend
		want relay.Options
	}{
		{new(Frontend), relay.Options{ClientTimeout: s, ServerTimeout: 2 * s, Tunnel: 3 * s, ClientFin: 4 * s, ServerFin: 5 * s}},
		{
			&Frontend{Config: Config{TimeoutClient: 6 * s, TimeoutClientFin: time.Duration(balancer.Never)}},
			relay.Options{ClientTimeout: 6 * s, ServerTimeout: 2 * s, Tunnel: 3 * s, ClientFin: -1, ServerFin: 5 * s},
		},
	} {
		if diff := cmp.Diff(c.want, c.f.relayOptions(&backend)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

// A connection without a route is served like one with a route, and is closed at the end.
func TestServe(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Read(make([]byte, 4096)) // unread bytes would cause a reset
		_, _ = c.Write([]byte("hi"))
	}()
	app := newAppOf(t, map[string]string{"web": fmt.Sprintf(`{"servers": [{"name": "s1", "address": %q}]}`, ln.Addr())})
	for backend, want := range map[string]struct{ got, letters string }{
		"web":  {"hi", "--"},
		"none": {"\x15\x03\x01\x00\x02\x02\x70", "SC"}, // the alert unrecognized_name
	} {
		f, logged := frontendTo(app, backend, Config{InspectDelay: time.Minute, MaxHello: 65536})
		client, server := frontendtest.Connected(t)
		go f.Entry(EntryConfig{}).Serve(server, time.Now())
		if _, err := client.Write(hellotest.Hello(t, "a.example.test")); err != nil {
			t.Fatal(err)
		}
		_ = client.SetDeadline(time.Now().Add(time.Minute))
		if got, err := io.ReadAll(client); string(got) != want.got || err != nil {
			t.Errorf("%s: got %q, %v, want %q", backend, got, err, want.got)
		}
		client.Close()
		for over := time.Now().Add(time.Minute); logged.Len() == 0 && time.Now().Before(over); {
			time.Sleep(time.Millisecond)
		}
		if lines := logged.All(); len(lines) != 1 || lines[0].ContextMap()["termination"] != want.letters {
			t.Errorf("%s: logged %v, want one line with %s", backend, lines, want.letters)
		}
	}
}
