// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parse returns the store of a Caddyfile.
func parse(text string) (*Redis, error) {
	r := new(Redis)
	return r, r.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
}

func TestCaddyfile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"redis redis://r:6379/1": `{"url":"redis://r:6379/1"}`,
		"redis {\n url redis://r\n username u\n password {env.P}\n prefix p\n node n\n timeout 20ms\n tls {\n  server_name r\n }\n}": `{"url":"redis://r","username":"u","password":"{env.P}","tls":{"server_name":"r"},"prefix":"p","node":"n","timeout":20000000}`,
		"redis {\n sentinel m a:1 b:2 {\n  username u\n  password p\n }\n database 3\n}":                                             `{"sentinel":{"master":"m","addresses":["a:1","b:2"],"username":"u","password":"p"},"database":3}`,
		"redis {\n cluster a:1 b:2\n}": `{"cluster":["a:1","b:2"]}`,
	} {
		r, err := parse(text)
		if got, _ := json.Marshal(r); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	if _, err := parse("redis {\n url a\n url b\n}"); err == nil {
		t.Error("url is accepted twice")
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Redis{
		"expected one of url, sentinel and cluster": {},
		"expected one of url, sentinel and":         {URL: "redis://r", Cluster: []string{"a:1"}},
		"url: expected redis://HOST:PORT/DATABASE":  {URL: "http://user:secret@r"},
		"database 3: with a url it is the path":     {URL: "redis://r", Database: 3},
		"database 3: a Redis Cluster has":           {Cluster: []string{"a:1"}, Database: 3},
		`cluster: address "a": expected HOST:PORT`:  {Cluster: []string{"a"}},
		"sentinel: expected the name of the master": {Sentinel: &Sentinel{Addresses: []string{"a:1"}}},
		"sentinel: expected addresses":              {Sentinel: &Sentinel{Master: "m"}},
		`prefix "a{b": expected`:                    {URL: "redis://r", Prefix: "a{b"},
		"timeout: 1m0s: expected 1ms to 10s":        {URL: "redis://r", Timeout: caddy.Duration(time.Minute)},
		"password: ":                                {URL: "redis://r", Password: "{env.CADDY_PASSTHROUGH_NO_SUCH}"},
		"tls: ":                                     {URL: "redis://r", TLS: tlsOf(t, `{"ca": "no such file"}`)},
	} {
		err := r.Provision(caddy.Context{Context: t.Context()})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want %s", r, err, want)
		}
	}
}

// The password may be in a file, whose last newline is not a part of it.
func TestPasswordInFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := provisioned(t, Redis{URL: "redis://r", Password: "{file." + file + "}"})
	if got := r.settings.client.Password; got != "secret" {
		t.Errorf("password %q", got)
	}
}

// A reload goes on with the store unless something changes.
func TestEqual(t *testing.T) {
	t.Parallel()
	base := Redis{URL: "redis://r"}
	a := provisioned(t, base)
	if b := provisioned(t, base); !a.Equal(b) {
		t.Error("the same configuration is another store")
	}
	for _, other := range []Redis{
		{URL: "redis://s"},
		{URL: "redis://r", Prefix: "p"},
		{URL: "redis://r", Node: "n"},
		{URL: "redis://r", Password: "p"},
		{URL: "redis://r", Timeout: caddy.Duration(time.Second)},
		{URL: "rediss://r"},
		{URL: "redis://r", TLS: tlsOf(t, `{"server_name": "r"}`)},
	} {
		if a.Equal(provisioned(t, other)) {
			t.Errorf("%+v is the same store", other)
		}
	}
}
