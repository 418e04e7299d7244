// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend/frontendtest"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// newAppOf returns an app with backends from JSON, by name.
func newAppOf(t testing.TB, backends map[string]string) *balancer.App {
	t.Helper()
	app, _ := frontendtest.App(t, backends)
	return app
}

// frontendTo returns a frontend that sends everything to one backend of app, and its log unless
// config has a logger. config may set more.
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

// linesOf returns the log lines of a frontend's connections that have ended.
func linesOf(t testing.TB, f *Frontend, logged *observer.ObservedLogs) []observer.LoggedEntry {
	t.Helper()
	last := tcplog.New("the last", nil, nil)
	f.log.Write(&last) // lines are written in this order
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		all := logged.FilterMessage("session").All()
		if len(all) > 0 && all[len(all)-1].ContextMap()["frontend"] == "the last" {
			return all[:len(all)-1]
		}
		if time.Now().After(over) {
			t.Fatalf("the log is not written: %v", all)
		}
	}
}

// inspected returns an inspection that has found the hello in raw.
func inspected(t testing.TB, raw []byte) *clienthello.Inspection {
	t.Helper()
	i := clienthello.NewInspection(0)
	if i.Feed(raw) != clienthello.Found {
		t.Fatal(i.Outcome(), i.Err())
	}
	t.Cleanup(i.Release)
	return i
}

// dialing returns a connection whose client has sent its hello, on its way to a server.
func dialing(t *testing.T, hello []byte) *connection {
	t.Helper()
	c := &connection{f: new(Frontend), client: client{Conn: new(hellotest.Conn)}, hello: inspected(t, hello), gone: make(chan struct{})}
	c.input.read = true
	return c
}
