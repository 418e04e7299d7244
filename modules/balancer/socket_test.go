// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
)

func TestSocketOptionsInCaddyfile(t *testing.T) {
	const (
		words = "source 10.0.0.9:2000-2999\n transparent clientip\n interface eth0\n namespace blue\n tfo\n tcp_user_timeout 5s\n mss 1400\n keepalive_idle off\n keepalive_interval 3s\n keepalive_count 4"
		want  = `"source":"10.0.0.9:2000-2999","transparent":"clientip","interface":"eth0","namespace":"blue","tfo":true,"tcp_user_timeout":5000000000,"mss":1400,"keepalive_idle":-1,"keepalive_interval":3000000000,"keepalive_count":4`
	)
	for block, want := range map[string]string{
		words: `{` + want + `,"timeouts":{}}`,
		"server s 10.0.0.1:1 {\n" + words + "\n}": `{"servers":[{"name":"s","address":"10.0.0.1:1",` + want + `}]}`,
	} {
		b, err := parseBackend(block)
		if err != nil {
			t.Errorf("%q: %v", block, err)
			continue
		}
		if got, want := string(caddyconfig.JSON(b, nil)), strings.Replace(want, `,"timeouts":{}`, "", 1); got != want {
			t.Errorf("%q:\n%s, want\n%s", block, got, want)
		}
	}
}

func TestValidateSocketOptions(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("most options are refused here")
	}
	const source, transparent = ": expected an IP address of this system, with a port", ": expected client, clientip or an IP address"
	for options, want := range map[string]string{
		`"source": "10.0.0.9"`:              "",
		`"source": "10.0.0.9:1"`:            "",
		`"source": "10.0.0.9:65535-65535"`:  "",
		`"source": "2001:db8::9"`:           "",
		`"source": "[2001:db8::9]"`:         "",
		`"source": "[2001:db8::9]:1-2"`:     "",
		`"source": "fe80::1%eth0"`:          "",
		`"source": "0.0.0.0:1000-2000"`:     "",
		`"transparent": "client"`:           "",
		`"transparent": "10.0.0.9:80"`:      "",
		`"transparent": "2001:db8::9"`:      "",
		`"interface": "wg0.1-x", "mss": 88`: "",
		`"keepalive_idle": -1`:              "",
		`"source": "web.test"`:              `source "web.test"` + source,
		`"source": "10.0.0.9:"`:             `source "10.0.0.9:"` + source,
		`"source": "10.0.0.9:0"`:            `source "10.0.0.9:0"` + source,
		`"source": "10.0.0.9:2-1"`:          `source "10.0.0.9:2-1"` + source,
		`"source": "10.0.0.9:1-65536"`:      `source "10.0.0.9:1-65536"` + source,
		`"source": ":80"`:                   `source ":80"` + source,
		`"transparent": "hdr_ip(x)"`:        `transparent "hdr_ip(x)"` + transparent,
		`"transparent": "0.0.0.0"`:          `transparent "0.0.0.0"` + transparent,
		`"interface": "much-too-long-name"`: `interface "much-too-long-name": expected the name of a network interface`,
		`"interface": "a/b"`:                `interface "a/b": expected the name of a network interface`,
		`"mss": 87`:                         "mss 87: expected a whole number from 88 to 32767",
		`"mss": -1`:                         "mss -1: expected",
		`"keepalive_count": 128`:            "keepalive_count 128: expected a whole number from 1 to 127",
		`"keepalive_interval": 5`:           "keepalive_interval 5ns: expected at least 1ms",
		`"keepalive_idle": -2`:              "keepalive_idle -2ns: expected",
		`"tcp_user_timeout": "600h"`:        "tcp_user_timeout 600h0m0s: expected at most 596h31m23.647s",
	} {
		for _, b := range []*Backend{
			backend(t, `{"servers": [{"name": "s", "address": "10.0.0.1:1", `+options+`}]}`),
			backend(t, `{`+options+`, "servers": [{"name": "s", "address": "10.0.0.1:1"}]}`),
		} {
			b.name = "web"
			err := b.validate()
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", options, err, want)
			}
		}
	}
	unix := backend(t, `{"source": "10.0.0.9", "servers": [{"name": "s", "address": "unix//run/x"}]}`)
	unix.name = "web"
	if err := unix.validate(); err != nil {
		t.Errorf("a Unix socket in a backend with source: %v", err)
	}
	unix = backend(t, `{"servers": [{"name": "s", "address": "unix//run/x", "source": "10.0.0.9"}]}`)
	unix.name = "web"
	const want = `server 1 "s": address "unix//run/x": a Unix socket has no options of TCP, such as source: expected none`
	if err := unix.validate(); err == nil || err.Error() != want {
		t.Errorf("a Unix socket with source: %v, want %s", err, want)
	}
}

func TestSocketOptionsOfServers(t *testing.T) {
	b := backend(t, `{
		"source": "10.0.0.9", "transparent": "client", "interface": "eth0", "tfo": true, "mss": 1000, "tcp_user_timeout": "1s", "keepalive_idle": "30s",
		"servers": [
			{"name": "plain", "address": "10.0.0.1:1"},
			{"name": "own", "address": "10.0.0.1:1", "source": "10.0.0.8:5-7", "mss": 2000, "keepalive_count": 3},
			{"name": "any", "address": "10.0.0.1:1", "source": "0.0.0.0"},
			{"name": "unix", "address": "unix//run/x"}
		]}`)
	if err := b.provisionSockets(); err != nil {
		t.Fatal(err)
	}
	nine, eight := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.0.0.8")
	for name, want := range map[string]*relay.SocketOptions{
		"plain": {Source: nine, Transparent: relay.TransparentClient, Interface: "eth0", FastOpen: true, MSS: 1000, UserTimeout: time.Second, KeepAlive: &relay.KeepAlive{Idle: 30 * time.Second}},
		"own":   {Source: eight, FirstPort: 5, LastPort: 7, FastOpen: true, MSS: 2000, UserTimeout: time.Second, KeepAlive: &relay.KeepAlive{Idle: 30 * time.Second, Count: 3}},
		"any":   {FastOpen: true, MSS: 1000, UserTimeout: time.Second, KeepAlive: &relay.KeepAlive{Idle: 30 * time.Second}},
		"unix":  nil,
	} {
		got := b.Socket(&pool.Server{ServerConfig: pool.ServerConfig{Name: name}})
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(relay.SocketOptions{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	if o := backend(t, `{"servers": [{"name": "s", "address": "10.0.0.1:1"}]}`); o.provisionSockets() != nil || o.sockets != nil {
		t.Error("a backend without options has some")
	}
}

func TestMissingNamespace(t *testing.T) {
	b := backend(t, `{"namespace": "nothere.test", "servers": [{"name": "u", "address": "unix//run/x"}, {"name": "s", "address": "10.0.0.1:1"}]}`)
	if err := b.provisionSockets(); err == nil || !strings.Contains(err.Error(), `server 2 "s": opening network namespace "nothere.test": `) {
		t.Errorf("%v", err)
	}
}

// Checks and agents connect from the server's address and through its interface, with any port, and
// never from the client's address.
func TestCheckTargetsKeepSource(t *testing.T) {
	app := provisioned(t, `{"web": {"source": "10.0.0.9", "interface": "eth0", "agent": {"port": 9}, "servers": [
		{"name": "backends", "address": "10.0.0.1:1", "check": {}},
		{"name": "own", "address": "10.0.0.1:2", "source": "10.0.0.8:5-6", "transparent": "client", "check": {}},
		{"name": "checks", "address": "10.0.0.1:3", "check": {"source": "10.0.0.7"}}]}}`)
	defer cleanUp(t, app)
	for i, want := range []string{"10.0.0.9 eth0, 10.0.0.9 eth0", "10.0.0.8 , 10.0.0.8 ", "10.0.0.7 eth0, 10.0.0.9 eth0"} {
		s := app.Backends["web"].Pool().Servers()[i]
		check, agent := s.Check.Target, s.Agent.Target
		if got := fmt.Sprint(check.Source, " ", check.Interface, ", ", agent.Source, " ", agent.Interface); got != want {
			t.Errorf("%s: %s, want %s", s.Name, got, want)
		}
	}
}
