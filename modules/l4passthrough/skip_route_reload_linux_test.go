// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package l4passthrough

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/caddyserver/caddy/v2"
	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/durable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

// generation holds what one configuration has accepted.
type generation struct {
	conns atomic.Int64
	app   weak.Pointer[layer4.App]
}

// load loads a configuration. What skips the route is counted.
func load(apps string) (*generation, error) {
	g := new(generation)
	original := takeFor
	defer func() { takeFor = original }()
	takeFor = func(ctx context.Context, app caddy.Module, at caddy.NetworkAddress, take func(*relay.Socket)) {
		g.app = weak.Make(app.(*layer4.App))
		durable.TakeFor(ctx, app, at, func(s *relay.Socket) {
			g.conns.Add(1)
			take(s)
		})
	}
	return g, caddy.Load(fmt.Appendf(nil, `{
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "PANIC"}}},
		"apps": {%s}
	}`, apps), true)
}

// echoed sends a hello to an address and returns the connection when it has come back.
func echoed(t *testing.T, address string, hello []byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	echo(t, c, hello)
	return c
}

func echo(t *testing.T, c net.Conn, what []byte) {
	t.Helper()
	if _, err := c.Write(what); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(what))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, what) {
		t.Fatalf("got %d bytes back (%v), want the %d that were sent", len(got), err, len(what))
	}
}

// isForgotten fails if the app of a configuration that has ended is kept.
func (g *generation) isForgotten(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); g.app.Value() != nil; runtime.GC() {
		if time.Now().After(end) {
			t.Fatal("an app of layer4 outlives its configuration")
		}
	}
}

// Connections of one address skip the route, or do not, as the configuration has it that
// runs when they come. One that is refused gets none, and none that has ended is kept.
func TestRoutesAreSkippedOverReloads(t *testing.T) {
	const some = 10
	address, plain := programs.Address(t), programs.Address(t)
	hello := hellotest.Hello(t, "a.example.test")
	servers := fmt.Sprintf(`"servers": [{"name": "s1", "address": %q}]`, programs.Listen(t, time.Minute, func(c *net.TCPConn) { _, _ = io.Copy(c, c) }))
	handler := `{"handler": "passthrough", "name": "tls", ` + servers + `}`
	direct := `"layer4": {"servers": {"a": {"listen": ["durable/` + address + `", "tcp/` + plain + `"], "routes": [{"handle": [` + handler + `]}]}}}`
	routed := `"layer4": {"servers": {"a": {"listen": ["durable/` + address + `"], "routes": [{"match": [{"test_answer": {"answer": "yes"}}], "handle": [` + handler + `]}]}}}`
	refused := `"layer4": {"servers": {"a": ` + layer4Server("durable/"+address, handler) + `, "b": {"listen": ["durable/192.0.2.1:1"]}}}` // not the server's
	itself := `"passthrough": {"frontends": {"tls": {"bind": [{"address": "` + address + `"}], ` + servers + `}}}`
	t.Cleanup(func() { _ = caddy.Stop() })

	var held net.Conn
	var running *generation
	for i, apps := range []string{direct, routed, direct, direct, refused, itself, direct} {
		loaded, err := load(apps)
		if (err != nil) != (apps == refused) {
			t.Fatalf("configuration %d: %v", i, err)
		}
		over := loaded
		if apps != refused {
			over, running = running, loaded
		}
		if over != nil {
			over.isForgotten(t)
		}
		before := running.conns.Load()
		for range some {
			echoed(t, address, hello).Close()
		}
		if apps == direct {
			echoed(t, plain, hello).Close()
		}
		want := int64(0)
		if apps == direct || apps == refused { // then one that is direct runs
			want = some
		}
		if got := running.conns.Load() - before; got != want || apps == refused && loaded.conns.Load() > 0 {
			t.Errorf("configuration %d: %d connections skipped the route, want %d", i, got, want)
		}
		if held == nil {
			held = echoed(t, address, hello)
		}
		echo(t, held, []byte("still here"))
	}
}

func init() { caddy.RegisterModule(new(witness)) }

// witness is a matcher that tells what it sees of a connection.
type witness struct{}

type sight struct {
	text    string
	wrapped time.Time
}

// sights has one for each connection.
var sights = make(chan sight, 1)

func (*witness) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "layer4.matchers.test_witness", New: func() caddy.Module { return new(witness) }}
}

func (*witness) Match(cx *layer4.Connection) (bool, error) {
	wrapped, _ := cx.Replacer().Get(layer4.ConnWrapTimeReplKey)
	at, _ := wrapped.(time.Time)
	sights <- sight{cx.Replacer().ReplaceAll("{l4.conn.remote_addr} {l4.conn.local_addr} {l4.vars.none} {l4.client_hello.sni} ", "none") + cx.Logger.Name(), at}
	return true, nil
}

// What matchers see of a connection does not tell whether it has skipped the route.
func TestSkippingIsNotSeen(t *testing.T) {
	backend := fmt.Sprintf(`{"servers": [{"name": "s1", "address": %q}], "content": {"rules": [{"action": "accept", "match": [{"test_witness": {}}]}]}}`,
		programs.Listen(t, time.Minute, func(c *net.TCPConn) { _, _ = io.Copy(c, c) }))
	t.Cleanup(func() { _ = caddy.Stop() })
	for route, want := range map[string]int64{
		`{"handle": [{"handler": "passthrough", "default_backend": "web"}]}`:                1,
		`{"match": [{}], "handle": [{"handler": "passthrough", "default_backend": "web"}]}`: 0,
	} {
		address := programs.Address(t)
		g, err := load(fmt.Sprintf(`"passthrough": {"backends": {"web": %s}}, "layer4": {"servers": {"a": {"listen": ["durable/%s"], "routes": [%s]}}}`, backend, address, route))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		c := echoed(t, address, hellotest.Hello(t, "a.example.test"))
		if got := g.conns.Load(); got != want {
			t.Errorf("%s: %d connections skipped the route, want %d", route, got, want)
		}
		got := <-sights
		if want := fmt.Sprintf("%s %s none a.example.test layer4", c.LocalAddr(), c.RemoteAddr()); got.text != want {
			t.Errorf("%s: seen %s, want %s", route, got.text, want)
		}
		if got.wrapped.Location() != time.UTC || got.wrapped.Before(began) || got.wrapped.After(time.Now()) {
			t.Errorf("%s: wrapped at %v, want a time in UTC since %v", route, got.wrapped, began)
		}
	}
}
