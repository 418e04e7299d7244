// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"
)

func TestValidateName(t *testing.T) {
	for _, name := range []string{"a", "Z", "0", "web-1_a.b:c", "-", strings.Repeat("x", 500)} {
		if err := ValidateName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := ValidateName(""); err == nil || err.Error() != "it has no name" {
		t.Errorf("no name: %v", err)
	}
	for _, name := range []string{"a b", " a", "a/b", "a\n", "é", "a\x00", "{a}", "@a", "a,b", "[", "`"} {
		if err := ValidateName(name); err == nil || !strings.Contains(err.Error(), ": expected letters, digits and any of -_.:") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestValidateAddress(t *testing.T) {
	for _, address := range []string{"10.0.0.1:443", "[2001:db8::1]:443", "[fe80::1%eth0]:1", "web.example.com:65535", "localhost:1", "my_host:80"} {
		if err := validateAddress(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{"unix/@web", "unix//run/web.sock", "unix///x", "unix//" + strings.Repeat("x", 106)} {
		if err := validateAddress(address); err != nil {
			t.Errorf("%q: %v", address, err)
		}
		if network, path := SplitAddress(address); network != "unix" || "unix/"+path != address {
			t.Errorf("%q is %s %s", address, network, path)
		}
	}
	for _, name := range []string{"web", "a.b:c", strings.Repeat("x", 107)} {
		network, to := SplitAddress("abns/" + name)
		if err := validateAddress("abns/" + name); err != nil || network != "unix" || len(to) != 108 || strings.TrimRight(to, "\x00") != "@"+name {
			t.Errorf("abns/%s is %s %q: %v", name, network, to, err)
		}
	}
	if network, to := SplitAddress("10.0.0.1:443"); network != "tcp" || to != "10.0.0.1:443" {
		t.Errorf("10.0.0.1:443 is %s %s", network, to)
	}
	for address, want := range map[string]string{"tcp4/web.test:443": "tcp4 web.test:443", "tcp6/web.test:1": "tcp6 web.test:1", "tcp4/{l4.client_hello.sni}:443": "tcp4 {l4.client_hello.sni}:443"} {
		network, to := SplitAddress(address)
		if err := validateAddress(address); err != nil || network+" "+to != want {
			t.Errorf("%s is %s %s: %v", address, network, to, err)
		}
	}
	const literal = ": expected a host name after tcp"
	const path = ": expected unix/ and an absolute path of at most 107 bytes"
	const form, port = ": expected HOST:PORT, such as ", ": expected a port from 1 to 65535 after the host"
	for address, want := range map[string]string{
		"":                                  form,
		"10.0.0.1":                          form,
		":443":                              form,
		"2001:db8::1:443":                   form,
		"https://web.example.com":           form,
		"https://web.example.com:443":       form,
		"web.example.com:443/path":          form,
		"user@web.example.com:443":          form,
		"web example.com:443":               form,
		"unix:/run/web.sock":                form,
		"unix/":                             path,
		"unix/web.sock":                     path,
		"unix//run/{env.X}.sock":            path,
		"unix/@":                            path,
		"abns/":                             path,
		"abns/{env.X}":                      path,
		"abns/" + strings.Repeat("x", 108):  path,
		"unix//" + strings.Repeat("x", 107): path,
		"tcp/web.test:443":                  form,
		"tcp4/":                             form,
		"tcp4/tcp6/web.test:443":            form,
		"tcp4/10.0.0.1:443":                 literal,
		"tcp6/[::1]:443":                    literal,
		"tcp6/web.test:0":                   port,
		"10.0.0.1:":                         port,
		"10.0.0.1:0":                        port,
		"10.0.0.1:65536":                    port,
		"10.0.0.1:https":                    port,
		"10.0.0.1:443-445":                  port,
	} {
		if err := validateAddress(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", address, err, want)
		}
	}
}

func TestValidateBackend(t *testing.T) {
	const s1 = `{"name": "s1", "address": "10.0.0.1:443"}`
	for _, c := range []struct{ backend, want string }{
		{`{}`, "it has no servers: expected at least one"},
		{`{"servers": null}`, "it has no servers: expected at least one"},
		{`{"servers": [` + s1 + `, null]}`, "server 2: expected an object with name and address"},
		{`{"servers": [{"address": "10.0.0.1:443"}]}`, `server 1 "": it has no name`},
		{`{"servers": [{"name": "s 1", "address": "10.0.0.1:443"}]}`, `server 1 "s 1": name "s 1": expected letters`},
		{`{"servers": [{"name": "s1"}]}`, `server 1 "s1": address "": expected HOST:PORT`},
		{`{"servers": [{"name": "s1", "address": "10.0.0.1:443", "weight": 257}]}`, `server 1 "s1": weight 257: expected a whole number from 0 to 256`},
		{`{"servers": [{"name": "s1", "address": "10.0.0.1:443", "weight": -1}]}`, `server 1 "s1": weight -1: expected a whole number from 0 to 256`},
		{`{"servers": [` + s1 + `, {"name": "s2", "address": "10.0.0.2:443"}, ` + s1 + `]}`, `servers 1 and 3 are both named "s1": expected names that differ`},
		{`{"servers": [` + s1 + `], "retries": -1}`, "retries -1: expected a whole number from 0 to 100"},
		{`{"servers": [` + s1 + `], "retries": 101}`, "retries 101: expected a whole number from 0 to 100"},
		{`{"servers": [` + s1 + `], "timeouts": {"connect": "-1s"}}`, "timeouts.connect -1s: expected a duration greater than zero"},
		{`{"servers": [` + s1 + `], "timeouts": {"client": "-1m"}}`, "timeouts.client -1m0s: expected a duration greater than zero"},
		{`{"servers": [` + s1 + `], "timeouts": {"server": -2}}`, "timeouts.server -2ns: expected a duration greater than zero, or -1 for never"},
		{`{"servers": [], "timeouts": {"queue": "-1s"}}`, "timeouts.queue -1s: expected a duration greater than zero"},
		{`{"servers": [], "timeouts": {"check": "-1s"}}`, "timeouts.check -1s: "},
		{`{"servers": [], "timeouts": {"client_fin": "-1s"}}`, "timeouts.client_fin -1s: "},
		{`{"servers": [], "timeouts": {"server_fin": "-1s"}}`, "timeouts.server_fin -1s: "},
		{`{"servers": [], "timeouts": {"tunnel": "-1s"}}`, "timeouts.tunnel -1s: "},
		{`{"servers": [], "fullconn": -1}`, "fullconn -1: expected a whole number, zero or more"},
		{`{"servers": [], "retry_budget": {}}`, "retry_budget: percent 0: expected a whole number from 1 to 1000"},
		{`{"servers": [], "retry_budget": {"percent": -20}}`, "retry_budget: percent -20: expected a whole number from 1 to 1000"},
		{`{"servers": [], "retry_budget": {"percent": 1001}}`, "retry_budget: percent 1001: expected a whole number from 1 to 1000"},
		{`{"servers": [], "retry_budget": {"percent": 20, "min_per_second": -1}}`, "retry_budget: min_per_second -1: expected a whole number from 0 to 1000000"},
		{`{"servers": [], "retry_budget": {"percent": 20, "min_per_second": 1000001}}`, "retry_budget: min_per_second 1000001: expected a whole number from 0 to 1000000"},
		{`{"servers": [], "check": {"rise": -1}}`, "check: rise -1: expected a whole number, zero or more"},
		{`{"servers": [], "agent": {}}`, "agent: it has no port"},
		{`{"servers": [], "preconnect": -1}`, "preconnect -1: expected a whole number from 0 to 1000"},
		{`{"servers": [], "preconnect": 1001}`, "preconnect 1001: expected a whole number from 0 to 1000"},
		{`{"servers": [], "preconnect_max_age": "30s"}`, "preconnect_max_age: expected preconnect, too"},
		{`{"servers": [], "preconnect": 2, "preconnect_max_age": "10ms"}`, "preconnect_max_age 10ms: expected 1s or more"},
		{`{"site": "web", "preconnect": 2}`, "preconnect: the backend passes connections on within this process"},
		{`{"servers": [{"name": "s1", "address": "{l4.client_hello.sni}:443"}], "preconnect": 2}`, `preconnect: server "s1": its address depends on the client, and the connection is made before there is a client`},
		{`{"servers": [{"name": "s1", "address": "10.0.0.1:+1"}], "preconnect": 2}`, `preconnect: server "s1": its port depends on the one that the client connects to`},
		{`{"servers": [` + s1 + `], "transparent": "clientip", "preconnect": 2}`, `preconnect: server "s1": transparent clientip: it is to see the client's address`},
	} {
		b := backend(t, c.backend)
		b.name = "web"
		if err := b.validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.backend, err, c.want)
		}
	}
	for _, good := range []string{
		`{"servers": [` + s1 + `]}`,
		`{"servers": [{"name": "s1", "address": "10.0.0.1:443", "weight": 0}, {"name": "s2", "address": "10.0.0.1:443", "weight": 256}]}`,
		`{"servers": [` + s1 + `, {"name": "u", "address": "unix//run/u.sock"}], "preconnect": 1000, "preconnect_max_age": "1s", "send_proxy": "v2"}`,
		`{"servers": [` + s1 + `], "retries": 0, "redispatch": false, "timeouts": {"connect": "1ms", "client": "1d", "server": "1h"}}`,
		`{"servers": [` + s1 + `], "retries": 100}`,
		`{"servers": [` + s1 + `], "retry_budget": {"percent": 1, "min_per_second": 0}}`,
		`{"servers": [` + s1 + `], "retry_budget": {"percent": 1000, "min_per_second": 1000000}}`,
		`{"servers": []}`,
		`{"servers": [` + s1 + `], "timeouts": {"connect": -1, "queue": -1, "check": -1, "client": -1, "server": -1, "client_fin": -1, "server_fin": -1, "tunnel": -1}}`,
	} {
		b := backend(t, good)
		b.name = "web"
		if err := b.validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestBackendDefaults(t *testing.T) {
	type settings struct {
		Balance    string
		Retries    int
		Redispatch Redispatch
		Timeouts   Timeouts
		Weights    []int
	}
	for _, c := range []struct {
		backend string
		want    settings
	}{
		{
			`{"servers": [{"name": "s1", "address": "10.0.0.1:443"}]}`,
			settings{`{"policy":"roundrobin"}`, 3, Redispatch{On: true}, timeouts(5*time.Second, time.Minute, time.Minute), []int{1}},
		},
		{
			`{"servers": [{"name": "s1", "address": "10.0.0.1:443", "weight": 0}, {"name": "s2", "address": "10.0.0.2:443", "weight": 7}],
			  "balance": {"policy": "static"}, "retries": 0, "redispatch": false, "timeouts": {"connect": "1s", "client": "2s", "server": "3s"}}`,
			settings{`{"policy": "static"}`, 0, Redispatch{}, timeouts(time.Second, 2*time.Second, 3*time.Second), []int{0, 7}},
		},
	} {
		b := backend(t, c.backend)
		b.setDefaults()
		got := settings{string(b.BalanceRaw), *b.Retries, *b.Redispatch, b.Timeouts, nil}
		for _, s := range b.Servers {
			got.Weights = append(got.Weights, s.config().Weight)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.backend, diff)
		}
	}
}

func TestBackendEmpty(t *testing.T) {
	if !new(Backend).Empty() {
		t.Error("a backend without options is not empty")
	}
	for _, options := range []string{
		`{"balance": {"policy": "roundrobin"}}`, `{"servers": [null]}`, `{"retries": 3}`, `{"redispatch": true}`,
		`{"servers": []}`, `{"allbackups": true}`, `{"check": {}}`, `{"agent": {}}`, `{"fullconn": 1}`, `{"retry_budget": {}}`, `{"content": {}}`, `{"timeouts": {"tunnel": 1}}`,
		`{"timeouts": {"connect": 1}}`, `{"timeouts": {"client": 1}}`, `{"timeouts": {"server": 1}}`,
	} {
		if b := backend(t, options); b.Empty() {
			t.Errorf("%s is empty", options)
		}
	}
}

func timeouts(connect, client, server time.Duration) Timeouts {
	return Timeouts{Connect: caddy.Duration(connect), Queue: caddy.Duration(connect), Client: caddy.Duration(client), Server: caddy.Duration(server)}
}

func backend(t *testing.T, config string) *Backend {
	t.Helper()
	b := new(Backend)
	if err := json.Unmarshal([]byte(config), b); err != nil {
		t.Fatal(err)
	}
	return b
}
