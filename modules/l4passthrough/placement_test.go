// SPDX-License-Identifier: Apache-2.0

package l4passthrough

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/mholt/caddy-l4/modules/l4subroute"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
)

// unnamedFrontend is a frontend without a name whose server is called after a port.
func unnamedFrontend(port int) string {
	return fmt.Sprintf(`{"handler": "passthrough", "balance": {"policy": "roundrobin"}, "servers": [{"name": "s%d", "address": "127.0.0.1:%[1]d"}]}`, port)
}

func layer4Server(listen, handler string) string {
	return fmt.Sprintf(`{"listen": [%q], "routes": [{"handle": [%s]}]}`, listen, handler)
}

// TestFrontendsWithoutNames provisions frontends repeatedly, so that Caddy provisions their
// servers in different orders. The names, which keep the counts, must not change.
func TestFrontendsWithoutNames(t *testing.T) {
	inner := `{"handler": "subroute", "routes": [{"handle": [` + unnamedFrontend(7) + `]}]}`
	servers := []string{
		`"srv2": ` + layer4Server("tcp/127.0.0.1:7002", unnamedFrontend(2)),
		`"srv10": ` + layer4Server("tcp/[::1]:7010", unnamedFrontend(10)),
		`"srv0": ` + layer4Server("tcp/127.0.0.1:7000", unnamedFrontend(1)+", "+unnamedFrontend(3)),
		`"srv3": ` + layer4Server("tcp/127.0.0.1:7003", `{"handler": "passthrough", "name": "127.0.0.1:7002", "servers": [{"name": "s4", "address": "127.0.0.1:4"}]}`),
		`"srv4": ` + layer4Server("unix//run/tls.sock", inner),
	}
	want := map[string]string{
		"default": "s1", "127.0.0.1:7000": "s3", "127.0.0.1:7002": "s4", "127.0.0.1:7002-2": "s2", "::1:7010": "s10", "unix--run-tls.sock": "s7",
	}
	for range 20 {
		raw := json.RawMessage(`{"servers": {` + strings.Join(servers, ", ") + `}}`)
		ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{"layer4": raw, "passthrough": json.RawMessage(`{}`)}})
		if err != nil {
			t.Fatal(err)
		}
		validateBackends(t, ctx, want)
	}
}

// validateBackends fails unless the app has backends of these names, each with the first server
// given.
func validateBackends(t *testing.T, ctx caddy.Context, want map[string]string) {
	t.Helper()
	mod, err := ctx.App("passthrough")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for name, b := range mod.(*balancer.App).Backends {
		got[name] = b.Servers[0].Name
	}
	if !maps.Equal(got, want) {
		t.Fatalf("the backends of the frontends, by name: %v, want %v", got, want)
	}
}

// TestNamesBesideTheApp checks frontends without names beside those of the app, with rules that
// ask about the others. Caddy provisions the apps in different orders.
func TestNamesBesideTheApp(t *testing.T) {
	asking := func(about string) string {
		return `"connection": [{"action": "close", "match": [{"acl": [{"any": [{"fetch": "fe_conn(` + about + `)", "method": "int", "values": ["100"]}]}]}]}]`
	}
	layer4 := `{"servers": {"a": ` + layer4Server("durable/127.0.0.1:7000", `{"handler": "passthrough", `+asking("own")+`, "servers": [{"name": "s1", "address": "127.0.0.1:1"}]}`) + `}}`
	app := `{"frontends": {
		"default": {"bind": [{"address": "127.0.0.1:7001"}], ` + asking("default-2") + `, "servers": [{"name": "s2", "address": "127.0.0.1:2"}]},
		"own": {"bind": [{"address": "127.0.0.1:7002"}], ` + asking("default") + `, "servers": [{"name": "s3", "address": "127.0.0.1:3"}]}}}`
	want := map[string]string{"default-2": "s1", "default": "s2", "own": "s3"}
	for i := range 20 {
		ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{"layer4": json.RawMessage(layer4), "passthrough": json.RawMessage(app)}})
		if err != nil {
			t.Fatal(err)
		}
		order := []string{"layer4", "passthrough"}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, name := range order {
			if _, err := ctx.App(name); err != nil {
				t.Fatal(err)
			}
		}
		validateBackends(t, ctx, want)
	}
}

// TestPlacementIsDroppedWithConfig checks that a configuration drops its placement at its end.
func TestPlacementIsDroppedWithConfig(t *testing.T) {
	app := json.RawMessage(`{"servers": {"a": ` + layer4Server("tcp/127.0.0.1:7000", unnamedFrontend(1)) + `}}`)
	if err := caddy.Validate(&caddy.Config{AppsRaw: caddy.ModuleMap{"layer4": app}}); err != nil { // ends it, too
		t.Fatal(err)
	}
	for over := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		held := 0
		placements.Range(func(app, _ any) bool {
			if app.(*balancer.App).Backends["default"] != nil && len(app.(*balancer.App).Backends) == 1 {
				held++
			}
			return true
		})
		switch {
		case held == 0:
			return
		case time.Now().After(over):
			t.Fatal("what names the frontends outlives their configuration")
		}
	}
}

// TestIdenticalFrontendsWithoutNames checks frontends that differ only in their servers.
func TestIdenticalFrontendsWithoutNames(t *testing.T) {
	app := json.RawMessage(`{"servers": {"a": ` + layer4Server("tcp/127.0.0.1:7000", unnamedFrontend(1)) + `, "b": ` + layer4Server("tcp/127.0.0.1:7001", unnamedFrontend(1)) + `}}`)
	for range 20 {
		ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{"layer4": app}})
		if err != nil {
			t.Fatal(err)
		}
		mod, err := ctx.App("passthrough")
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(mod.(*balancer.App).Backends)); !slices.Equal(got, []string{"127.0.0.1:7001", "default"}) {
			t.Fatalf("frontends are named %q", got)
		}
	}
}

// A frontend is in its layer4 server even if an http handler has loaded the apps.
func TestFrontendLoadedByASite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	log := caddy.CustomLog{BaseLog: caddy.BaseLog{Level: "WARN", WriterRaw: caddyconfig.JSONModuleObject(map[string]string{"filename": file}, "output", "file", nil)}}
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: &log}},
		AppsRaw: caddy.ModuleMap{
			"passthrough": json.RawMessage(`{"backends": {"placed": {"servers": [{"name": "s1", "address": "127.0.0.1:1"}]}}}`),
			"layer4":      json.RawMessage(`{"servers": {"tls": {"listen": ["durable/127.0.0.1:0"], "routes": [{"handle": [{"handler": "passthrough", "default_backend": "placed"}]}]}}}`),
			"http":        json.RawMessage(`{"servers": {"web": {"listen": ["passthrough/placed"], "automatic_https": {"disable": true}, "routes": [{"handle": [{"handler": "passthrough_backend", "backend": "placed"}]}]}}}`),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ctx.App("http"); err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("passthrough")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.(*balancer.App).Cleanup() }()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "passthrough/placed") {
		t.Errorf("warned of the site's address: %s", text)
	}
}
