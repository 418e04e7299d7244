// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// serversOf returns the names of a backend's servers, with their addresses and states.
func serversOf(backend string) (all []string) {
	b, _ := registry.Backend(backend)
	for i := range b.Servers {
		s := &b.Servers[i]
		all = append(all, s.Name+" "+s.Address+" "+s.Admin.String())
	}
	return all
}

func checkServers(t *testing.T, backend string, want ...string) {
	t.Helper()
	if got := serversOf(backend); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// served returns the app of a configuration that serves until the next one does.
func served(t *testing.T, before *App, backends string) *App {
	t.Helper()
	a := provisioned(t, backends)
	a.serve()
	if before != nil {
		cleanUp(t, before)
	}
	return a
}

// Servers that were added and removed at run time stay so over reloads, until the configuration
// names them.
func TestAddServer(t *testing.T) {
	name := unused("grows")
	a := served(t, nil, `{"`+name+`": `+twoServers+`}`)
	if err := AddServer(name, Server{Name: "s3", Address: "10.0.0.3:443", Limits: Limits{MaxConn: 7}, ProxyHeader: ProxyHeader{SendProxy: proxyV2}, SocketOptions: SocketOptions{TCPUserTimeout: caddy.Duration(1e9)}}, "test"); err != nil {
		t.Fatal(err)
	}
	checkServers(t, name, "s1 10.0.0.1:443 ready", "s2 10.0.0.2:443 ready", "s3 10.0.0.3:443 maint")
	if _, err := registry.Change(name, "s3", pool.Change{Admin: new(pool.Ready)}); err != nil {
		t.Fatal(err)
	}
	check := func(a *App) {
		t.Helper()
		b := a.Backends[name]
		s := b.pool.Server("s3")
		if b.HeaderOf("s3").Version() != 2 || b.Socket(s) == nil || s.MaxConn != 7 || s.ID != 3 || b.HeaderOf("s1") != nil || b.Socket(b.pool.Server("s1")) != nil {
			t.Errorf("header %v, socket options %v, %+v", b.HeaderOf("s3"), b.Socket(s), s.ServerConfig)
		}
	}
	check(a)
	acquire(t, a, name, "s1").Release(pool.Served)
	acquire(t, a, name, "s2").Release(pool.Served)
	lease := acquire(t, a, name, "s3")

	a = served(t, a, `{"`+name+`": `+twoServers+`}`)
	check(a)
	checkServers(t, name, "s1 10.0.0.1:443 ready", "s2 10.0.0.2:443 ready", "s3 10.0.0.3:443 ready")
	checkCounts(t, a, name, counts{"s3", 1, 1, 0})
	if got, want := overridden(name), []string{"s3 added: 10.0.0.3:443 () by test"}; !slices.Equal(got, want) {
		t.Errorf("overrides %q, want %q", got, want)
	}

	if err := RemoveServer(name, "s3", "test"); !errors.Is(err, pool.ErrNotInMaint) {
		t.Error(err)
	}
	maint := pool.Change{Admin: new(pool.Maint)}
	if _, err := registry.Change(name, "s3", maint); err != nil {
		t.Fatal(err)
	}
	if err := RemoveServer(name, "s3", "test"); !errors.Is(err, pool.ErrInUse) {
		t.Error(err)
	}
	lease.Release(pool.Served)
	if err := RemoveServer(name, "s3", "test"); err != nil {
		t.Fatal(err)
	}
	change(t, name, maint)
	if err := RemoveServer(name, "s1", "test"); err != nil {
		t.Fatal(err)
	}
	checkServers(t, name, "s2 10.0.0.2:443 ready")
	acquire(t, a, name, "s2").Release(pool.Served)

	a = served(t, a, `{"`+name+`": `+twoServers+`}`)
	checkServers(t, name, "s2 10.0.0.2:443 ready")
	if got, want := overridden(name), []string{"s1 removed:  (10.0.0.1:443) by test"}; !slices.Equal(got, want) {
		t.Errorf("overrides %q, want %q", got, want)
	}
	if err := AddServer(name, Server{Name: "s1", Address: "10.0.9.1:443"}, "test"); err != nil {
		t.Fatal(err)
	}
	a = served(t, a, `{"`+name+`": `+twoServers+`}`)
	checkServers(t, name, "s2 10.0.0.2:443 ready", "s1 10.0.9.1:443 maint")
	a = served(t, a, `{"`+name+`": {"servers": [{"name": "s1", "address": "10.0.0.9:443"}, {"name": "s2", "address": "10.0.0.2:443"}]}}`)
	checkServers(t, name, "s1 10.0.0.9:443 ready", "s2 10.0.0.2:443 ready")
	cleanUp(t, a)
}

// A configured server that was removed is back when the override is dropped.
func TestDropRemoval(t *testing.T) {
	name := unused("shrinks")
	a := served(t, nil, `{"`+name+`": `+twoServers+`}`)
	defer func() { cleanUp(t, a) }()
	change(t, name, pool.Change{Admin: new(pool.Maint)})
	if err := RemoveServer(name, "s1", "test"); err != nil {
		t.Fatal(err)
	}
	checkServers(t, name, "s2 10.0.0.2:443 ready")
	if changed, err := registry.DropOverride(pool.Ref{Backend: name, Server: "s1"}, ""); err != nil || len(changed) != 1 || overridden(name) != nil {
		t.Errorf("%v, %v, left %v", changed, err, overridden(name))
	}
	checkServers(t, name, "s1 10.0.0.1:443 ready", "s2 10.0.0.2:443 ready")
	acquire(t, a, name, "s2").Release(pool.Served)
	acquire(t, a, name, "s1").Release(pool.Served)
}

func TestInvalidAddedServers(t *testing.T) {
	name, fixed := unused("valid"), unused("fixed")
	a := served(t, nil, `{"`+name+`": {"check": {}, "servers": [{"name": "s1", "address": "10.0.0.1:443"}, {"name": "s2", "address": "10.0.0.2:443", "track": "s1"}]},
		"`+fixed+`": {"balance": {"policy": "static_rr"}, "servers": [{"name": "s1", "address": "10.0.0.1:443"}]}}`)
	defer func() { cleanUp(t, a) }()
	for _, tt := range []struct {
		backend string
		server  Server
		want    string
	}{
		{unused("none"), Server{Name: "s3", Address: "10.0.0.3:443"}, pool.ErrNoBackend.Error()},
		{fixed, Server{Name: "s3", Address: "10.0.0.3:443"}, pool.ErrFixedServers.Error()},
		{name, Server{Name: "s1", Address: "10.0.0.3:443"}, pool.ErrServerExists.Error()},
		{name, Server{Name: "s 3", Address: "10.0.0.3:443"}, "expected letters"},
		{name, Server{Name: "s3", Address: "10.0.0.3"}, "expected HOST:PORT"},
		{name, Server{Name: "s3", Address: "{l4.tls.server_name}:443"}, "that does not depend on the client"},
		{name, Server{Name: "s3", Address: "10.0.0.3:443", Weight: new(257)}, "weight 257"},
		{name, Server{Name: "s3", Address: "10.0.0.3:443", ID: 2}, "id 2 is that of server s2: expected another one"},
		{name, Server{Name: "s3", Address: "10.0.0.3:443", Limits: Limits{MaxConn: 5, MinConn: 2}}, "the backend has no fullconn"},
		{name, Server{Name: "s3", Address: "10.0.0.3:443", HealthOptions: HealthOptions{Track: "s9"}}, `has no server "s9"`},
		{name, Server{Name: "s3", Address: "10.0.0.3:443", HealthOptions: HealthOptions{Check: &Check{CheckerRaw: []byte(`{"module": "x"}`)}}}, `unknown checker "x"`},
	} {
		if err := AddServer(tt.backend, tt.server, "test"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %+v: %v, want %s", tt.backend, tt.server, err, tt.want)
		}
	}
	checkServers(t, name, "s1 10.0.0.1:443 ready", "s2 10.0.0.2:443 ready")
	if _, err := registry.Change(name, "s1", pool.Change{Admin: new(pool.Maint)}); err != nil {
		t.Fatal(err)
	}
	if err := RemoveServer(name, "s1", "test"); !errors.Is(err, pool.ErrTracked) {
		t.Error(err)
	}
	if err := RemoveServer(name, "s3", "test"); !errors.Is(err, pool.ErrNoSuchServer) {
		t.Error(err)
	}
}
