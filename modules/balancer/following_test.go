// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/miekg/dns"

	"github.com/caddy-passthrough/caddy-passthrough/modules/dnsclient/dnstest"
)

// runApp provisions an app and lets it serve, until the test ends.
func runApp(t *testing.T, config string) (*App, error) {
	t.Helper()
	app := new(App)
	if err := json.Unmarshal([]byte(config), app); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	app.ctx = ctx
	err := app.provisionResolvers()
	for name, b := range app.Backends {
		if err == nil {
			err = b.Provision(ctx, name)
		}
		if err == nil {
			err = app.validateResolvers(b)
		}
	}
	t.Cleanup(func() {
		for _, b := range app.Backends {
			if b.following != nil {
				b.stopFollowing()
			}
		}
		_ = app.Cleanup()
		cancel()
	})
	return app, err
}

// serverState returns the address of a server, or that it has none.
func serverState(backend, server string) string {
	b, _ := registry.Backend(backend)
	for _, s := range b.Servers {
		if s.Name == server && s.Unresolved {
			return "none"
		} else if s.Name == server {
			return s.Address
		}
	}
	return "missing"
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// A server with resolvers is in maintenance while its name has no address.
func TestServersFollowNames(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	app, err := runApp(t, fmt.Sprintf(`{
		"resolvers": {"mine": {"nameservers": [{"address": %q}], "hold": {"nx": "1ms"}}},
		"backends": {"following": {"resolvers": "mine", "servers": [
			{"name": "s1", "address": "web.test:443"}, {"name": "s2", "address": "web.test:443", "init_addr": ["last", "libc", "none"]},
			{"name": "s3", "address": "web.test:443", "init_addr": ["192.0.2.9"]}, {"name": "s4", "address": "192.0.2.1:443"}
		]}}}`, s.Address))
	if err != nil {
		t.Fatal(err)
	}
	b := app.Backends["following"]
	b.pool.Activate()
	all := func() string {
		return strings.Join([]string{serverState("following", "s1"), serverState("following", "s2"), serverState("following", "s3"), serverState("following", "s4")}, " ")
	}
	if got := all(); got != "web.test:443 none web.test:443 192.0.2.1:443" {
		t.Error("before it serves:", got)
	}
	s.Set("web.test", dnstest.Reply{Silent: true})
	b.followNames(app)
	await(t, "s3 does not begin at its address", func() bool { return all() == "web.test:443 none 192.0.2.9:443 192.0.2.1:443" })
	s.Has("web.test", "web.test. 1 IN A 192.0.2.2")
	await(t, "the servers do not get their address", func() bool { return all() == strings.Repeat("web.test:443 ", 3)+"192.0.2.1:443" })
	s.Set("web.test", dnstest.Reply{Code: dns.RcodeNameError})
	await(t, "the servers are not in maintenance", func() bool { return all() == strings.Repeat("none ", 3)+"192.0.2.1:443" })
	s.Has("web.test", "web.test. 1 IN A 192.0.2.3")
	await(t, "the servers do not come back", func() bool { return all() == strings.Repeat("web.test:443 ", 3)+"192.0.2.1:443" })
}

func TestUnknownResolvers(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`{"resolvers": {"mine": {"nameservers": [{"address": "127.0.0.1"}]}}, "backends": {"b": {"servers": [{"name": "s", "address": "web.test:1", "resolvers": "mime"}]}}}`: `backend "b": server "s": resolvers "mime" is not defined; did you mean "mine"?`,
		`{"resolvers": {"mine": {}}}`:                                                                                            `resolvers "mine": it has no servers: expected nameserver, or parse_resolv_conf`,
		`{"resolvers": {"mine": {"nameservers": [{"address": "dns.test"}]}}}`:                                                    `nameserver "dns.test": expected an IP address`,
		`{"resolvers": {"mine": {"nameservers": [{"address": "::1"}], "hold": {"nx": 30}}}}`:                                     `hold nx 30ns: expected at least 1ms`,
		`{"resolvers": {"mine": {"nameservers": [{"address": "::1"}], "retries": -1}}}`:                                          `retries -1: expected`,
		`{"resolvers": {"mine": {"nameservers": [{"address": "::1"}], "accepted_payload_size": 100}}}`:                           `accepted_payload_size 100: expected`,
		`{"resolvers": {"mine": {"nameservers": [{"address": "::1"}], "tls": {}}}}`:                                              `tls: it has no server name`,
		`{"resolvers": {"mine": {"nameservers": [{"address": "::1"}], "tls": {"server_name": "a.test", "ca": "/nowhere.pem"}}}}`: `no such file`,
		`{"backends": {"b": {"servers": [{"name": "s", "address": "web.test:1", "init_addr": ["first"]}]}}}`:                     `init_addr "first": expected last, libc, none or an IP address`,
		`{"backends": {"b": {"servers": [{"name": "s", "address": "web.test:1", "resolve_net": ["10.0.0.1"]}]}}}`:                `resolve_net "10.0.0.1": expected a network`,
		`{"backends": {"b": {"servers": [{"name": "s", "address": "web.test:1", "resolve_opts": ["dup"]}]}}}`:                    `resolve_opts: unknown word "dup"`,
	} {
		if _, err := runApp(t, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}
