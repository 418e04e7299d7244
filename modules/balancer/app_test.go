// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	_ "github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	_ "github.com/caddy-passthrough/caddy-passthrough/modules/policies"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

const twoServers = `{"servers": [{"name": "s1", "address": "10.0.0.1:443"}, {"name": "s2", "address": "10.0.0.2:443"}]}`

// A reload provisions the new configuration beside the old one: counts and the round robin's
// position carry over, even if addresses and weights change.
func TestReloadKeepsCounts(t *testing.T) {
	name := unused("reloaded")
	first := provisioned(t, `{"`+name+`": `+twoServers+`}`)
	lease := acquire(t, first, name, "s1")
	acquire(t, first, name, "s2").Release(pool.ConnectFailed)
	acquire(t, first, name, "s1").Release(pool.Served)

	second := provisioned(t, `{"`+name+`": {"servers": [
		{"name": "s2", "address": "10.0.9.2:443"}, {"name": "s3", "address": "10.0.0.3:443"}, {"name": "s1", "address": "10.0.9.1:443"}]}}`)
	checkCounts(t, second, name, counts{"s1", 1, 2, 0}, counts{"s2", 0, 1, 1}, counts{"s3", 0, 0, 0})
	cleanUp(t, first)
	checkCounts(t, second, name, counts{"s1", 1, 2, 0}, counts{"s2", 0, 1, 1}, counts{"s3", 0, 0, 0})
	acquire(t, second, name, "s2").Release(pool.Served)

	lease.Release(pool.Served)
	checkCounts(t, second, name, counts{"s1", 0, 2, 0}, counts{"s2", 0, 2, 1})
	cleanUp(t, second)
}

// A session that outlives all configurations of its backend still counts when the backend is back.
func TestLeaseOutlivesItsConfiguration(t *testing.T) {
	name := unused("outlived")
	first := provisioned(t, `{"`+name+`": `+twoServers+`}`)
	lease := acquire(t, first, name, "s1")
	cleanUp(t, first)

	second := provisioned(t, `{"`+name+`": `+twoServers+`}`)
	checkCounts(t, second, name, counts{"s1", 1, 1, 0})
	lease.Release(pool.Served)
	checkCounts(t, second, name, counts{"s1", 0, 1, 0})
	cleanUp(t, second)
}

// A configuration that fails changes nothing and keeps no references.
func TestFailedConfigurationLeavesNoTrace(t *testing.T) {
	name := unused("a")
	running := provisioned(t, `{"`+name+`": `+twoServers+`}`)
	acquire(t, running, name, "s1").Release(pool.Served)

	failed := load(t, `{"`+name+`": `+twoServers+`, "b": {"retries": 1}, "c": `+twoServers+`}`)
	want := `backend "b": it has no servers: expected at least one`
	if err := failed.Provision(newContext(t)); err == nil || err.Error() != want {
		t.Fatalf("error %v, want %s", err, want)
	}
	cleanUp(t, failed) // as Caddy does
	checkCounts(t, running, name, counts{"s1", 0, 1, 0})
	acquire(t, running, name, "s2").Release(pool.Served)
	acquire(t, running, name, "s1").Release(pool.Served)

	cleanUp(t, running)
	later := provisioned(t, `{"`+name+`": `+twoServers+`}`)
	checkCounts(t, later, name, counts{"s1", 0, 2, 0}, counts{"s2", 0, 1, 0})
	acquire(t, later, name, "s1").Release(pool.Served) // the policy begins anew
	cleanUp(t, later)
}

func TestProvisionNamesWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		`{"web": null}`:               `backend "web": expected an object with servers`,
		`{"w b": ` + twoServers + `}`: `backend "w b": name "w b": expected letters`,
		`{"web": {"balance": {"policy": "fastest"}, "servers": [{"name": "s1", "address": "10.0.0.1:443"}]}}`: `backend "web": balance: unknown policy "fastest" (known: first, hash, leastconn, maglev, peak_ewma, random, roundrobin, source, static_rr)`,
	} {
		app := load(t, config)
		if err := app.Provision(newContext(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", config, err, want)
		}
		cleanUp(t, app)
	}
}

func TestAppTimeouts(t *testing.T) {
	for config, want := range map[string]string{
		`{}`: "", `{"grace_period": -1, "removed_server_timeout": -1}`: "", `{"grace_period": "1h", "removed_server_timeout": "1ms"}`: "",
		`{"grace_period": "-1s"}`:           "grace_period -1s: expected a duration greater than zero, or -1 for never",
		`{"removed_server_timeout": "-1m"}`: "removed_server_timeout -1m0s: expected",
	} {
		app := new(App)
		if err := json.Unmarshal([]byte(config), app); err != nil {
			t.Fatal(err)
		}
		if err := app.Provision(newContext(t)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", config, err, want)
		}
		cleanUp(t, app)
	}
}

func TestBackendByName(t *testing.T) {
	app := provisioned(t, `{"web": `+twoServers+`, "api": `+twoServers+`}`)
	defer cleanUp(t, app)
	if b, err := app.Backend("web"); err != nil || b.Name() != "web" || b != app.Backends["web"] {
		t.Errorf("web: %v", err)
	}
	for name, want := range map[string]string{
		"wbe":  `backend "wbe" is not defined; did you mean "web"? (known: api, web)`,
		"mail": `backend "mail" is not defined (known: api, web)`,
	} {
		if b, err := app.Backend(name); b != nil || err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", name, err, want)
		}
	}
}

func TestFrontendNamesDiffer(t *testing.T) {
	app := provisioned(t, `{}`)
	for _, name := range []string{"tls", "default"} {
		if err := app.AddFrontend(name, "", map[string]string{"tls": `layer4 server "srv0"`}[name]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"tls":     `another frontend is named "tls" already (layer4 server "srv0"): give one of them a name of its own`,
		"default": `another frontend is named "default" already: give one of them a name of its own`,
		"a b":     `name "a b": expected letters, digits`,
	} {
		if err := app.AddFrontend(name, "", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", name, err, want)
		}
	}
}

// A frontend's own backend is like any other, under the frontend's name.
func TestAddBackend(t *testing.T) {
	name := unused("tls")
	app := provisioned(t, `{"web": `+twoServers+`}`)
	ctx := newContext(t)
	if err := app.AddBackend(ctx, name, backend(t, twoServers)); err != nil {
		t.Fatal(err)
	}
	acquire(t, app, name, "s1").Release(pool.Served)
	want := `its own servers form backend "web", and the app has one of that name: rename one of the two`
	if err := app.AddBackend(ctx, "web", backend(t, twoServers)); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	want = `backend "empty": it has no servers: expected at least one`
	if err := app.AddBackend(ctx, "empty", backend(t, `{"retries": 1}`)); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	cleanUp(t, app)
	later := provisioned(t, `{"`+name+`": `+twoServers+`}`)
	checkCounts(t, later, name, counts{"s1", 0, 1, 0})
	cleanUp(t, later)
}

func newContext(t *testing.T) caddy.Context {
	base, err := caddy.ProvisionContext(new(caddy.Config))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(base)
	t.Cleanup(cancel)
	return ctx
}

func load(t *testing.T, backends string) *App {
	t.Helper()
	app := new(App)
	if err := json.Unmarshal([]byte(`{"backends": `+backends+`}`), app); err != nil {
		t.Fatal(err)
	}
	return app
}

func provisioned(t *testing.T, backends string) *App {
	t.Helper()
	app := load(t, backends)
	if err := app.Provision(newContext(t)); err != nil {
		t.Fatal(err)
	}
	return app
}

func cleanUp(t *testing.T, app *App) {
	t.Helper()
	if err := app.Cleanup(); err != nil {
		t.Error(err)
	}
}

// acquire takes a lease, which must be on the named server.
func acquire(t *testing.T, app *App, backend, server string) *pool.Lease {
	t.Helper()
	lease, err := app.Backends[backend].Pool().Acquire(t.Context(), new(pool.Request))
	if err != nil {
		t.Fatal(err)
	}
	if lease.Server.Name != server {
		t.Errorf("backend %s gave %s, want %s", backend, lease.Server.Name, server)
	}
	return lease
}

var lastUnused atomic.Int64

// unused returns a name that no backend has had: counts of backends are kept for those that come
// back.
func unused(name string) string { return name + strconv.FormatInt(lastUnused.Add(1), 10) }

type counts struct {
	server        string
	sessions      int64
	taken, failed uint64
}

func checkCounts(t *testing.T, app *App, backend string, want ...counts) {
	t.Helper()
	for _, w := range want {
		found := false
		for _, s := range app.Backends[backend].Pool().Servers() {
			if got := (counts{s.Name, s.Sessions(), s.Taken(), s.Failed()}); s.Name == w.server {
				found = true
				if got != w {
					t.Errorf("server %s of %s: %+v, want %+v", s.Name, backend, got, w)
				}
			}
		}
		if !found {
			t.Errorf("%s has no server %s", backend, w.server)
		}
	}
}
