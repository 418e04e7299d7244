// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// newAppOf returns an app with backends from JSON, by name.
func newAppOf(t testing.TB, backends map[string]string) *balancer.App {
	t.Helper()
	app := &balancer.App{Backends: make(map[string]*balancer.Backend)}
	for name, config := range backends {
		b := new(balancer.Backend)
		if err := json.Unmarshal([]byte(config), b); err != nil {
			t.Fatal(err)
		}
		app.Backends[name] = b
	}
	base, err := quiet()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(base)
	t.Cleanup(cancel)
	provisioning.Lock()
	defer provisioning.Unlock()
	if err := app.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Cleanup() })
	return app
}

// provisioning is held by one test at a time: they share quiet, and Caddy
// provisions the apps of a configuration one after the other.
var provisioning sync.Mutex

// quiet is a context that logs errors only.
var quiet = sync.OnceValues(func() (caddy.Context, error) {
	log := caddy.CustomLog{BaseLog: caddy.BaseLog{Level: "ERROR"}}
	return caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: &log}}})
})

// frontendTo returns a frontend that sends everything to one backend of app, with what
// config adds, and its log, unless config has another.
func frontendTo(app *balancer.App, backend string, config Config) (*Frontend, *observer.ObservedLogs) {
	core, logged := observer.New(zapcore.DebugLevel)
	config.App = app
	if config.Logger == nil {
		config.Logger = zap.New(core)
	}
	if config.Name == "" {
		config.Name = "f"
	}
	config.Router = &Router{Default: app.Backends[backend], Logger: config.Logger}
	return New(config), logged
}

// linesOf returns the lines of a frontend's connections that have ended.
func linesOf(t testing.TB, f *Frontend, logged *observer.ObservedLogs) []observer.LoggedEntry {
	t.Helper()
	last := tcplog.New("the last", nil, nil)
	f.log.Write(&last) // lines are written in this order
	for over := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		all := logged.FilterMessage("session").All()
		if len(all) > 0 && all[len(all)-1].ContextMap()["frontend"] == "the last" {
			return all[:len(all)-1]
		}
		if time.Now().After(over) {
			t.Fatalf("the log is not written: %v", all)
		}
	}
}

// inspected is an inspection that has found the hello in raw.
func inspected(t testing.TB, raw []byte) *clienthello.Inspection {
	t.Helper()
	i := clienthello.NewInspection(0)
	if i.Feed(raw) != clienthello.Found {
		t.Fatal(i.Outcome(), i.Err())
	}
	t.Cleanup(i.Release)
	return i
}

// connected are the two ends of a TCP connection.
func connected(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// answers has names be resolved by answer, for this test: the IPv4 addresses of a
// host. Without any there is no such host.
func answers(t *testing.T, answer func(host string) []string) {
	t.Helper()
	answersOf(t, sourceFunc(func(host string, f resolve.Family) (addresses []netip.Addr, err error) {
		found := answer(host)
		if len(found) == 0 || f != resolve.IPv4 {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		for _, a := range found {
			addresses = append(addresses, netip.MustParseAddr(a))
		}
		return addresses, nil
	}))
}

// answersOf has a source resolve names, for this test.
func answersOf(t *testing.T, source resolve.Source) {
	t.Helper()
	servers, clients := resolve.Servers, resolve.Clients
	t.Cleanup(func() { resolve.Servers, resolve.Clients = servers, clients })
	resolve.Servers, resolve.Clients = &resolve.Resolver{Source: source}, &resolve.Resolver{Source: source}
}

type sourceFunc func(host string, f resolve.Family) ([]netip.Addr, error)

func (f sourceFunc) Lookup(_ context.Context, host string, family resolve.Family) ([]netip.Addr, time.Duration, error) {
	addresses, err := f(host, family)
	return addresses, 0, err
}

// dialing is a connection of a client that has said hello, on its way to a server.
func dialing(t *testing.T, hello []byte) *connection {
	t.Helper()
	c := &connection{f: new(Frontend), client: client{Conn: new(hellotest.Conn)}, hello: inspected(t, hello), gone: make(chan struct{})}
	c.input.tried = true
	return c
}
