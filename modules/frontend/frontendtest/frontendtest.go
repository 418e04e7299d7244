// SPDX-License-Identifier: Apache-2.0

// Package frontendtest has what the tests of frontends and of their configuration share: apps with
// backends, names that resolve as a test wants, and connections over loopback.
package frontendtest

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies" // the default policy
)

// App returns a provisioned app with backends from JSON, by name, and its context.
func App(t testing.TB, backends map[string]string) (*balancer.App, caddy.Context) {
	t.Helper()
	app := &balancer.App{Backends: make(map[string]*balancer.Backend)}
	for name, config := range backends {
		b := new(balancer.Backend)
		if err := json.Unmarshal([]byte(config), b); err != nil {
			t.Fatal(err)
		}
		app.Backends[name] = b
	}
	var ctx caddy.Context
	err := Provision(t, func(own caddy.Context) error {
		ctx = own
		return app.Provision(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Cleanup() })
	return app, ctx
}

// Provision calls f, alone, with a context that logs errors only and ends with the test.
func Provision(t testing.TB, f func(caddy.Context) error) error {
	t.Helper()
	base, err := quiet()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(base)
	t.Cleanup(cancel)
	Provisioning.Lock()
	defer Provisioning.Unlock()
	return f(ctx)
}

// Provisioning is held by one test at a time: contexts share state, and Caddy provisions the apps
// of a configuration one after the other.
var Provisioning sync.Mutex

// quiet returns a context that logs errors only. Generated rules cause warnings all the time.
var quiet = sync.OnceValues(func() (caddy.Context, error) {
	log := caddy.CustomLog{BaseLog: caddy.BaseLog{Level: "ERROR"}}
	return caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: &log}}})
})
